//! Keys, limits and the counting of calls.

use carlo_types::fault::Limit;
use carlo_types::{Fault, FaultCode, JobId};
use reqwest::Method;
use serde_json::Value;

use crate::coordinator::{self, Coordinator};
use crate::{Gateway, problem, ready, refused};

#[tokio::test]
async fn a_key_is_passed_on_in_either_header() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    *coordinator.state.key.lock().unwrap() = Some("carlo_k".to_owned());
    for (name, value) in
        [("x-api-key", "carlo_k"), ("authorization", "Bearer carlo_k"), ("authorization", "bearer  carlo_k")]
    {
        assert_eq!(
            gateway.get("/api/jobs").header(name, value).send().await.unwrap().status(),
            200,
            "{value}"
        );
    }
    let requests = [
        gateway.get("/api/jobs"),
        gateway.get("/api/jobs").header("x-api-key", "other"),
        gateway.get("/api/jobs").header("x-api-key", ""),
        gateway.get("/api/jobs").header("x-api-key", "\u{e4}"),
        gateway.get("/api/jobs").header("authorization", "Basic Y2FybG9faw=="),
        gateway.get("/api/jobs").header("x-api-key", "x".repeat(600)),
        // An unknown key is refused before faults of the request.
        gateway.get("/api/jobs?page=0"),
        gateway.get("/api/jobs/7"),
        gateway.submit(&serde_json::json!({})),
        gateway.client.put(format!("{}/api/jobs", gateway.url)),
    ];
    for request in requests {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"carlo\"");
        assert_eq!(problem(response).await.detail, "the key is not one of ours");
    }
}

#[tokio::test]
async fn limits_are_on_every_answer_and_refusal() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::complete());
    *coordinator.state.limits.lock().unwrap() =
        vec![("ratelimit-policy", "\"minute\";q=10;w=60"), ("ratelimit", "\"minute\";r=9;t=60")];
    let unknown = JobId::from_random(9);
    let paths = [
        ("/api/jobs".to_owned(), 200),
        (format!("/api/jobs/{id}"), 200),
        (format!("/api/jobs/{unknown}"), 404),
        ("/api/jobs/7".to_owned(), 404),
        ("/api/jobs?page=0".to_owned(), 400),
        ("/simulations/batch/usage?x=1".to_owned(), 400),
    ];
    for (path, status) in paths {
        let response = gateway.get(&path).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["ratelimit"], "\"minute\";r=9;t=60");
        assert_eq!(response.headers()["ratelimit-policy"], "\"minute\";q=10;w=60");
    }
    let cached = gateway.get(&format!("/api/jobs/{id}")).header("if-none-match", "*").send().await.unwrap();
    assert_eq!((cached.status().as_u16(), cached.headers().contains_key("ratelimit")), (304, true));
}

#[tokio::test]
async fn what_is_limited_says_how_and_until_when() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    for (code, retry_after_seconds, status, kind) in [
        (FaultCode::RateLimited, Some(7), 429, "/problems/rate-limited"),
        (FaultCode::QuotaExceeded, Some(86_400), 429, "/problems/quota-exceeded"),
        (FaultCode::OverBudget, None, 402, "/problems/over-budget"),
        (FaultCode::KeyReused, None, 422, "/problems/idempotency-key-reused"),
        (FaultCode::KeyInUse, None, 409, "/problems/idempotency-key-in-use"),
        (FaultCode::Exhausted, None, 429, "about:blank"),
    ] {
        let fault = Fault { retry_after_seconds, ..Fault::new(code, "words for a person") };
        *coordinator.state.faulted.lock().unwrap() = Some(fault);
        let told = match retry_after_seconds {
            Some(7) => vec![("retry-after", "7")],
            Some(_) => vec![("retry-after", "86400")],
            None => vec![],
        };
        *coordinator.state.limits.lock().unwrap() = told;
        let response = gateway.submit(&ready()).send().await.unwrap();
        assert_eq!(response.status(), status);
        if let Some(seconds) = retry_after_seconds {
            assert_eq!(response.headers()["retry-after"], seconds.to_string());
        }
        let problem = problem(response).await;
        assert_eq!((problem.kind.as_str(), problem.detail.as_str()), (kind, "words for a person"));
    }
}

#[tokio::test]
async fn the_limit_that_does_not_reach_is_a_member_of_the_problem() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    for (code, limit, status, wanted) in [
        (FaultCode::QuotaExceeded, Limit::Quota("simulations".to_owned()), 429, (Some("simulations"), None)),
        (FaultCode::OverBudget, Limit::BudgetCap { nanodollars: 99_999 }, 402, (None, Some(0.000_099_999))),
    ] {
        let fault = Fault { limit: Some(limit), ..Fault::new(code, "words for a person") };
        *coordinator.state.faulted.lock().unwrap() = Some(fault);
        let problem = refused(gateway.submit(&ready()), status).await;
        assert_eq!((problem.quota.as_deref(), problem.budget_cap_usd), wanted);
    }
}

#[tokio::test]
async fn every_kind_of_problem_says_what_it_means_where_its_type_leads() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let kinds: Vec<Value> = gateway.get("/problems").send().await.unwrap().json().await.unwrap();
    assert_eq!(kinds.len(), 7);
    let document = gateway.get("/openapi.json").send().await.unwrap().text().await.unwrap();
    for kind in kinds {
        let uri = kind["type"].as_str().unwrap();
        let told: Value = gateway.get(uri).send().await.unwrap().json().await.unwrap();
        assert_eq!(told, kind);
        for member in ["title", "meaning", "remedy"] {
            assert!(!kind[member].as_str().unwrap().is_empty(), "{kind}");
        }
        let browser = gateway.get(uri).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        let page = browser.send().await.unwrap();
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        assert!(page.text().await.unwrap().contains(kind["remedy"].as_str().unwrap()), "{uri}");
        assert!(document.contains(uri), "{uri} is described");
    }
    refused(gateway.get("/problems/nowhere"), 404).await;
}

#[tokio::test]
async fn every_request_is_one_call_also_where_the_gateway_refuses_it() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::complete());
    let batch = coordinator::batch().id;
    let node = coordinator::node_id();
    let plain = |method: Method, path: String, body: &str, call: &'static str| {
        let request = gateway.client.request(method, format!("{}{path}", gateway.url));
        (
            if body.is_empty() {
                request
            } else {
                request.header("content-type", "application/json").body(body.to_owned())
            },
            call,
        )
    };
    let body = ready().to_string();
    let plans = serde_json::json!({"requests": [ready(), ready()]}).to_string();
    let question =
        serde_json::json!({"request": ready(), "for": "maxTarget", "probability": 0.9}).to_string();
    let batch_body = serde_json::json!({"simulations": [ready()]}).to_string();
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let requests = [
        plain(post.clone(), "/api/jobs".into(), &body, "submit"),
        plain(get.clone(), "/api/jobs".into(), "", "list"),
        plain(get.clone(), format!("/api/jobs/{id}"), "", "get"),
        plain(get.clone(), format!("/api/jobs/{id}/events"), "", "watch"),
        plain(get.clone(), format!("/api/jobs/{id}/simulations/7"), "", "replay"),
        plain(delete.clone(), format!("/api/jobs/{id}"), "", "cancel"),
        plain(post.clone(), "/api/simulate".into(), &body, "simulate"),
        plain(post.clone(), "/api/sensitivity".into(), &body, "simulate"),
        plain(post.clone(), "/api/compare".into(), &plans, "simulate"),
        plain(post.clone(), "/api/solve".into(), &question, "simulate"),
        plain(get.clone(), "/api/cluster/status".into(), "", "status"),
        plain(post.clone(), format!("/api/cluster/nodes/{node}/drain"), "", "drain"),
        plain(post.clone(), format!("/api/cluster/nodes/{node}/undrain"), "", "undrain"),
        plain(post.clone(), format!("/api/cluster/nodes/{node}/lift-quarantine"), "", "lift quarantine"),
        plain(post.clone(), "/api/admin/keys".into(), r#"{"user_id": "ann"}"#, "create key"),
        plain(get.clone(), "/api/admin/keys".into(), "", "keys"),
        plain(delete.clone(), "/api/admin/keys/key_1".into(), "", "revoke"),
        plain(post.clone(), "/api/admin/tokens".into(), "{}", "create token"),
        plain(get.clone(), "/api/admin/tokens".into(), "", "tokens"),
        plain(delete.clone(), "/api/admin/tokens/token_1".into(), "", "revoke token"),
        plain(get.clone(), "/api/admin/tiers".into(), "", "tiers"),
        plain(post.clone(), "/simulations".into(), &body, "submit"),
        plain(get.clone(), "/simulations".into(), "", "list"),
        plain(get.clone(), format!("/simulations/{id}"), "", "get"),
        plain(get.clone(), format!("/simulations/{id}/result"), "", "get"),
        plain(post.clone(), format!("/simulations/{id}/cancel"), "", "cancel"),
        plain(post.clone(), "/simulations/batch".into(), &batch_body, "create"),
        plain(get.clone(), "/simulations/batch".into(), "", "batches"),
        plain(get.clone(), "/simulations/batch/stats".into(), "", "stats"),
        plain(get.clone(), "/simulations/batch/usage".into(), "", "usage"),
        plain(get.clone(), "/simulations/batch/usage/history?periods=2".into(), "", "history"),
        plain(get.clone(), format!("/simulations/batch/{batch}"), "", "batch"),
        plain(get.clone(), format!("/simulations/batch/{batch}/jobs"), "", "jobs"),
        plain(get.clone(), format!("/simulations/batch/{batch}/results"), "", "results"),
        plain(post.clone(), format!("/simulations/batch/{batch}/cancel"), "", "cancel batch"),
        // Refusals of the gateway itself:
        plain(post.clone(), "/api/jobs".into(), "{", "count"),
        plain(post.clone(), "/api/jobs".into(), "{}", "count"),
        plain(post, "/api/jobs".into(), "", "count"),
        plain(get.clone(), "/api/jobs/7".into(), "", "count"),
        plain(delete, "/simulations/batch".into(), "", "count"),
    ];
    for (request, call) in requests {
        request.send().await.unwrap().bytes().await.unwrap();
        assert_eq!(std::mem::take(&mut *coordinator.state.calls.lock().unwrap()), [call]);
    }
    // Paths outside of the contract are not counted.
    for path in ["/nowhere", "/healthz", "/readyz", "/problems"] {
        gateway.get(path).send().await.unwrap();
        assert!(coordinator.state.calls.lock().unwrap().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn an_idempotency_key_is_passed_on_and_must_be_visible_ascii() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let state = &coordinator.state;
    gateway.submit(&ready()).header("idempotency-key", "once-7").send().await.unwrap();
    assert_eq!(state.submitted.lock().unwrap()[0].idempotency_key, "once-7");
    for path in ["/api/simulate", "/simulations/batch", "/api/admin/keys"] {
        let body = match path {
            "/api/simulate" => ready(),
            "/api/admin/keys" => serde_json::json!({"user_id": "ann", "tier": "pro", "role": "admin"}),
            _ => serde_json::json!({"simulations": [ready()]}),
        };
        let request = gateway.post_to(path).header("idempotency-key", "once-7");
        let response =
            request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
        assert!(response.status().is_success(), "{path}");
    }
    assert_eq!(state.simulated.lock().unwrap()[0].idempotency_key, "once-7");
    assert_eq!(state.created.lock().unwrap()[0].idempotency_key, "once-7");
    assert_eq!(state.keys_made.lock().unwrap()[0].idempotency_key, "once-7");
    for wrong in ["", "two words", &"x".repeat(256)] {
        let problem = refused(gateway.submit(&ready()).header("idempotency-key", wrong), 400).await;
        assert!(problem.detail.starts_with("Idempotency-Key must be"), "{}", problem.detail);
    }
}

#[tokio::test]
async fn a_gateway_is_ready_also_where_only_keys_are_let_in() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    *coordinator.state.key.lock().unwrap() = Some("carlo_k".to_owned());
    assert_eq!(gateway.get("/readyz").send().await.unwrap().status(), 200);
}
