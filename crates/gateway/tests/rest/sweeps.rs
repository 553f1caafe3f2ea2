//! `POST /api/sweep`, `GET /api/jobs/{id}/sweep` and `GET /api/jobs/{id}/samples`.

use carlo_wire::v1;
use serde_json::{Value, json};

use crate::coordinator::{self, Coordinator};
use crate::{Gateway, problem, ready};

fn axis(pointer: &str, values: &[f64]) -> v1::SweepAxis {
    v1::SweepAxis { pointer: Some(pointer.to_owned()), values: values.to_vec() }
}

fn point(success_probability: f64) -> v1::Variant {
    v1::Variant {
        success_probability,
        standard_error: 0.25,
        confidence_interval_95: Some(v1::Interval { low: 0.25, high: 0.75 }),
        delta: -0.125,
        delta_standard_error: 0.0625,
        mean: Some(8.0),
        median: Some(7.5),
        ..Default::default()
    }
}

fn post(gateway: &Gateway, body: &Value) -> reqwest::RequestBuilder {
    gateway.post_to("/api/sweep").header("content-type", "application/json").body(body.to_string())
}

#[tokio::test]
async fn a_sweep_is_a_job_and_its_faults_are_named_in_its_body() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let axes = json!([{"pointer": "/goal/target_amount", "values": [50_000, 60_000.5]}]);
    let response = post(&gateway, &json!({"request": ready(), "axes": axes})).send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert!(response.headers()["location"].to_str().unwrap().starts_with("/api/jobs/job_"));
    let submitted = coordinator.state.submitted.lock().unwrap()[0].clone();
    let swept = submitted.simulation.unwrap().sweep;
    assert_eq!(swept, [axis("/goal/targetAmount", &[50_000.0, 60_000.5])]);
    assert_eq!((submitted.name, submitted.priority), (None, Some(50)));

    let named = json!({"request": ready(), "axes": axes, "name": "Which target?", "priority": 80});
    assert_eq!(post(&gateway, &named).send().await.unwrap().status(), 202);
    let submitted = coordinator.state.submitted.lock().unwrap()[1].clone();
    assert_eq!((submitted.name.as_deref(), submitted.priority), (Some("Which target?"), Some(80)));

    let axes = json!([{"pointer": "/goal/timelineMonths", "values": [12, 1201]}, {"pointer": "/goal", "values": []}]);
    let body = json!({"request": ready(), "axes": axes, "priority": 101});
    let refused = problem(post(&gateway, &body).send().await.unwrap()).await;
    assert_eq!(refused.status, 400);
    let pointers: Vec<_> = refused.errors.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/axes/1/values", "/priority", "/axes/0/values/1"]);
}

#[tokio::test]
async fn points_come_as_json_as_csv_and_as_lines_also_while_the_sweep_runs() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let axes =
        vec![axis("/goal/targetAmount", &[1.0]), axis("/financialProfile/monthlySpending", &[5.0, 6.5])];
    let mut complete = coordinator::complete();
    let completed = complete.results.as_mut().unwrap();
    completed.assumptions.as_mut().unwrap().sweep = axes.clone();
    completed.results.as_mut().unwrap().variants = vec![point(0.5), point(0.25)];
    let id = coordinator.keep(complete);
    let path = format!("/api/jobs/{id}/sweep");
    let sweep: Value = gateway.get(&path).send().await.unwrap().json().await.unwrap();
    assert_eq!((&sweep["jobId"], &sweep["status"]), (&json!(id), &json!("complete")));
    assert_eq!((&sweep["base"]["successProbability"], &sweep["base"]["mean"]), (&json!(0.75), &json!(4.0)));
    assert_eq!(
        sweep["axes"][1],
        json!({"pointer": "/financialProfile/monthlySpending", "values": [5.0, 6.5]})
    );
    let [first, second] = sweep["points"].as_array().unwrap().as_slice() else { panic!("{sweep}") };
    assert_eq!((&first["values"], &second["values"]), (&json!([1.0, 5.0]), &json!([1.0, 6.5])));
    assert_eq!((&second["successProbability"], &second["median"]), (&json!(0.25), &json!(7.5)));
    let job: Value = gateway.get(&format!("/api/jobs/{id}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(job["results"]["sweep"]["points"], sweep["points"]);

    let accepting = |accept: &str| gateway.get(&path).header("accept", accept).send();
    let csv = accepting("text/csv").await.unwrap();
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let csv = csv.text().await.unwrap();
    assert!(
        csv.starts_with("/goal/targetAmount,/financialProfile/monthlySpending,successProbability,"),
        "{csv}"
    );
    assert!(csv.ends_with("\r\n1,6.5,0.25,0.25,0.25,0.75,-0.125,0.0625,8,7.5\r\n"), "{csv}");
    let lines = accepting("application/jsonl").await.unwrap().text().await.unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert_eq!(accepting("text/html").await.unwrap().status(), 406);

    let mut running = coordinator::running();
    let partial = running.partial_results.as_mut().unwrap();
    (partial.axes, partial.points) = (axes, vec![point(0.5), point(0.25)]);
    let id = coordinator.keep(v1::Job { id: carlo_types::JobId::from_random(77).to_string(), ..running });
    let sweep: Value =
        gateway.get(&format!("/api/jobs/{id}/sweep")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&sweep["status"], &sweep["simulationsRun"]), (&json!("running"), &json!(333_000)));
    assert_eq!((sweep["points"].as_array().unwrap().len(), &sweep["base"]["median"]), (2, &json!(12.5)));

    let plain = coordinator
        .keep(v1::Job { id: carlo_types::JobId::from_random(78).to_string(), ..coordinator::running() });
    assert_eq!(gateway.get(&format!("/api/jobs/{plain}/sweep")).send().await.unwrap().status(), 404);
    let queued = coordinator
        .keep(v1::Job { id: carlo_types::JobId::from_random(79).to_string(), ..coordinator::queued() });
    assert_eq!(gateway.get(&format!("/api/jobs/{queued}/sweep")).send().await.unwrap().status(), 409);
}

#[tokio::test]
async fn simulations_come_as_csv_as_lines_and_as_arrow() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::complete());
    let path = format!("/api/jobs/{id}/samples?first=7&count=4");
    let accepting = |accept: &str| gateway.get(&path).header("accept", accept).send();
    let csv = gateway.get(&path).send().await.unwrap();
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let expected = "index,finalBalance,success,firstShortMonth,horizonMonths,lowestMultiplier\r\n\
        7,1.5,true,,,\r\n8,-2,false,,,\r\n9,1.5,true,,,\r\n10,-2,false,,,\r\n";
    assert_eq!(csv.text().await.unwrap(), expected);
    let lines = accepting("application/jsonl").await.unwrap().text().await.unwrap();
    assert!(lines.starts_with("{\"index\":7,\"finalBalance\":1.5,\"success\":true}\n"), "{lines}");
    let arrow = accepting("application/vnd.apache.arrow.stream").await.unwrap();
    assert_eq!(arrow.headers()["content-type"], "application/vnd.apache.arrow.stream");
    assert!(
        arrow.bytes().await.unwrap().starts_with(&[0xff; 4]),
        "an IPC message begins with a continuation"
    );
    assert_eq!(accepting("image/png").await.unwrap().status(), 406);
    for query in ["count=0", "count=1000001", "first=-1", "first=+1", "many=1"] {
        let refused = gateway.get(&format!("/api/jobs/{id}/samples?{query}")).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{query}");
    }
}
