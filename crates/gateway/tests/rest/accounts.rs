//! Usage and keys.

use carlo_wire::v1;
use serde_json::{Value, json};

use crate::coordinator::Coordinator;
use crate::{Gateway, pointers, refused};

#[tokio::test]
async fn usage_is_in_dollars_and_has_no_limit_where_it_is_minus_one() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let usage: Value = gateway.get("/simulations/batch/usage").send().await.unwrap().json().await.unwrap();
    let expected = json!({
        "user_id": "ann", "tier": "free", "role": "user", "period": "2026-11", "days_remaining": 9, "api_calls_used": 7, "simulations_used": 2,
        "cost_used_usd": 0.0003, "tokens_used": 3, "api_calls_limit": 1000, "simulations_limit": -1, "cost_limit_usd": 1.0,
        "max_batch_size": 5, "api_calls_remaining": 993, "simulations_remaining": -1, "cost_remaining_usd": 0.9995,
        "is_quota_exceeded": false, "quota_exceeded_reason": null,
    });
    assert_eq!(usage, expected);
}

#[tokio::test]
async fn past_months_are_listed_as_many_as_are_wanted() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let path = "/simulations/batch/usage/history";
    for (query, count) in [("", 6), ("?periods=1", 1), ("?periods=24", 24)] {
        let history: Value =
            gateway.get(&format!("{path}{query}")).send().await.unwrap().json().await.unwrap();
        assert_eq!(history["history"].as_array().unwrap().len(), count, "{query}");
        assert_eq!(history["current"]["user_id"], "ann");
        assert_eq!(history["history"][0]["simulations_run"], 0);
    }
    for query in ["?periods=0", "?periods=25", "?periods=x"] {
        assert_eq!(pointers(&refused(gateway.get(&format!("{path}{query}")), 400).await), ["/periods"]);
    }
}

#[tokio::test]
async fn a_keys_secret_is_shown_when_it_is_made_and_never_again() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let post = |body: Value| {
        gateway.post_to("/api/admin/keys").header("content-type", "application/json").body(body.to_string())
    };
    let response = post(json!({"user_id": "ann", "tier": "pro", "role": "user"})).send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["location"], "/api/admin/keys/key_1");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let made: Value = response.json().await.unwrap();
    let mut expected = json!({
        "id": "key_1", "user_id": "ann", "tier": "pro", "role": "user", "created_at": "2023-11-14T22:13:20.123Z", "note": null,
        "expires_at": null, "revoked_at": null, "secret": "carlo_secret",
    });
    assert_eq!(made, expected);
    let asked = coordinator.state.keys_made.lock().unwrap()[0].clone();
    assert_eq!((asked.user.as_str(), asked.tier.as_str(), asked.role()), ("ann", "pro", v1::Role::User));

    expected.as_object_mut().unwrap().remove("secret");
    let listed: Value = gateway.get("/api/admin/keys").send().await.unwrap().json().await.unwrap();
    assert_eq!(listed, json!({"keys": [expected]}));
    let rotate = gateway.post_to("/api/admin/keys/key_1/rotate").header("content-type", "application/json");
    let response = rotate.body(r#"{"expires_in_days": 1}"#).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["cache-control"]),
        (201, &"no-store".parse().unwrap())
    );
    let rotated: Value = response.json().await.unwrap();
    assert_eq!(
        (&rotated["secret"], &rotated["expires_at"]),
        (&json!("carlo_other"), &json!("1970-01-02T00:00:00Z"))
    );
    let revoked: Value = gateway.delete("/api/admin/keys/key_1").send().await.unwrap().json().await.unwrap();
    assert_eq!(revoked["revoked_at"], "2023-11-14T22:13:22Z");

    let problem = refused(post(json!({"role": "root", "tierr": "pro"})), 400).await;
    assert_eq!(pointers(&problem), ["/user_id", "/role", "/tierr"]);
    let problem = refused(post(json!({"user_id": "two words", "tier": "gold", "role": 7})), 400).await;
    let messages: Vec<_> = problem.errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "must be 1 to 128 letters, digits or any of . _ - @ +",
            "must be one of free, basic, pro, enterprise, not \"gold\"",
            "must be one of user, admin, not 7",
        ]
    );
}

#[tokio::test]
async fn a_join_tokens_text_is_shown_when_it_is_made_and_never_again() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let create = |body: &'static str| {
        gateway.post_to("/api/admin/tokens").header("content-type", "application/json").body(body)
    };
    let made = create(r#"{"note": "rack 7", "expiresInDays": 1}"#).send().await.unwrap();
    assert_eq!(
        (made.status().as_u16(), &made.headers()["location"]),
        (201, &"/api/admin/tokens/token_1".parse().unwrap())
    );
    assert_eq!(made.headers()["cache-control"], "no-store");
    let expected = json!({
        "id": "token_1", "note": "rack 7", "created_at": "2023-11-14T22:13:21Z",
        "expires_at": "1970-01-02T00:00:00Z", "last_used_at": null, "revoked_at": null, "text": "join_secret",
    });
    assert_eq!(made.json::<Value>().await.unwrap(), expected);
    assert_eq!(create(r#"{"expires_in_days": 0}"#).send().await.unwrap().status(), 400);
    let listed = gateway.get("/api/admin/tokens").send().await.unwrap().text().await.unwrap();
    assert!(listed.contains("token_1") && !listed.contains("secret"), "{listed}");
    let revoked: Value =
        gateway.delete("/api/admin/tokens/token_1").send().await.unwrap().json().await.unwrap();
    assert_eq!(revoked["revoked_at"], "2023-11-14T22:13:22Z");
}

#[tokio::test]
async fn everybodys_usage_and_the_audit_log_are_pages() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let read = async |path: &str| gateway.get(path).send().await.unwrap().json::<Value>().await.unwrap();
    let usage = read("/api/admin/usage?page=2&page_size=5").await;
    assert_eq!(
        (&usage["users"][0]["user_id"], &usage["total"], &usage["page"], &usage["page_size"]),
        (&json!("ann"), &json!(3), &json!(2), &json!(5))
    );
    let record = json!({
        "number": 7, "at": "2023-11-14T22:13:20Z", "action": "jobCancelled", "user_id": "root", "key_id": "key_1",
        "object": "job_1", "detail": "of\u{2028}ann",
    });
    let audit = read("/api/admin/audit").await;
    assert_eq!(audit, json!({"records": [record], "total": 2, "page": 1, "page_size": 20}));
    for path in ["/api/admin/usage", "/api/admin/audit"] {
        let problem = refused(gateway.get(&format!("{path}?page=0&status=x")), 400).await;
        assert_eq!(pointers(&problem), ["/page", "/status"]);
    }
    let lines = gateway.get("/api/admin/audit").header("accept", "application/jsonl").send().await.unwrap();
    assert_eq!(lines.headers()["content-type"], "application/jsonl");
    let lines = lines.text().await.unwrap();
    let numbers: Vec<_> = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
    assert_eq!(numbers.iter().map(|line| &line["number"]).collect::<Vec<_>>(), [&json!(7), &json!(6)]);
    assert!(!lines.contains('\u{2028}'), "no reader takes a part of a line for one");
    refused(gateway.get("/api/admin/audit").header("accept", "text/csv"), 406).await;
}

#[tokio::test]
async fn tiers_are_shown_and_set() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let tiers: Value = gateway.get("/api/admin/tiers").send().await.unwrap().json().await.unwrap();
    assert_eq!(tiers, json!({"price_per_token_usd": 0.5, "tiers": {"free": {"open_jobs": -1}}}));
    let url = gateway.get("/api/admin/tiers").build().unwrap().url().clone();
    let put = reqwest::Client::new().put(url).json(&tiers);
    assert_eq!(put.send().await.unwrap().json::<Value>().await.unwrap(), tiers);
}
