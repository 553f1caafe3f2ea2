//! Conveniences: profiles, short ids, waiting for limits, and the same JSON of all lists.

use serde_json::{Value, json};

use crate::fake::{Fake, JOB, job, problem, submitted};
use crate::{EXAMPLE, carlo, outcome};

fn page(ids: &[&str], total: usize) -> (u16, Value) {
    let jobs: Vec<_> = ids
        .iter()
        .map(|id| {
            let mut job = job(&json!({})).1;
            job["id"] = json!(id);
            job
        })
        .collect();
    (200, json!({"jobs": jobs, "total": total, "page": 1, "page_size": 100}))
}

#[test]
fn a_profile_names_the_server_and_its_key() {
    let fake = Fake::new([(200, json!({"jobs": [], "total": 0, "page": 1, "page_size": 20}))]);
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("carlo")).unwrap();
    let text = format!(
        "default = \"office\"\n[profiles.office]\nurl = \"{}\"\nkey-file = \"office-key\"\n[profiles.none]\n",
        fake.url
    );
    std::fs::write(directory.path().join("carlo/config.toml"), text).unwrap();
    std::fs::write(directory.path().join("carlo/office-key"), "secret\n").unwrap();
    for args in [&["jobs"][..], &["jobs", "--profile", "office"]] {
        let (stdout, stderr, code) = outcome(carlo(args).env("XDG_CONFIG_HOME", directory.path()));
        assert_eq!((stdout.as_str(), code), ("no jobs\n", Some(0)), "{stderr}");
    }
    // The key is not sent to another server.
    let (_, _, code) = outcome(carlo(&["jobs", "--url", &fake.url]).env("XDG_CONFIG_HOME", directory.path()));
    assert_eq!(code, Some(0));
    let calls = fake.calls.lock().unwrap();
    assert!(calls[0].ends_with(" key secret") && calls[1].ends_with(" key secret"), "{calls:?}");
    assert!(!calls[2].contains("key"), "{calls:?}");
    let (_, stderr, code) =
        outcome(carlo(&["jobs", "--profile", "attic"]).env("XDG_CONFIG_HOME", directory.path()));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("it has no profile attic; it has none, office"), "{stderr}");
}

#[test]
fn a_name_and_a_priority_are_sent_with_the_request() {
    let fake = Fake::new([submitted()]);
    let (_, _, code) = outcome(&mut carlo(&[
        "submit",
        EXAMPLE,
        "--priority",
        "90",
        "--name",
        "Ann's house",
        "--url",
        &fake.url,
    ]));
    assert_eq!(code, Some(0));
    let body: Value = serde_json::from_str(&fake.bodies.lock().unwrap()[0]).unwrap();
    assert_eq!((&body["priority"], &body["name"]), (&json!(90), &json!("Ann's house")));
    assert_eq!(outcome(&mut carlo(&["submit", EXAMPLE, "--priority", "101"])).2, Some(2));
}

#[test]
fn the_beginning_of_an_id_will_do_where_no_other_job_has_it() {
    let other = "job_0000000000004000800000000000ffff";
    let fake = Fake::new([page(&[other, JOB], 2), job(&json!({}))]);
    let begin = &JOB[..JOB.len() - 2];
    let (stdout, stderr, code) = outcome(&mut carlo(&["status", &format!("{begin}…"), "--url", &fake.url]));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains(JOB), "{stdout}");
    assert_eq!(
        *fake.calls.lock().unwrap(),
        ["GET /api/jobs?page=1&page_size=100".to_owned(), format!("GET /api/jobs/{JOB}")]
    );

    let fake = Fake::new([page(&[other, JOB], 2)]);
    let (_, stderr, code) = outcome(&mut carlo(&["cancel", "job_0000", "--url", &fake.url]));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("several ids begin with this: ") && stderr.contains(other), "{stderr}");
    let (_, stderr, code) = outcome(&mut carlo(&["watch", "job_ffff", "--url", &fake.url]));
    assert_eq!(code, Some(5), "{stderr}");
    assert!(fake.calls.lock().unwrap().iter().all(|call| call.starts_with("GET /api/jobs?")));
}

#[test]
fn the_server_says_when_to_come_back() {
    let (status, mut limited) = problem(429, "too many calls", &json!([]));
    limited["retry-after"] = json!("1");
    let fake = Fake::new([(status, limited.clone()), job(&json!({}))]);
    let began = std::time::Instant::now();
    let (_, stderr, code) = outcome(&mut carlo(&["status", JOB, "--url", &fake.url]));
    assert_eq!((stderr.as_str(), code), ("too many calls: waiting 1 s, as the server asks\n", Some(0)));
    assert!(began.elapsed().as_millis() >= 1_000);

    // The command doesn't wait for the next month.
    limited["retry-after"] = json!("86400");
    let fake = Fake::new([(status, limited)]);
    let (_, _, code) = outcome(&mut carlo(&["status", JOB, "--url", &fake.url]));
    assert_eq!((code, fake.calls.lock().unwrap().len()), (Some(8), 1));
}

#[test]
fn a_lost_connection_is_said_and_that_it_is_back() {
    let away = problem(503, "no leader", &json!([]));
    let ended = job(&json!({"status": "cancelled"}));
    let fake = Fake::new([job(&json!({})), away, ended]);
    let (_, stderr, code) = outcome(&mut carlo(&["watch", JOB, "--url", &fake.url]));
    assert_eq!(code, Some(4));
    let expected = format!(
        "the connection is lost, trying again: no leader\nthe connection is back\nerror: {JOB} was cancelled\n"
    );
    assert_eq!(stderr, expected);
}

#[test]
fn plans_are_compared_and_solved_by_a_server_that_is_named() {
    let plan = json!({"successProbability": 0.5, "standardError": 0.01, "confidenceInterval95": [0.4, 0.6], "delta": 0.0, "deltaStandardError": 0.0});
    let compared =
        json!({"plans": [plan, plan], "simulationsRun": 100, "seed": "1", "modelVersion": 5, "digest": "d"});
    let fake = Fake::new([(200, compared)]);
    let (stdout, stderr, code) =
        outcome(&mut carlo(&["compare", EXAMPLE, EXAMPLE, "--json", "--url", &fake.url]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()["digest"], "d");
    let body: Value = serde_json::from_str(&fake.bodies.lock().unwrap()[0]).unwrap();
    assert_eq!(body["requests"].as_array().unwrap().len(), 2);

    // If it takes longer than a call, the command follows the job.
    let (status, mut slow) = problem(503, "it takes longer", &json!([]));
    slow["x-job-id"] = json!(JOB);
    let fake = Fake::new([(status, slow), job(&json!({"status": "failed", "error": "it broke"}))]);
    let solve = ["solve", EXAMPLE, "--for", "maxSpending", "--url", &fake.url];
    let (_, stderr, code) = outcome(&mut carlo(&solve));
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.starts_with(&format!("{JOB} takes longer than a call\n")), "{stderr}");
    assert_eq!(
        *fake.calls.lock().unwrap(),
        ["POST /api/solve".to_owned(), format!("GET /api/jobs/{JOB}/events")]
    );
}

#[test]
fn every_list_has_the_same_shape_as_json() {
    let listed = |members: &str| json!({members: [], "total": 0, "page": 1, "page_size": 20});
    let cluster = json!({
        "totalNodes": 0, "availableNodes": 0, "busyNodes": 0, "drainingNodes": 0, "offlineNodes": 0, "queuedJobs": 0,
        "runningJobs": 0, "averageQueueTime": 0.0, "simulationsPerSecond": 0.0, "leader": "", "modelVersion": 1, "nodes": [],
    });
    for (args, members, answer) in [
        (&["jobs"][..], "jobs", listed("jobs")),
        (&["batch", "list"], "batches", listed("batches")),
        (&["nodes", "list"], "nodes", cluster),
        (&["keys", "list"], "keys", json!({"keys": []})),
    ] {
        let fake = Fake::new([(200, answer)]);
        let args = [args, &["--json", "--url", &fake.url]].concat();
        let (stdout, stderr, code) = outcome(&mut carlo(&args));
        assert_eq!(code, Some(0), "{stderr}");
        let list: Value = serde_json::from_str(&stdout).unwrap();
        let names: Vec<_> = list.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = vec![members, "page", "page_size", "total"];
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
}

#[test]
fn every_command_answers_as_json_where_it_is_asked_to() {
    let directory = tempfile::tempdir().unwrap();
    let manual = directory.path().to_str().unwrap();
    let page = directory.path().join("page.html");
    let fake = Fake::new([(200, json!("<html>"))]);
    let probed = format!("{}/readyz", fake.url);
    for args in [
        &["man", manual, "--json"][..],
        &["completions", "bash", "--json"],
        &["probe", &probed, "--json"],
        &["report", JOB, "--json", "--url", &fake.url],
        &["report", JOB, "--json", "--url", &fake.url, "--output", page.to_str().unwrap()],
    ] {
        let (stdout, stderr, code) = outcome(&mut carlo(args));
        assert_eq!(code, Some(0), "{args:?}: {stderr}");
        let answer: Value = serde_json::from_str(&stdout).unwrap();
        assert!(answer.is_object(), "{args:?}: {stdout}");
    }
    // Every command has the option.
    let (help, _, _) = outcome(&mut carlo(&["--help"]));
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for command in commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        let (help, _, _) = outcome(&mut carlo(&[command, "--help"]));
        assert!(help.contains("--json"), "{command}");
    }
}
