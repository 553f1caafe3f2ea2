//! Batches, usage, keys, and why a job waits.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::fake::{Fake, JOB, job, problem};
use crate::{carlo, outcome};

fn batch(members: &Value) -> (u16, Value) {
    let mut batch = json!({
        "batch_id": "batch_7", "status": "RUNNING", "created_at": "2026-01-01T00:00:00Z", "started_at": null, "completed_at": null,
        "priority": 50, "fail_fast": false, "parallel_jobs": 3,
        "progress": {"total_jobs": 3, "pending_jobs": 1, "running_jobs": 1, "completed_jobs": 1, "failed_jobs": 0, "cancelled_jobs": 0,
            "progress_percent": 40.0},
        "cost": {"estimated_cost_usd": 0.0003, "actual_cost_usd": 0.0001, "budget_cap_usd": 0.5, "budget_remaining_usd": 0.4998,
            "tokens_used": 1},
        "job_ids": [JOB], "error_message": null, "owner_id": "ann", "metadata": null, "cancel_reason": null,
    });
    batch.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    (202, batch)
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, text).unwrap();
    // Others may not read a file with a secret.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let name = path.to_str().unwrap().to_owned();
    (directory, name)
}

#[test]
fn a_key_comes_from_the_command_line_the_variable_or_a_file() {
    let (_directory, key) = file("carlo_c\n");
    for (args, variable, expected) in [
        (vec!["--key", "carlo_a", "--key-file", &key], Some("carlo_b"), "carlo_a"),
        (vec!["--key-file", &key], Some("carlo_b"), "carlo_b"),
        (vec!["--key-file", &key], None, "carlo_c"),
    ] {
        let fake = Fake::new([problem(401, "the key is not one of ours", &json!([]))]);
        let mut command = carlo(&["jobs", "--url", &fake.url]);
        command.args(args).envs(variable.map(|value| ("CARLO_API_KEY", value)));
        let (stdout, stderr, code) = outcome(&mut command);
        assert_eq!((stdout.as_str(), code), ("", Some(7)));
        assert_eq!(stderr, "error: failed to list the jobs: the key is not one of ours\n");
        let calls = fake.calls.lock().unwrap().clone();
        assert_eq!(calls, [format!("GET /api/jobs?page=1&page_size=20 key {expected}")]);
    }
    let (_, stderr, code) = outcome(&mut carlo(&["jobs", "--key-file", "/nowhere/key"]));
    assert_eq!(code, Some(2));
    assert!(stderr.starts_with("error: failed to read the key in /nowhere/key: "), "{stderr}");
    let (help, ..) = outcome(carlo(&["jobs", "--help"]).env("CARLO_API_KEY", "carlo_secret"));
    assert!(!help.contains("carlo_secret"), "{help}");
}

#[test]
fn a_batch_is_submitted_and_its_id_printed() {
    let (_directory, name) = file(r#"{"simulations": [{}]}"#);
    let fake = Fake::new([batch(&json!({}))]);
    let (stdout, stderr, code) = outcome(carlo(&["batch", "submit", &name]).env("CARLO_URL", &fake.url));
    assert_eq!((stdout.as_str(), code), ("batch_7\n", Some(0)));
    assert_eq!(stderr, "3 jobs, about $0.0003; `carlo batch watch batch_7` follows it\n");
    assert_eq!(*fake.calls.lock().unwrap(), ["POST /simulations/batch"]);

    let fake = Fake::new([problem(402, "the budget doesn't reach", &json!([]))]);
    let (_, stderr, code) = outcome(&mut carlo(&["batch", "submit", &name, "--url", &fake.url]));
    assert_eq!(code, Some(8));
    assert_eq!(stderr, format!("error: failed to submit {name}: the budget doesn't reach\n"));
    let (_directory, name) = file("{");
    assert_eq!(outcome(&mut carlo(&["batch", "submit", &name])).2, Some(2));
}

#[test]
fn a_batch_is_followed_to_its_end() {
    for (status, code) in [("COMPLETED", 0), ("PARTIAL", 3), ("FAILED", 3), ("CANCELLED", 4)] {
        let told = |members: Value| (200, batch(&members).1);
        let end = json!({"status": status, "completed_at": "2026-01-01T00:00:05Z"});
        let away = problem(503, "no coordinator leads", &json!([]));
        let cancelled = told(json!({"status": "CANCELLED"}));
        let fake = Fake::new([told(json!({})), told(json!({})), away, cancelled, told(end)]);
        let (stdout, _, ended) = outcome(&mut carlo(&["batch", "watch", "batch_7", "--url", &fake.url]));
        assert_eq!(ended, Some(code));
        let line = " 40.0 %  3: 1 completed, 1 running, 1 pending · $0.0001 of at most $0.50\n";
        assert!(stdout.starts_with(line), "{stdout}");
        assert_eq!(stdout.matches(line).count(), 1, "what hasn't changed is not said again");
        assert!(stdout.contains(&format!("status    {status}\n")), "{stdout}");
        let path = "GET /simulations/batch/batch_7/events";
        let calls = fake.calls.lock().unwrap().clone();
        assert_eq!(calls, [path.to_owned(), format!("{path} after 2"), format!("{path} after 2")]);
    }
    let fake = Fake::new([problem(404, "there is no batch batch_8", &json!([]))]);
    for command in ["status", "watch", "results", "cancel"] {
        let (_, stderr, code) = outcome(&mut carlo(&["batch", command, "batch_8", "--url", &fake.url]));
        assert_eq!(code, Some(5), "{stderr}");
    }
}

#[test]
fn results_are_passed_on_as_they_are() {
    let fake = Fake::new([(200, json!({"custom_id": "a"}))]);
    let (stdout, _, code) = outcome(&mut carlo(&["batch", "results", "batch_7", "--url", &fake.url]));
    assert_eq!((stdout.as_str(), code), (r#"{"custom_id":"a"}"#, Some(0)));
    assert_eq!(*fake.calls.lock().unwrap(), ["GET /simulations/batch/batch_7/results"]);
}

#[test]
fn usage_says_what_is_left() {
    let usage = json!({
        "user_id": "ann", "tier": "free", "period": "2026-11", "days_remaining": 9, "api_calls_used": 7, "simulations_used": 2,
        "cost_used_usd": 0.0003, "tokens_used": 3, "api_calls_limit": 1000, "simulations_limit": -1, "cost_limit_usd": 1.0,
        "max_batch_size": 5, "api_calls_remaining": 993, "simulations_remaining": -1, "cost_remaining_usd": 0.9995,
        "is_quota_exceeded": false, "quota_exceeded_reason": null,
    });
    let fake = Fake::new([(200, usage.clone())]);
    let (stdout, _, code) = outcome(&mut carlo(&["usage", "--url", &fake.url]));
    assert_eq!(code, Some(0));
    for line in ["calls     7 of 1,000\n", "jobs      2, no limit\n", "cost      $0.0003 of $1.00\n"] {
        assert!(stdout.contains(line), "{stdout}");
    }
    let month = json!({"period": "2026-10", "api_calls": 12, "simulations_run": 3, "simulations_completed": 2, "simulations_failed": 1, "simulations_cancelled": 0,
        "cost_usd": 0.5, "tokens_used": 5000});
    let fake = Fake::new([(200, json!({"current": usage, "history": [month]}))]);
    let (stdout, _, _) = outcome(&mut carlo(&["usage", "--history", "3", "--url", &fake.url]));
    assert!(
        stdout.ends_with("2026-10     12     3          2       1          0   5,000  $0.50\n"),
        "{stdout}"
    );
    assert_eq!(*fake.calls.lock().unwrap(), ["GET /simulations/batch/usage/history?periods=3"]);
}

#[test]
fn keys_are_made_listed_and_taken_back() {
    let key = json!({"id": "key_1", "user_id": "ann", "tier": "pro", "role": "user", "created_at": "2026-01-01T00:00:00Z",
        "revoked_at": null});
    let mut made = key.clone();
    made["secret"] = json!("carlo_secret");
    let fake = Fake::new([(201, made)]);
    let args = ["keys", "create", "--user", "ann", "--tier", "pro", "--url", &fake.url];
    let (stdout, stderr, code) = outcome(&mut carlo(&args));
    assert_eq!((stdout.as_str(), code), ("carlo_secret\n", Some(0)));
    assert!(stderr.starts_with("key_1 of ann, pro: keep it"), "{stderr}");
    let fake = Fake::new([(200, json!({"keys": [key]}))]);
    let (stdout, ..) = outcome(&mut carlo(&["keys", "list", "--url", &fake.url]));
    assert!(stdout.contains("key_1  ann   pro   user"), "{stdout}");
    let fake = Fake::new([(200, key)]);
    let (stdout, ..) = outcome(&mut carlo(&["keys", "revoke", "key_1", "--url", &fake.url]));
    assert_eq!(stdout, "key_1 of ann is revoked\n");
    assert_eq!(*fake.calls.lock().unwrap(), ["DELETE /api/admin/keys/key_1"]);
    let fake = Fake::new([problem(403, "only a key with the role admin may do this", &json!([]))]);
    assert_eq!(outcome(&mut carlo(&["keys", "list", "--url", &fake.url])).2, Some(7));
}

#[test]
fn a_job_that_waits_is_explained() {
    let queued = json!({"status": "queued", "waitingFor": "two jobs are ahead of it", "queuePosition": 3});
    let cluster = json!({
        "totalNodes": 2, "availableNodes": 0, "busyNodes": 1, "drainingNodes": 1, "offlineNodes": 0, "queuedJobs": 4,
        "runningJobs": 1, "averageQueueTime": 0.0, "simulationsPerSecond": 2e6, "leader": "127.0.0.1:7070", "modelVersion": 1,
        "nodes": [],
    });
    let fake = Fake::new([job(&queued), (200, cluster)]);
    let (stdout, _, code) = outcome(&mut carlo(&["explain", JOB, "--url", &fake.url]));
    assert_eq!(code, Some(0));
    for line in [
        "waits for   two jobs are ahead of it\n",
        "queue       number 3 of 4\n",
        "cluster     nodes: 1 busy, 1 draining; 1 job running; 2.00 million simulations/s\n",
    ] {
        assert!(stdout.contains(line), "{stdout}");
    }
}
