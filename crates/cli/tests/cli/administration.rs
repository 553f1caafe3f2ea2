//! What administrators ask: everybody's jobs and usage, the audit log, other priorities, deletion.

use serde_json::json;

use crate::fake::{Fake, JOB, job, problem};
use crate::{carlo, outcome};

fn list(members: &serde_json::Value) -> (u16, serde_json::Value) {
    let (_, job) = job(members);
    (200, json!({"jobs": [job], "total": 1, "page": 1, "page_size": 20}))
}

#[test]
fn everybodys_jobs_are_listed_with_their_owners_and_filters() {
    let sweep = json!({"owner": "ann", "kind": "sweep", "name": "House"});
    let fake = Fake::new([list(&sweep)]);
    let (stdout, _, code) = outcome(&mut carlo(&["jobs", "--all", "--url", &fake.url]));
    assert_eq!(code, Some(0));
    assert!(stdout.contains("kind") && stdout.contains("sweep  ann    House"), "{stdout}");
    let fake = Fake::new([list(&json!({"owner": "bob"}))]);
    let (stdout, ..) = outcome(&mut carlo(&["jobs", "--url", &fake.url]));
    assert!(!stdout.contains("owner") && !stdout.contains("kind") && !stdout.contains("bob"), "{stdout}");

    let fake = Fake::new([list(&sweep)]);
    let args =
        ["jobs", "--user", "ann", "--state", "running", "--name", "a house", "--text", "b", "--age", "2h"];
    outcome(carlo(&args).env("CARLO_URL", &fake.url));
    let calls = fake.calls.lock().unwrap().clone();
    let (call, since) = calls[0].split_once("&since=").unwrap();
    assert_eq!(call, "GET /api/jobs?page=1&page_size=20&user=ann&status=running&name=a+house&text=b");
    assert!(since.ends_with('Z'), "{since}");
    assert_eq!(outcome(&mut carlo(&["jobs", "--age", "soon"])).2, Some(2));
}

#[test]
fn jobs_are_changed_and_deleted() {
    let fake = Fake::new([job(&json!({"priority": 80, "name": "House"}))]);
    let args = ["reprioritize", JOB, "--priority", "80", "--name", "House"];
    let (stdout, _, code) = outcome(carlo(&args).env("CARLO_URL", &fake.url));
    assert_eq!((stdout, code), (format!("{JOB}, House: priority 80\n"), Some(0)));
    assert_eq!(*fake.calls.lock().unwrap(), [format!("PATCH /api/jobs/{JOB}")]);
    assert_eq!(*fake.bodies.lock().unwrap(), [r#"{"name":"House","priority":80}"#]);
    assert_eq!(outcome(&mut carlo(&["reprioritize", JOB])).2, Some(2), "nothing is to be changed");

    let fake = Fake::new([(200, json!({"success": true, "message": "it is deleted"}))]);
    let (stdout, ..) = outcome(&mut carlo(&["delete", JOB, "--url", &fake.url]));
    assert_eq!(stdout, "it is deleted\n");
    assert_eq!(*fake.calls.lock().unwrap(), [format!("DELETE /api/jobs/{JOB}?purge=true")]);
    let (stdout, ..) = outcome(&mut carlo(&["batch", "delete", "batch_7", "--url", &fake.url]));
    assert_eq!(stdout, "it is deleted\n");
    assert_eq!(fake.calls.lock().unwrap()[1], "DELETE /simulations/batch/batch_7");
    let fake = Fake::new([problem(409, "the job is running", &json!([]))]);
    assert_eq!(outcome(&mut carlo(&["delete", JOB, "--url", &fake.url])).2, Some(1));
}

#[test]
fn usage_of_all_users_and_the_audit_log_are_tables() {
    let usage = json!({
        "user_id": "ann", "tier": "free", "period": "2026-11", "days_remaining": 9, "api_calls_used": 7, "simulations_used": 2,
        "cost_used_usd": 0.5, "tokens_used": 5000, "api_calls_limit": 1000, "simulations_limit": -1, "cost_limit_usd": 1.0,
        "max_batch_size": 5, "api_calls_remaining": 993, "simulations_remaining": -1, "cost_remaining_usd": 0.5,
        "is_quota_exceeded": false, "quota_exceeded_reason": null,
    });
    let fake = Fake::new([(200, json!({"users": [usage], "total": 21, "page": 2, "page_size": 20}))]);
    let (stdout, ..) = outcome(&mut carlo(&["usage", "--all", "--page", "2", "--url", &fake.url]));
    assert!(stdout.ends_with("ann   free      7     2   5,000  $0.50\n21 users; page 2 of 2\n"), "{stdout}");
    assert_eq!(*fake.calls.lock().unwrap(), ["GET /api/admin/usage?page=2"]);

    let record = json!({
        "number": 7, "at": "2026-01-01T00:00:00Z", "action": "jobCancelled", "user_id": "root", "key_id": "key_1",
        "object": JOB, "detail": "of ann",
    });
    let fake = Fake::new([(200, json!({"records": [record], "total": 1, "page": 1, "page_size": 20}))]);
    let (stdout, ..) = outcome(&mut carlo(&["audit", "--url", &fake.url]));
    assert!(stdout.ends_with(&format!("ago  root  job cancelled  {JOB}  of ann\n")), "{stdout}");
    let fake = Fake::new([(200, record.clone())]);
    let (stdout, ..) = outcome(&mut carlo(&["audit", "--lines", "--url", &fake.url]));
    assert_eq!(stdout, record.to_string());
    assert_eq!(*fake.calls.lock().unwrap(), ["GET /api/admin/audit"]);
}

#[test]
fn a_rotated_key_keeps_its_note_its_lifetime_and_its_webhook() {
    let key = json!({
        "id": "key_1", "user_id": "ann", "tier": "pro", "role": "user", "created_at": "2026-01-01T00:00:00Z",
        "note": "nightly", "expires_at": "2026-01-31T00:00:00Z", "revoked_at": null,
    });
    let mut made = key.clone();
    (made["id"], made["secret"]) = (json!("key_2"), json!("carlo_secret"));
    let webhook = json!({
        "keyId": "key_1", "id": "hook_1", "url": "https://example.org/events", "events": ["job.complete"],
    });
    let mut moved = webhook.clone();
    moved["keyId"] = json!("key_2");
    let answers =
        [(200, json!({"keys": [key]})), (201, made), (200, webhook), (200, moved), (200, key.clone())];
    let fake = Fake::new(answers);
    let (stdout, _, code) = outcome(&mut carlo(&["keys", "rotate", "key_1", "--url", &fake.url]));
    assert_eq!((stdout.as_str(), code), ("carlo_secret\n", Some(0)));
    let asked: serde_json::Value = serde_json::from_str(&fake.bodies.lock().unwrap()[1]).unwrap();
    assert_eq!((&asked["note"], &asked["expires_in_days"]), (&json!("nightly"), &json!(30)));
    let asked: serde_json::Value = serde_json::from_str(&fake.bodies.lock().unwrap()[3]).unwrap();
    assert_eq!(asked, json!({"url": "https://example.org/events", "events": ["job.complete"]}));
    let wanted = [
        "GET /api/webhooks/default?key=key_1",
        "PUT /api/webhooks/default?key=key_2",
        "DELETE /api/admin/keys/key_1",
    ];
    assert_eq!(fake.calls.lock().unwrap()[2..], wanted);
}
