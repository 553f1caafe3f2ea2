//! `POST /api/simulate` and `POST /api/sensitivity`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use carlo_gateway::Config;
use carlo_wire::v1;
use serde_json::{Value, json};

use crate::coordinator::{self, Coordinator};
use crate::{Gateway, problem, ready};

fn post(gateway: &Gateway, path: &str) -> reqwest::RequestBuilder {
    gateway.post_to(path).header("content-type", "application/json").body(ready().to_string())
}

#[tokio::test]
async fn the_answer_is_the_results_alone() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let response = post(&gateway, "/api/simulate").send().await.unwrap();
    let id = coordinator::complete().id;
    assert_eq!(response.headers()["location"], format!("/api/jobs/{id}"));
    assert_eq!(response.headers()["x-job-id"], id);
    let results: Value = response.json().await.unwrap();
    assert_eq!(results["successProbability"], 0.75);
    let changes: Value = post(&gateway, "/api/sensitivity").send().await.unwrap().json().await.unwrap();
    assert_eq!((changes["baseProbability"].as_f64(), changes.get("successProbability")), (Some(0.5), None));
    let simulated = coordinator.state.simulated.lock().unwrap().clone();
    assert_eq!(simulated[0].wait_ms, Some(30_000));
    assert_eq!(simulated[0].simulation.clone().unwrap().goal.unwrap().target_amount, Some(70_000.0));
}

#[tokio::test]
async fn a_job_without_results_is_an_honest_problem_that_says_where_the_job_is() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let failed = v1::Job {
        status: v1::JobStatus::Failed.into(),
        error: Some("a range failed three times".to_owned()),
        ..coordinator::queued()
    };
    let cancelled = v1::Job { status: v1::JobStatus::Cancelled.into(), ..coordinator::queued() };
    for (job, status, kind, words) in [
        (coordinator::running(), 503, "about:blank", "takes longer than 30 s, and continues"),
        (failed, 500, "/problems/job-failed", "failed: a range failed three times"),
        (cancelled, 409, "/problems/job-cancelled", "was cancelled before it was complete"),
    ] {
        let id = coordinator.keep(job);
        let response = post(&gateway, "/api/simulate").send().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["location"], format!("/api/jobs/{id}"));
        assert_eq!(response.headers()["x-job-id"], id);
        // It goes on, so the same request may come again soon.
        assert_eq!(response.headers().contains_key("retry-after"), status == 503);
        let problem = problem(response).await;
        assert_eq!(problem.kind, kind);
        assert_eq!(problem.detail, format!("the job {id} {words}"));
    }
}

#[tokio::test]
async fn those_who_wait_for_an_answer_never_keep_out_those_who_ask() {
    let coordinator = Coordinator::start().await;
    let mut config = Config::new(vec![coordinator.url.clone()]);
    config.requests_max = 1;
    let gateway = Gateway::start(config).await;
    coordinator.state.holds_long_polls.store(true, Ordering::Relaxed);
    let question = json!({"request": ready(), "for": "maxTarget", "probability": 0.9});
    for (path, body) in [
        ("/api/simulate", ready()),
        ("/api/sensitivity", ready()),
        ("/api/compare", json!({"requests": [ready(), ready()]})),
        ("/api/solve", question),
    ] {
        let request = gateway.post_to(path).header("content-type", "application/json").body(body.to_string());
        let waiting = tokio::spawn(request.send());
        coordinator.state.asked.notified().await;
        assert_eq!(gateway.get("/api/jobs").send().await.unwrap().status(), 200, "{path}");
        waiting.abort();
    }
}

#[tokio::test]
async fn a_shutdown_answers_those_who_wait_at_once() {
    let coordinator = Coordinator::start().await;
    let mut gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::running());
    coordinator.state.holds_long_polls.store(true, Ordering::Relaxed);
    let mut waiting = Vec::new();
    for request in [
        gateway.get(&format!("/api/jobs/{id}")).header("prefer", "wait=30"),
        gateway.get(&format!("/simulations/batch/{}", coordinator::batch().id)).header("prefer", "wait=30"),
        post(&gateway, "/api/simulate"),
    ] {
        waiting.push(tokio::spawn(request.send()));
        coordinator.state.asked.notified().await;
    }
    let began = std::time::Instant::now();
    gateway.shutdown.cancel();
    let mut responses = Vec::new();
    for request in waiting {
        responses.push(request.await.unwrap().unwrap());
    }
    let statuses: Vec<_> = responses.iter().map(|response| response.status().as_u16()).collect();
    assert_eq!(statuses, [200, 200, 503], "the job as it is, the batch as it is, and come again");
    problem(responses.pop().unwrap()).await;
    (&mut gateway.running).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "the drain did not have to be cut");
}

#[tokio::test]
async fn a_client_that_goes_away_drops_the_call_and_with_it_the_job() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    *coordinator.state.delay.lock().unwrap() = Duration::from_mins(1);
    for http2 in [false, true] {
        let client = reqwest::Client::builder();
        let client = if http2 { client.http2_prior_knowledge() } else { client }.build().unwrap();
        let request = client.post(format!("{}/api/simulate", gateway.url));
        let request = request.header("content-type", "application/json").body(ready().to_string());
        let waiting = tokio::spawn(request.send());
        coordinator.state.asked.notified().await;
        waiting.abort();
        drop(client);
        let left = tokio::time::timeout(Duration::from_secs(10), coordinator.state.left.notified());
        left.await.expect("the call is dropped");
    }
}
