//! What operators ask for: the description of the API, and metrics.

use reqwest::Method;
use serde_json::{Value, json};

use crate::coordinator::{self, Coordinator};
use crate::{Gateway, ready};

#[tokio::test]
async fn every_call_is_described_and_every_reference_leads_somewhere() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let document: Value = gateway.get("/openapi.json").send().await.unwrap().json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let paths = document["paths"].as_object().unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} twice");
            assert!(operation["summary"].is_string(), "{id}");
            for status in ["400", "401", "429"] {
                assert!(operation["responses"][status].is_object(), "{id} {status}");
            }
            let url = format!("{}{}", gateway.url, path.replace("{id}", "x").replace("{job_id}", "x"));
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            let answer = gateway.client.request(method, url).send().await.unwrap();
            assert_ne!(answer.status(), 405, "{id}");
        }
    }
    assert_eq!(ids.len(), 57, "{ids:?}");
    let text = document.to_string();
    for (start, _) in text.match_indices("\"$ref\":\"#") {
        let pointer = text[start + 9..].split('"').next().unwrap();
        assert!(document.pointer(&pointer[0..]).is_some(), "{pointer}");
    }
    let inputs = &document["components"]["schemas"]["FinancialProfile"];
    assert_eq!(inputs["properties"]["liquidAssets"]["maximum"], 1e12);
    assert_eq!(inputs["additionalProperties"], false);
}

#[tokio::test]
async fn metrics_count_answers_by_route_and_never_by_path() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::queued());
    gateway.submit(&ready()).send().await.unwrap();
    for path in [&format!("/api/jobs/{id}"), "/api/jobs/7", "/nowhere"] {
        gateway.get(path).send().await.unwrap();
    }
    let response = gateway.get("/metrics").send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let text = response.text().await.unwrap();
    for line in [
        r#"carlo_http_requests_total{method="POST",route="/api/jobs",status="202"} 1"#,
        r#"carlo_http_requests_total{method="GET",route="/api/jobs/{id}",status="200"} 1"#,
        r#"carlo_http_requests_total{method="GET",route="/api/jobs/{id}",status="404"} 1"#,
        r#"carlo_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"carlo_http_request_duration_seconds_count{route="/api/jobs/{id}"} 2"#,
        "carlo_http_requests_in_progress 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert!(!text.contains(&id), "{text}");
}

#[tokio::test]
async fn the_past_of_the_cluster_is_shown() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let history: Value = gateway.get("/api/cluster/history").send().await.unwrap().json().await.unwrap();
    assert_eq!((history["hour"].as_array().unwrap().len(), &history["day"][0]["failedJobs"]), (2, &json!(2)));
    assert_eq!(history["hour"][0]["at"], "1970-01-01T00:00:01Z");
    let events: Value = gateway.get("/api/cluster/events").send().await.unwrap().json().await.unwrap();
    assert_eq!(
        events,
        json!({"events": [{"at": "1970-01-01T00:00:01Z", "kind": "lost", "subject": "attic"}]})
    );
}
