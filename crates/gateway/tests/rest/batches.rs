//! `/simulations`: single jobs, and batches of them.

use carlo_types::JobId;
use carlo_wire::v1;
use serde_json::{Value, json};

use crate::coordinator::{self, Coordinator};
use crate::{Gateway, pointers, ready, refused};

fn post(gateway: &Gateway, path: &str, body: &Value) -> reqwest::RequestBuilder {
    gateway.post_to(path).header("content-type", "application/json").body(body.to_string())
}

#[tokio::test]
async fn a_single_simulation_is_a_job_in_other_words() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let response = post(&gateway, "/simulations", &ready()).send().await.unwrap();
    let id = JobId::from_random(7).to_string();
    assert_eq!(response.status(), 202);
    assert_eq!(response.headers()["location"], format!("/simulations/{id}"));
    let job: Value = response.json().await.unwrap();
    assert_eq!((&job["job_id"], &job["status"]), (&json!(id), &json!("PENDING")));
    assert_eq!((&job["owner_id"], &job["started_at"]), (&json!("local"), &Value::Null));

    coordinator.keep(v1::Job {
        batch_id: Some("batch_7".to_owned()),
        custom_id: Some("a".to_owned()),
        cost_nanodollars: Some(100_000),
        tokens_used: Some(1),
        ..coordinator::complete()
    });
    let job: Value = gateway.get(&format!("/simulations/{id}")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&job["status"], &job["progress_percent"]), (&json!("COMPLETED"), &json!(100.0)));
    assert_eq!((&job["batch_id"], &job["custom_id"]), (&json!("batch_7"), &json!("a")));
    assert_eq!((&job["cost_usd"], &job["tokens_used"]), (&json!(0.0001), &json!(1)));
    assert_eq!(job["results"]["successProbability"], 0.75);
    assert_eq!(job["sensitivity_results"]["mostImpactful"], "income_plus_10");
    let list: Value =
        gateway.get("/simulations?status=COMPLETED").send().await.unwrap().json().await.unwrap();
    assert_eq!((&list["total"], &list["jobs"][0]["job_id"]), (&json!(1), &json!(id)));
    assert_eq!(coordinator.state.listed.lock().unwrap()[0].status, Some(v1::JobStatus::Complete.into()));
    refused(gateway.get("/simulations?status=complete"), 400).await;
}

#[tokio::test]
async fn results_are_there_once_the_job_is_completed() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::running());
    let path = format!("/simulations/{id}/result");
    let problem = refused(gateway.get(&path), 409).await;
    assert_eq!(problem.detail, format!("the job {id} is RUNNING, not COMPLETED"));
    coordinator.keep(coordinator::complete());
    let response = gateway.get(&path).send().await.unwrap();
    assert!(response.headers().contains_key("etag"));
    let result: Value = response.json().await.unwrap();
    assert_eq!((&result["status"], &result["results"]["medianOutcome"]), (&json!("COMPLETED"), &json!(4.0)));
}

#[tokio::test]
async fn a_job_is_cancelled_with_or_without_a_reason() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::running());
    let path = format!("/simulations/{id}/cancel");
    let job: Value = gateway.post_to(&path).send().await.unwrap().json().await.unwrap();
    assert_eq!(job["status"], "CANCELLED");
    post(&gateway, &path, &json!({"reason": "too dear"})).send().await.unwrap();
    assert_eq!(*coordinator.state.reasons.lock().unwrap(), ["", "too dear"]);
    let problem = refused(post(&gateway, &path, &json!({"reason": 3, "cancel_running": true})), 400).await;
    assert_eq!(pointers(&problem), ["/reason", "/cancel_running"]);
    refused(gateway.post_to(&path).body("reason"), 415).await;
    refused(post(&gateway, &path, &json!([])), 400).await;
}

#[tokio::test]
async fn a_batch_is_created_as_it_was_asked_for() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let mut first = ready();
    first["custom_id"] = json!("a");
    let body = json!({
        "simulations": [first, ready()], "parallel_jobs": 2, "fail_fast": true, "budget_cap_usd": 0.0003, "priority": 70,
        "metadata": {"plan": "house"}
    });
    let response = post(&gateway, "/simulations/batch", &body).send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(response.headers()["location"], "/simulations/batch/batch_7");
    let batch: Value = response.json().await.unwrap();
    let expected = json!({
        "batch_id": "batch_7", "status": "RUNNING", "created_at": "2023-11-14T22:13:20.123Z", "started_at": "2023-11-14T22:13:21Z",
        "completed_at": null, "priority": 50, "fail_fast": false, "parallel_jobs": 3,
        "progress": {"total_jobs": 2, "pending_jobs": 0, "running_jobs": 1, "completed_jobs": 1, "failed_jobs": 0,
            "cancelled_jobs": 0, "progress_percent": 62.5},
        "cost": {"estimated_cost_usd": 0.0002, "actual_cost_usd": 0.0001, "budget_cap_usd": 0.5, "budget_remaining_usd": 0.4998,
            "tokens_used": 1},
        "job_ids": [JobId::from_random(7).to_string(), JobId::from_random(8).to_string()],
        "error_message": null, "owner_id": "ann", "metadata": {"plan": "house"}, "cancel_reason": null,
    });
    assert_eq!(batch, expected);

    let created = coordinator.state.created.lock().unwrap().remove(0);
    assert_eq!((created.parallel_jobs, created.fail_fast, created.priority), (Some(2), true, Some(70)));
    assert_eq!(created.budget_cap_nanodollars, Some(300_000));
    assert_eq!(created.metadata_json, r#"{"plan":"house"}"#);
    assert_eq!(
        (created.simulations[0].custom_id.as_str(), created.simulations[1].custom_id.as_str()),
        ("a", "")
    );
    let goal = created.simulations[1].simulation.clone().unwrap().goal.unwrap();
    assert_eq!(goal.target_amount, Some(70_000.0));
}

#[tokio::test]
async fn metadata_comes_back_as_it_was_sent() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let metadata = r#"{"zebra":123456789012345678901234567890,"apple":1.10,"quote":"\"{ \u00e9","of":[1E+2,{"b":1,"a":-0}]}"#;
    let body = format!(r#"{{"metadata": {}, "simulations": [{}]}}"#, metadata.replace(',', ", \n"), ready());
    let request = gateway.post_to("/simulations/batch").header("content-type", "application/json").body(body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 202);
    let batch = response.text().await.unwrap();
    assert!(batch.contains(&format!(r#""metadata":{metadata},"#)), "{batch}");
    assert_eq!(coordinator.state.created.lock().unwrap()[0].metadata_json, metadata);
}

#[tokio::test]
async fn every_fault_of_a_batch_is_named_where_it_is_and_as_it_is_spelled() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let mut wrong = ready();
    wrong["goal"]["targetAmount"] = json!(0);
    wrong["goal"]["target"] = json!(0);
    let snake = json!({
        "financial_profile": {"liquid_assets": -1, "monthly_spending": 1}, "user_inputs": {"monthly_income": 1},
        "goal": {"target_amount": "much"}, "custom_id": "b"
    });
    let body = json!({"simulations": [ready(), {"custom_id": "b"}, snake, wrong, 3], "parallel_jobs": 0, "extra": 1});
    let problem = refused(post(&gateway, "/simulations/batch", &body), 400).await;
    assert_eq!(
        pointers(&problem),
        [
            "/parallel_jobs",
            "/simulations/1/financial_profile/liquid_assets",
            "/simulations/1/financial_profile/monthly_spending",
            "/simulations/1/goal/timeline_months",
            "/simulations/1/goal/target_amount",
            "/simulations/1/user_inputs/monthly_income",
            "/simulations/2/financial_profile/liquid_assets",
            "/simulations/2/goal/target_amount",
            "/simulations/2/goal/timeline_months",
            "/simulations/3/goal/targetAmount",
            "/simulations/3/goal/target",
            "/simulations/4",
            "/simulations/2/custom_id",
            "/extra",
        ]
    );
    assert!(coordinator.state.created.lock().unwrap().is_empty());
    for (body, pointer) in [
        (json!({}), "/simulations"),
        (json!({"simulations": []}), "/simulations"),
        (json!([]), ""),
        (json!({"simulations": [ready()], "budget_cap_usd": -0.01}), "/budget_cap_usd"),
        (json!({"simulations": [ready()], "priority": 101}), "/priority"),
        (json!({"simulations": [ready()], "metadata": 5}), "/metadata"),
    ] {
        let problem = refused(post(&gateway, "/simulations/batch", &body), 400).await;
        assert_eq!(pointers(&problem), [pointer], "{body}");
    }
}

#[tokio::test]
async fn a_batch_its_jobs_and_its_statistics_are_shown() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::running());
    let read = async |path: &str| -> Value {
        let response = gateway.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    };
    assert_eq!(read("/simulations/batch/batch_7").await["owner_id"], "ann");
    let jobs = read("/simulations/batch/batch_7/jobs").await;
    assert_eq!((&jobs["batch"]["batch_id"], &jobs["jobs"][0]["job_id"]), (&json!("batch_7"), &json!(id)));
    let list = read("/simulations/batch?page=1&page_size=5&status=PARTIAL").await;
    assert_eq!((list["batches"].as_array().unwrap().len(), &list["page_size"]), (1, &json!(5)));
    let past_the_end = read("/simulations/batch?page=2147483647").await;
    assert_eq!((&past_the_end["batches"], &past_the_end["total"]), (&json!([]), &json!(1)));
    let stats = read("/simulations/batch/stats").await;
    assert_eq!((&stats["total_batches"], &stats["total_cost_usd"]), (&json!(3), &json!(1.5)));
    for path in [
        "/simulations/batch/batch_8",
        "/simulations/batch/%ff",
        "/simulations/batch/a.b/jobs",
        "/simulations/batch/x/results",
    ] {
        refused(gateway.get(path), 404).await;
    }
}

#[tokio::test]
async fn results_are_lines_of_json() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    for (number, name) in [(1, "a"), (2, "b")] {
        let id = JobId::from_random(number).to_string();
        coordinator.keep(v1::Job { id, custom_id: Some(name.to_owned()), ..coordinator::complete() });
    }
    let response = gateway.get("/simulations/batch/batch_7/results").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/jsonl");
    let text = response.text().await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[1]["custom_id"], &lines[1]["results"]["successProbability"]),
        (&json!("b"), &json!(0.75))
    );
    assert!(text.ends_with('\n'));
}

#[tokio::test]
async fn a_batch_is_cancelled_as_it_was_asked_for() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let path = "/simulations/batch/batch_7/cancel";
    let batch: Value = gateway.post_to(path).send().await.unwrap().json().await.unwrap();
    assert_eq!(batch["status"], "CANCELLED");
    let body = json!({"reason": "enough", "cancel_running": false});
    assert_eq!(post(&gateway, path, &body).send().await.unwrap().status(), 200);
    let cancelled = coordinator.state.cancelled.lock().unwrap().clone();
    assert_eq!((cancelled[0].cancel_running, cancelled[0].reason.as_str()), (Some(true), ""));
    assert_eq!((cancelled[1].cancel_running, cancelled[1].reason.as_str()), (Some(false), "enough"));
    let problem = refused(post(&gateway, path, &json!({"reason": "x".repeat(1_025)})), 400).await;
    assert_eq!(problem.detail, "/reason must have at most 1024 characters, not 1025");
}
