//! Coordinators that refuse, fail, hang or can't be reached.

use std::time::Duration;

use carlo_gateway::{Config, Error};
use carlo_service::{CancellationToken, listen};
use carlo_types::{Fault, FieldFault, JobId};
use carlo_wire::v1;
use tokio::net::TcpListener;
use tonic::Code;

use crate::coordinator::{self, Coordinator, NOWHERE};
use crate::{Gateway, ready, refused};

#[tokio::test]
async fn without_a_coordinator_every_call_is_a_503_problem_and_only_the_process_is_healthy() {
    let gateway = Gateway::start(Config::new(vec![NOWHERE.to_owned()])).await;
    let id = JobId::from_random(7);
    let calls = [
        gateway.get("/api/jobs"),
        gateway.get(&format!("/api/jobs/{id}")),
        gateway.delete(&format!("/api/jobs/{id}")),
        gateway.submit(&ready()),
        gateway.get("/api/cluster/status"),
    ];
    for call in calls {
        let problem = refused(call, 503).await;
        assert_eq!(problem.detail, "no coordinator can be reached at the moment");
    }
    // The readiness probe names the cause for operators.
    assert_eq!(
        refused(gateway.get("/readyz"), 503).await.detail,
        "no coordinator can be reached at the moment: http://127.0.0.1:1: connection refused: nothing listens there"
    );
    assert_eq!(gateway.get("/healthz").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_gateway_is_ready_while_a_coordinator_answers() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    assert_eq!(gateway.get("/readyz").send().await.unwrap().status(), 200);
    coordinator.refuse(Code::Unavailable, "the ledger is being loaded");
    assert_eq!(refused(gateway.get("/readyz"), 503).await.detail, "the ledger is being loaded");
    coordinator.refuse(Code::Internal, "the secret is 42");
    let problem = refused(gateway.get("/readyz"), 503).await;
    assert_eq!(problem.detail, "a coordinator answers, but with an internal error");
}

#[tokio::test]
async fn each_kind_of_fault_has_its_status() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let told = [
        (Code::InvalidArgument, 400),
        (Code::NotFound, 404),
        (Code::FailedPrecondition, 409),
        (Code::ResourceExhausted, 429),
        (Code::Unauthenticated, 401),
        (Code::PermissionDenied, 403),
        (Code::Unavailable, 503),
    ];
    for (code, status) in told {
        coordinator.refuse(code, "words for a person");
        assert_eq!(refused(gateway.submit(&ready()), status).await.detail, "words for a person");
    }
    let kept = [
        (Code::DeadlineExceeded, 504),
        (Code::Unimplemented, 502),
        (Code::Internal, 500),
        (Code::DataLoss, 500),
        (Code::Unknown, 503),
        (Code::Cancelled, 503),
        (Code::Aborted, 503),
    ];
    for (code, status) in kept {
        coordinator.refuse(code, "the secret is 42");
        let problem = refused(gateway.get("/api/jobs").header("x-request-id", "mine"), status).await;
        assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
        assert_eq!(problem.detail.ends_with("under the request id mine"), status == 500, "{problem:?}");
    }
}

#[tokio::test]
async fn fields_that_the_coordinator_faults_are_named() {
    let fault = Fault::invalid(vec![FieldFault::new("/goal/targetAmount", "is too modest")]);
    let coordinator = Coordinator::start().await;
    *coordinator.state.faulted.lock().unwrap() = Some(fault);
    let gateway = Gateway::before(&coordinator).await;
    let problem = refused(gateway.submit(&ready()), 400).await;
    assert_eq!(crate::pointers(&problem), ["/goal/targetAmount"]);
    assert_eq!(problem.detail, "/goal/targetAmount is too modest");
}

#[tokio::test]
async fn a_message_that_makes_no_sense_is_a_500_that_says_nothing() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let nonsense = [
        v1::Job { status: 99, ..coordinator::queued() },
        v1::Job { created_at_ms: u64::MAX, ..coordinator::queued() },
        v1::Job { results: Some(v1::CompletedResults::default()), ..coordinator::complete() },
        v1::Job { partial_results: Some(v1::PartialResults::default()), ..coordinator::running() },
    ];
    for job in nonsense {
        let id = coordinator.keep(job);
        let problem = refused(gateway.get(&format!("/api/jobs/{id}")), 500).await;
        assert!(problem.detail.starts_with("an internal error; "), "{}", problem.detail);
    }
}

#[tokio::test]
async fn numbers_that_json_lacks_are_absent() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let unknown = v1::Job {
        estimated_seconds_remaining: Some(f64::INFINITY),
        simulations_total: 0,
        ..coordinator::queued()
    };
    let id = coordinator.keep(unknown);
    let job: carlo_rest::Job =
        gateway.get(&format!("/api/jobs/{id}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (job.estimated_seconds_remaining, job.estimated_time_remaining, job.progress),
        (None, None, 0.0)
    );
}

#[tokio::test]
async fn reading_goes_on_at_another_coordinator() {
    let other = Coordinator::start().await;
    for first in [NOWHERE.to_owned(), refusing().await] {
        let gateway = Gateway::start(Config::new(vec![first, other.url.clone()])).await;
        for _ in 0..3 {
            assert_eq!(gateway.get("/api/jobs").send().await.unwrap().status(), 200);
        }
    }
}

#[tokio::test]
async fn a_submission_goes_to_another_coordinator_where_no_connection_could_be_made() {
    let other = Coordinator::start().await;
    let gateway = Gateway::start(Config::new(vec![NOWHERE.to_owned(), other.url.clone()])).await;
    assert_eq!(gateway.submit(&ready()).send().await.unwrap().status(), 202);
    assert_eq!(other.state.submitted.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_submission_that_may_have_been_done_is_not_repeated_but_the_next_one_goes_elsewhere() {
    let first = Coordinator::start().await;
    first.refuse(Code::Unavailable, "not the leader any more");
    let other = Coordinator::start().await;
    let gateway = Gateway::start(Config::new(vec![first.url.clone(), other.url.clone()])).await;
    assert_eq!(refused(gateway.submit(&ready()), 503).await.detail, "not the leader any more");
    assert_eq!(other.state.submitted.lock().unwrap().len(), 0);
    assert_eq!(gateway.submit(&ready()).send().await.unwrap().status(), 202);
    assert_eq!(*first.state.calls.lock().unwrap(), ["submit"]);
}

#[tokio::test]
async fn a_coordinator_that_hangs_is_a_504() {
    let coordinator = Coordinator::start().await;
    *coordinator.state.delay.lock().unwrap() = Duration::from_mins(1);
    let mut config = Config::new(vec![coordinator.url.clone()]);
    config.call_timeout = Duration::from_millis(50);
    let gateway = Gateway::start(config).await;
    for call in [gateway.submit(&ready()), gateway.get("/api/jobs")] {
        let problem = refused(call, 504).await;
        assert_eq!(problem.detail, "the coordinator took too long to answer");
    }
}

#[tokio::test]
async fn a_coordinator_that_came_back_is_used_again() {
    // A separate loopback address, so that nothing else takes the port while nobody listens.
    let coordinator = Coordinator::serve(TcpListener::bind("127.0.0.2:0").await.unwrap());
    let gateway = Gateway::before(&coordinator).await;
    assert_eq!(gateway.get("/readyz").send().await.unwrap().status(), 200);
    let address = coordinator.url.trim_start_matches("http://").to_owned();
    drop(coordinator);
    let listener = loop {
        refused(gateway.get("/readyz"), 503).await;
        if let Ok(listener) = TcpListener::bind(&address).await {
            break listener;
        }
    };
    let _again = Coordinator::serve(listener);
    let mut ready = gateway.get("/readyz").send().await.unwrap();
    for _ in 0..50 {
        if ready.status() == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        ready = gateway.get("/readyz").send().await.unwrap();
    }
    assert_eq!(ready.status(), 200);
}

#[tokio::test]
async fn a_configuration_that_names_no_coordinator_is_refused_in_words() {
    for (urls, words) in
        [(vec![], "no coordinator was given"), (vec!["here".to_owned()], "\"here\" is not the URL")]
    {
        let listener = listen::loopback(([127, 0, 0, 1], 0).into()).await.unwrap();
        let run = carlo_gateway::run(Config::new(urls), listener, CancellationToken::new());
        let error: Error = run.await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// The URL of a listener that closes every connection.
async fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    url
}

#[tokio::test]
async fn many_readers_at_once_all_find_the_coordinator_that_answers() {
    let other = Coordinator::start().await;
    let gateway = Gateway::start(Config::new(vec![NOWHERE.to_owned(), other.url.clone()])).await;
    let requests: Vec<_> = (0..64).map(|_| tokio::spawn(gateway.get("/api/jobs").send())).collect();
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap().status(), 200);
    }
}
