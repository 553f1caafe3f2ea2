//! The responses of the calls for jobs and the cluster, and their own refusals.

use std::time::Duration;

use carlo_rest::Cluster;
use carlo_rest::cluster::{Node, NodeStatus, StandbyStatus};
use carlo_rest::job::{Cancelled, Job, JobList, JobStatus, Submitted};
use carlo_types::definition::kind::Seed;
use carlo_types::limits::PAGE_MAX;
use carlo_types::{JobId, NodeId};
use carlo_wire::v1;
use serde_json::{Value, json};

use crate::coordinator::{self, Coordinator};
use crate::{Gateway, pointers, ready, refused};

async fn json_of(gateway: &Gateway, id: &str) -> Value {
    gateway.get(&format!("/api/jobs/{id}")).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_submission_is_accepted_with_its_location() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let response = gateway.submit(&ready()).send().await.unwrap();
    assert_eq!(response.status(), 202);
    let id = JobId::from_random(7).to_string();
    assert_eq!(response.headers()["location"], format!("/api/jobs/{id}"));
    let submitted: Submitted = response.json().await.unwrap();
    assert_eq!(
        submitted,
        Submitted {
            job_id: id,
            status: JobStatus::Queued,
            queue_position: 3,
            estimated_time_remaining: Some("3 min".to_owned()),
            estimated_seconds_remaining: Some(185.0),
            webhook: None,
        }
    );
}

#[tokio::test]
async fn a_submission_that_starts_at_once_was_the_first_of_the_queue() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    coordinator.keep(coordinator::running());
    let submitted: Submitted = gateway.submit(&ready()).send().await.unwrap().json().await.unwrap();
    assert_eq!((submitted.status, submitted.queue_position), (JobStatus::Queued, 1));
}

#[tokio::test]
async fn the_coordinator_gets_the_request_with_every_default() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    gateway.submit(&ready()).send().await.unwrap();
    let mut named = ready();
    (named["name"], named["priority"]) = (json!("Retire at 60"), json!(7));
    gateway.submit(&named).send().await.unwrap();
    let submitted = coordinator.state.submitted.lock().unwrap().clone();
    assert_eq!(submitted.len(), 2);
    let simulation = submitted[0].simulation.clone().unwrap();
    let params = simulation.simulation_params.unwrap();
    assert_eq!((params.seed, params.n_simulations), (Some(u64::MAX), Some(100_000)));
    assert_eq!(simulation.financial_profile.unwrap().liquid_assets, Some(13_500.0));
    let options: Vec<_> = submitted.iter().map(|job| (job.name.as_deref(), job.priority)).collect();
    assert_eq!(options, [(None, Some(50)), (Some("Retire at 60"), Some(7))]);
    (named["name"], named["priority"]) = (json!(""), json!(101));
    assert_eq!(
        pointers(&gateway.submit(&named).send().await.unwrap().json().await.unwrap()),
        ["/name", "/priority"]
    );
}

#[tokio::test]
async fn a_queued_job_says_what_it_waits_for() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::queued());
    assert_eq!(
        json_of(&gateway, &id).await,
        json!({
            "id": id, "owner": "local", "kind": "simulation", "status": "queued", "progress": 0.0, "allocatedNodes": 0,
            "simulationsTotal": 1_000_000, "simulationsComplete": 0, "queuePosition": 3,
            "estimatedTimeRemaining": "7 min", "estimatedSecondsRemaining": 400.0,
            "createdAt": "2023-11-14T22:13:20.123Z", "priority": 50,
            "seed": "18446744073709551615", "waitingFor": "two jobs are ahead of it",
        })
    );
}

#[tokio::test]
async fn a_running_job_says_how_far_it_and_each_node_has_come() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::running());
    let job = json_of(&gateway, &id).await;
    assert_eq!(job["progress"], 33.3);
    assert_eq!(job["startedAt"], "2023-11-14T22:13:21Z");
    assert_eq!(
        job["nodeProgress"][NodeId::from_random(9).to_string()],
        json!({"progress": 25.0, "simulations": 250_000, "simulationsPerSecond": 5e6, "state": "working"})
    );
    assert_eq!(
        job["partialResults"],
        json!({
            "successProbability": 0.5, "confidenceInterval95": [0.25, 0.75],
            "medianOutcome": 12.5, "simulations": 333_000
        })
    );
    assert_eq!(job.get("results"), None);
}

#[tokio::test]
async fn a_complete_job_has_its_results_and_is_done_also_when_it_stopped_early() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::complete());
    let job: Job = serde_json::from_value(json_of(&gateway, &id).await).unwrap();
    assert_eq!((job.status, job.progress), (JobStatus::Complete, 100.0));
    let results = job.results.unwrap();
    assert_eq!(results.success_probability, 0.75);
    assert_eq!(results.confidence_interval_95, [0.7, 0.8]);
    assert_eq!(results.median_outcome, 4.0);
    assert_eq!((results.percentiles[0], results.percentiles[6]), (1.0, 7.0));
    assert_eq!(results.percentile_intervals_95[5], [5.5, 6.5]);
    assert_eq!((results.mean, results.std, results.worst_case, results.best_case), (4.0, 2.0, -3.0, 9.0));
    assert_eq!(results.histogram.counts, [65_536]);
    assert_eq!((results.simulations_run, results.stopped_early, results.workers_used), (65_536, true, 2));
    assert_eq!(results.assumptions.goal.target_amount, 70_000.0);
    assert_eq!(results.assumptions.params.seed, Some(Seed(u64::MAX)));
    assert_eq!(results.seed, "18446744073709551615");
    assert_eq!(results.digest.to_string(), "ab".repeat(32));
    let [point] = results.trajectory[..] else { panic!("one point") };
    assert_eq!((point.month, point.percentiles), (36, [1.0, 2.0, 3.0, 4.0, 5.0]));
    let changes = job.sensitivity_results.expect("a complete job has them");
    assert_eq!((changes.base_probability, changes.most_impactful.as_deref()), (0.5, Some("income_plus_10")));
    assert_eq!(changes.recommendations, ["Earn more."]);
    let later = changes.sensitivities["timeline_plus_12mo"];
    assert_eq!((later.delta, later.impact, later.new_probability), (-0.25, 0.25, 0.25));
}

#[tokio::test]
async fn a_job_that_answers_a_question_has_the_question_and_the_answer() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let variant = |value| v1::Variant {
        value,
        success_probability: 0.5,
        standard_error: 0.01,
        confidence_interval_95: Some(v1::Interval { low: 0.4, high: 0.6 }),
        delta: -0.25,
        delta_standard_error: 0.005,
        mean: None,
        median: None,
    };
    let job = |change: fn(&mut v1::CompletedResults, v1::Variant), variant| {
        let mut job = coordinator::complete();
        change(job.results.as_mut().unwrap(), variant);
        job
    };
    let compared = job(
        |completed, variant| {
            completed.results.as_mut().unwrap().variants = vec![variant];
            let plan = completed.assumptions.as_mut().unwrap();
            let mut other = plan.clone();
            other.goal.as_mut().unwrap().target_amount = Some(9.0);
            plan.variants = vec![other];
        },
        variant(None),
    );
    let id = coordinator.keep(compared);
    for path in [format!("/api/jobs/{id}"), format!("/simulations/{id}/result"), format!("/simulations/{id}")]
    {
        let job: Value = gateway.get(&path).send().await.unwrap().json().await.unwrap();
        let [plan] = job["results"]["variants"].as_array().unwrap().as_slice() else { panic!("{job}") };
        assert_eq!(plan["assumptions"]["goal"]["targetAmount"], 9.0, "{path}");
        assert_eq!((plan["delta"].as_f64(), plan["deltaStandardError"].as_f64()), (Some(-0.25), Some(0.005)));
        assert_eq!(job["results"].get("solution"), None);
    }

    let solved = job(
        |completed, variant| {
            let results = completed.results.as_mut().unwrap();
            results.variants = vec![variant];
            results.solution = Some(v1::Solution {
                asked: Some(v1::SolveFor { variable: Some("maxTarget".to_owned()), probability: Some(0.9) }),
                value: Some(50_000.0),
                interval_95: Some(v1::Interval { low: 49_000.0, high: 51_000.0 }),
                below_again_after: None,
            });
        },
        variant(Some(48_000.0)),
    );
    // Another history, because an ended job doesn't change.
    let solved = v1::Job { completed_at_ms: Some(1_700_000_003_000), ..solved };
    let id = coordinator.keep(solved);
    let results = json_of(&gateway, &id).await["results"].clone();
    let wanted = json!({
        "for": "maxTarget", "probability": 0.9, "value": 50_000.0, "interval95": [49_000.0, 51_000.0],
        "tried": [{"value": 48_000.0, "successProbability": 0.5, "standardError": 0.01}],
    });
    assert_eq!((&results["solution"], results.get("variants")), (&wanted, None));
    assert_eq!(
        json_of(&gateway, &coordinator.keep(coordinator::complete())).await["results"].get("solution"),
        None
    );
}

#[tokio::test]
async fn an_answer_by_the_rules_of_another_day_is_shown_as_it_is() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let mut job = coordinator::complete();
    let assumptions = job.results.as_mut().unwrap().assumptions.as_mut().unwrap();
    assumptions.goal.as_mut().unwrap().timeline_months = Some(5_000);
    assumptions.financial_profile.as_mut().unwrap().liquid_assets = Some(-1.0);
    let id = coordinator.keep(job);
    for path in [format!("/api/jobs/{id}"), format!("/simulations/{id}"), format!("/simulations/{id}/result")]
    {
        let job: Value = gateway.get(&path).send().await.unwrap().json().await.unwrap();
        let assumptions = &job["results"]["assumptions"];
        assert_eq!(assumptions["goal"]["timelineMonths"], 5_000, "{path}");
        assert_eq!(assumptions["financialProfile"]["liquidAssets"], -1.0, "{path}");
    }
}

#[tokio::test]
async fn of_the_results_only_the_wanted_fields_are_sent() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::complete());
    for path in [format!("/api/jobs/{id}"), format!("/simulations/{id}"), format!("/simulations/{id}/result")]
    {
        // The second response comes from the cache.
        for _ in 0..2 {
            let path = format!("{path}?fields=digest,%20successProbability");
            let job: Value = gateway.get(&path).send().await.unwrap().json().await.unwrap();
            assert_eq!(
                job["results"],
                json!({"digest": "ab".repeat(32), "successProbability": 0.75}),
                "{path}"
            );
            assert!(
                job["status"].is_string()
                    && job.get("sensitivity_results").or(job.get("sensitivityResults")).is_some()
            );
        }
        let all: Value = gateway.get(&path).send().await.unwrap().json().await.unwrap();
        assert!(all["results"].as_object().unwrap().len() > 10);
        for query in ["fields=", "fields=digest,nonsense", "field=digest"] {
            let problem = refused(gateway.get(&format!("{path}?{query}")), 400).await;
            assert_eq!(pointers(&problem), [format!("/{}", query.split('=').next().unwrap())]);
        }
        refused(gateway.delete(&format!("/api/jobs/{id}?fields=digest")), 400).await;
    }
}

#[tokio::test]
async fn a_failed_job_says_why() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let failed = v1::Job {
        status: v1::JobStatus::Failed.into(),
        error: Some("a range failed three times".to_owned()),
        ..coordinator::queued()
    };
    let id = coordinator.keep(failed);
    assert_eq!(json_of(&gateway, &id).await["error"], "a range failed three times");
}

/// The responses of the calls that show a job, and how often the coordinator was asked for it.
async fn shown(gateway: &Gateway, coordinator: &Coordinator, id: &str) -> (Vec<String>, usize) {
    let mut shown = Vec::new();
    for path in [format!("/api/jobs/{id}"), format!("/simulations/{id}"), format!("/simulations/{id}/result")]
    {
        let response = gateway.get(&path).header("prefer", "wait=1").send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["preference-applied"]),
            (200, &"wait=1".parse().unwrap())
        );
        let tag = response.headers()["etag"].clone();
        let cached = gateway.get(&path).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(cached.status(), 304, "{path}");
        shown.push(response.text().await.unwrap());
    }
    (shown, coordinator.state.got.lock().unwrap().drain(..).count())
}

#[tokio::test]
async fn a_job_that_has_ended_is_cached() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::complete());
    let (first, asked) = shown(&gateway, &coordinator, &id).await;
    assert_eq!(asked, 3, "each call has its own form");
    assert_eq!(shown(&gateway, &coordinator, &id).await, (first.clone(), 0));
    assert_eq!(
        *coordinator.state.revalidated.lock().unwrap(),
        [true; 9],
        "it is asked whether it may be shown"
    );
    // If the coordinator has another history, the cached response is not used.
    let completed_at_ms = Some(1_700_000_003_000);
    coordinator.keep(v1::Job { completed_at_ms, priority: 51, ..coordinator::complete() });
    let (other, asked) = shown(&gateway, &coordinator, &id).await;
    assert_eq!((other[0] == first[0], asked), (false, 3));
    assert_eq!(shown(&gateway, &coordinator, &id).await, (other, 0));
}

#[tokio::test]
async fn a_result_with_doubts_says_so_also_if_it_was_cached_without() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::complete());
    let paths =
        [format!("/api/jobs/{id}"), format!("/simulations/{id}"), format!("/simulations/{id}/result")];
    for path in &paths {
        let job: Value = gateway.get(path).send().await.unwrap().json().await.unwrap();
        assert_eq!(job["results"].get("doubts"), None, "{path}");
    }
    let mut doubted = v1::Job { verdict: 1, ..coordinator::complete() };
    doubted.results.as_mut().unwrap().doubts =
        vec![v1::Doubt { node: "attic".to_owned(), found_at_ms: 1_000, reason: "it differs".to_owned() }];
    coordinator.keep(doubted);
    let doubt = json!([{"node": "attic", "foundAt": "1970-01-01T00:00:01Z", "reason": "it differs"}]);
    for path in &paths {
        let job: Value = gateway.get(path).send().await.unwrap().json().await.unwrap();
        assert_eq!(job["results"]["doubts"], doubt, "{path}");
    }
    let report = gateway.get(&format!("/api/jobs/{id}/report")).send().await.unwrap().text().await.unwrap();
    assert!(report.contains("attic took part and was found later to compute wrongly"), "{report}");
}

#[tokio::test]
async fn a_cached_response_is_sent_to_nobody_else() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let path = format!("/api/jobs/{}", coordinator.keep(coordinator::complete()));
    *coordinator.state.key.lock().unwrap() = Some("carlo_k".to_owned());
    *coordinator.state.limits.lock().unwrap() = vec![("ratelimit", "\"minute\";r=9;t=60")];
    for calls in [&["get"][..], &["get", "revalidate"]] {
        let response = gateway.get(&path).header("x-api-key", "carlo_k").send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["ratelimit"]),
            (200, &"\"minute\";r=9;t=60".parse().unwrap())
        );
        assert_eq!(*coordinator.state.calls.lock().unwrap(), calls, "a revalidation isn't counted again");
    }
    refused(gateway.get(&path), 401).await;
    refused(gateway.get(&path).header("x-api-key", "carlo_other"), 401).await;
    coordinator.refuse(tonic::Code::PermissionDenied, "it belongs to another user");
    refused(gateway.get(&path).header("x-api-key", "carlo_k"), 403).await;
    *coordinator.state.refusal.lock().unwrap() = None;
    coordinator.state.jobs.lock().unwrap().clear();
    refused(gateway.get(&path).header("x-api-key", "carlo_k"), 404).await;
}

#[tokio::test]
async fn readers_of_the_same_instant_share_a_call_and_each_gets_their_own_answer() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let path = format!("/api/jobs/{}", coordinator.keep(coordinator::complete()));
    *coordinator.state.key.lock().unwrap() = Some("carlo_k".to_owned());
    let read = async |key: &'static str| {
        gateway.get(&path).header("x-api-key", key).send().await.unwrap().status().as_u16()
    };
    assert_eq!(read("carlo_k").await, 200);
    let (good, bad, other) = tokio::join!(read("carlo_k"), read("carlo_other"), read("carlo_k"));
    assert_eq!([good, bad, other], [200, 401, 200]);
}

#[tokio::test]
async fn a_reader_who_leaves_takes_nobody_along() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let path = format!("/api/jobs/{}", coordinator.keep(coordinator::complete()));
    assert_eq!(gateway.get(&path).send().await.unwrap().status(), 200);
    *coordinator.state.delay.lock().unwrap() = Duration::from_millis(100);
    let patience = Duration::from_millis(20);
    let (left, stayed) = tokio::join!(gateway.get(&path).timeout(patience).send(), gateway.get(&path).send());
    assert!(left.unwrap_err().is_timeout());
    assert_eq!(stayed.unwrap().status(), 200);
}

#[tokio::test]
async fn a_job_that_goes_on_is_asked_for_every_time() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::running());
    for (status, asked) in [("running", 1), ("running", 2), ("complete", 3), ("complete", 3)] {
        if status == "complete" {
            coordinator.keep(coordinator::complete());
        }
        assert_eq!(json_of(&gateway, &id).await["status"], status);
        assert_eq!(coordinator.state.got.lock().unwrap().len(), asked);
    }
}

#[tokio::test]
async fn an_id_that_names_no_job_is_a_404_whatever_it_looks_like() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let other = JobId::from_random(8).to_string();
    for id in [other.as_str(), "7", "job_", "%ff", "%00", "..%2f..", &"x".repeat(5000)] {
        refused(gateway.get(&format!("/api/jobs/{id}")), 404).await;
        refused(gateway.delete(&format!("/api/jobs/{id}")), 404).await;
    }
}

#[tokio::test]
async fn a_job_is_cancelled_once() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::running());
    let response = gateway.delete(&format!("/api/jobs/{id}")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let cancelled: Cancelled = response.json().await.unwrap();
    assert_eq!(cancelled, Cancelled { success: true, message: format!("the job {id} is cancelled") });

    coordinator.keep(coordinator::complete());
    let problem = refused(gateway.delete(&format!("/api/jobs/{id}")), 409).await;
    assert_eq!(problem.detail, "the job has ended");
}

#[tokio::test]
async fn a_list_says_which_page_it_is_of_how_many_jobs() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::queued());
    let list: JobList = gateway.get("/api/jobs").send().await.unwrap().json().await.unwrap();
    assert_eq!((list.total, list.page, list.page_size), (1, 1, 20));
    assert_eq!(list.jobs[0].id, id);

    let path = "/api/jobs?page=2147483647&page_size=100&status=running";
    let list: JobList = gateway.get(path).send().await.unwrap().json().await.unwrap();
    assert_eq!((list.page, list.page_size), (PAGE_MAX, 100));
    let listed = coordinator.state.listed.lock().unwrap().clone();
    let running = v1::ListJobsRequest {
        page: PAGE_MAX,
        page_size: 100,
        status: Some(v1::JobStatus::Running.into()),
        ..Default::default()
    };
    assert_eq!(listed, [v1::ListJobsRequest { page: 1, page_size: 20, ..Default::default() }, running]);
}

#[tokio::test]
async fn a_list_is_of_the_jobs_that_its_parameters_name() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let list = async |query: &str| {
        let list: JobList =
            gateway.get(&format!("/api/jobs?{query}")).send().await.unwrap().json().await.unwrap();
        assert_eq!(list.page, 1);
        coordinator.state.listed.lock().unwrap().pop().unwrap()
    };
    let first = || v1::ListJobsRequest { page: 1, page_size: 20, ..Default::default() };
    for query in ["all=true", "user=*"] {
        assert_eq!(list(query).await, v1::ListJobsRequest { all: true, ..first() });
    }
    let query = "user=ann&name=house&text=job_1&since=1970-01-01T00:00:01Z&until=1970-01-01T01:00:02%2B01:00";
    let wanted = v1::ListJobsRequest {
        user: "ann".to_owned(),
        name: "house".to_owned(),
        text: "job_1".to_owned(),
        since_ms: Some(1_000),
        until_ms: Some(2_000),
        ..first()
    };
    assert_eq!(list(query).await, wanted);
    let faulty = "/api/jobs?all=yes&since=yesterday&until=1969-01-01T00:00:00Z&age=3";
    let problem = refused(gateway.get(faulty), 400).await;
    assert_eq!(pointers(&problem), ["/all", "/since", "/until", "/age"]);
    let problem = refused(gateway.get("/simulations/batch?name=house"), 400).await;
    assert_eq!(pointers(&problem), ["/name"]);
}

#[tokio::test]
async fn a_job_is_changed_until_it_ends_and_deleted_after_that() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::running());
    let path = format!("/api/jobs/{id}");
    let change =
        |body: &'static str| gateway.patch(&path).header("content-type", "application/json").body(body);
    let changed: Job =
        change(r#"{"priority": 80, "name": "House"}"#).send().await.unwrap().json().await.unwrap();
    assert_eq!((changed.priority, changed.name.as_deref()), (80, Some("House")));
    let problem = refused(change(r#"{"priority": 101, "nmae": "House"}"#), 400).await;
    assert_eq!(pointers(&problem), ["/priority", "/nmae"]);

    let purge = || gateway.delete(&format!("{path}?purge=true"));
    refused(purge(), 409).await;
    refused(gateway.delete(&format!("/simulations/{id}")), 409).await;
    coordinator.keep(v1::Job { id: id.clone(), ..coordinator::complete() });
    for request in [purge(), gateway.delete(&format!("/simulations/{id}"))] {
        let deleted: Cancelled = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(deleted.message, format!("the job {id} is deleted"));
    }
    assert_eq!(pointers(&refused(gateway.delete(&format!("{path}?purge=1")), 400).await), ["/purge"]);
}

#[tokio::test]
async fn parameters_out_of_range_are_refused_all_at_once() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let faulty = "/api/jobs?page=0&page_size=101&status=done&pagesize=3&page=1";
    let problem = refused(gateway.get(faulty), 400).await;
    assert_eq!(pointers(&problem), ["/page", "/page_size", "/status", "/pagesize", "/page"]);
    assert_eq!(problem.detail, "the request has 5 faults");
    for query in
        ["page=", "page=-1", "page=%2B1", "page=1.5", "page=2147483648", "page_size=0", "page=%ff", "status="]
    {
        let problem = refused(gateway.get(&format!("/api/jobs?{query}")), 400).await;
        let name = query.split('=').next().unwrap();
        assert_eq!(pointers(&problem), [format!("/{name}")], "{query}");
        assert!(problem.detail.starts_with(&format!("/{name} must be ")), "{problem:?}");
    }
}

#[tokio::test]
async fn the_cluster_counts_its_nodes_by_what_they_do() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let cluster: Cluster = gateway.get("/api/cluster/status").send().await.unwrap().json().await.unwrap();
    assert_eq!((cluster.total_nodes, cluster.available_nodes, cluster.busy_nodes), (3, 1, 2));
    assert_eq!((cluster.draining_nodes, cluster.offline_nodes), (0, 0));
    assert_eq!((cluster.queued_jobs, cluster.running_jobs, cluster.average_queue_time), (4, 5, 1.5));
    assert_eq!((cluster.leader.as_str(), cluster.model_version), ("127.0.0.1:7070", 1));
    assert_eq!((cluster.nodes[0].cores, cluster.nodes[0].cpu_utilization), (8, 0.5));
    assert_eq!(cluster.nodes[0].last_seen.to_string(), "2023-11-14T22:13:20.123Z");
    assert_eq!((cluster.epoch, &*cluster.version), (3, "0.1.0"));
    assert_eq!(cluster.leading_since.unwrap().as_second(), 2);
    let ledger = cluster.ledger.as_ref().unwrap();
    assert_eq!((&*ledger.kind, ledger.bytes, ledger.commit_seconds), ("redb", Some(1 << 20), Some(0.002)));
    let [queued] = &cluster.queue[..] else { panic!("{:?}", cluster.queue) };
    assert_eq!((&*queued.user, queued.queued_jobs, queued.running_jobs), ("ada", 4, 1));
    assert_eq!(queued.oldest_submitted_at.as_second(), 1);
    let [quarantine] = &cluster.quarantines[..] else { panic!("{:?}", cluster.quarantines) };
    assert_eq!((&*quarantine.name, &*quarantine.reason), ("attic", "it differs"));
    assert_eq!(
        (quarantine.since.to_string().as_str(), cluster.quarantined_nodes),
        ("1970-01-01T00:00:01Z", 0)
    );
    let [standby] = &cluster.standbys[..] else { panic!("{:?}", cluster.standbys) };
    assert_eq!((&*standby.url, standby.status), ("http://127.0.0.1:7080", StandbyStatus::Unready));
    assert_eq!(standby.detail.as_deref(), Some("its certificate has expired"));
    assert_eq!(standby.started_at.map(|at| at.to_string()).as_deref(), Some("1970-01-01T00:00:01Z"));
    assert_eq!(standby.last_seen, None);
}

#[tokio::test]
async fn a_node_is_drained_and_undrained_by_its_id() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let path = |id: &str, verb| format!("/api/cluster/nodes/{id}/{verb}");
    let verbs = [
        ("drain", NodeStatus::Draining),
        ("undrain", NodeStatus::Available),
        ("lift-quarantine", NodeStatus::Available),
    ];
    for (verb, status) in verbs {
        let response = gateway.post_to(&path(&coordinator::node_id(), verb)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.json::<Node>().await.unwrap().status, status);
        for id in [NodeId::from_random(1).to_string(), "attic".to_owned()] {
            refused(gateway.post_to(&path(&id, verb)), 404).await;
        }
    }
}
