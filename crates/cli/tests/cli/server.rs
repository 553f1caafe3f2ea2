//! The commands that only talk to a server.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::fake::{Fake, JOB, job, problem, submitted};
use crate::{EXAMPLE, carlo, outcome, signal};

#[test]
fn a_server_that_is_not_there_ends_with_1_and_what_to_do() {
    let url = {
        // The port was bound and released, so nothing listens there.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let (stdout, stderr, code) = outcome(&mut carlo(&["submit", EXAMPLE, "--url", &url]));
    assert_eq!((stdout.as_str(), code), ("", Some(1)));
    assert!(
        stderr.starts_with(&format!("error: failed to submit {EXAMPLE}: failed to reach {url}: ")),
        "{stderr}"
    );
    assert!(stderr.contains("`carlo up` starts a cluster"), "{stderr}");
}

#[test]
fn a_refused_request_ends_with_2_and_a_line_for_each_fault() {
    let faults = json!([
        {"pointer": "/goal/targetAmount", "message": "is required"},
        {"pointer": "/goal/x", "message": "is not a field of a simulation request"},
    ]);
    let fake = Fake::new([problem(400, "the request has 2 faults", &faults)]);
    let (stdout, stderr, code) = outcome(carlo(&["submit", EXAMPLE]).env("CARLO_URL", &fake.url));
    assert_eq!((stdout.as_str(), code), ("", Some(2)));
    let expected = format!(
        "error: failed to submit {EXAMPLE}: the request has 2 faults\n  /goal/targetAmount is required\n  \
         /goal/x is not a field of a simulation request\n"
    );
    assert_eq!(stderr, expected);
}

#[test]
fn a_submission_prints_the_id_for_scripts_and_the_rest_aside() {
    let fake = Fake::new([submitted()]);
    let (stdout, stderr, code) = outcome(&mut carlo(&["submit", EXAMPLE, "--url", &fake.url]));
    assert_eq!((stdout, code), (format!("{JOB}\n"), Some(0)));
    let url = &fake.url;
    assert_eq!(
        stderr,
        format!("queued, number 1 in the queue; `carlo watch {JOB} --url {url}` follows it\n")
    );
    let (_, stderr, _) = outcome(carlo(&["submit", EXAMPLE]).env("CARLO_URL", url));
    assert_eq!(stderr, format!("queued, number 1 in the queue; `carlo watch {JOB}` follows it\n"));
}

#[test]
fn waiting_ends_as_the_job_ends() {
    for (end, code, words) in [
        (json!({"status": "failed", "error": "it broke"}), 3, format!("error: {JOB} failed: it broke\n")),
        (json!({"status": "cancelled"}), 4, format!("error: {JOB} was cancelled\n")),
    ] {
        let away = problem(503, "no leader", &json!([]));
        let fake = Fake::new([submitted(), job(&json!({})), away, job(&json!({})), job(&end)]);
        let (stdout, stderr, ended) = outcome(&mut carlo(&["submit", EXAMPLE, "--wait", "--url", &fake.url]));
        assert_eq!((stdout.as_str(), ended), ("", Some(code)));
        assert!(stderr.ends_with(&words), "{stderr}");
        // Two streams broke, and no event was missed.
        let calls = fake.calls.lock().unwrap()[1..].join("\n");
        let events = format!("GET /api/jobs/{JOB}/events");
        assert_eq!(calls, format!("{events}\n{events} after 1\n{events} after 1"));

        let fake = Fake::new([job(&json!({})), job(&end)]);
        let (stdout, _, ended) = outcome(&mut carlo(&["watch", JOB, "--url", &fake.url]));
        assert_eq!(ended, Some(code));
        let line =
            " 50.0 %  50 of 100 simulations · 10/s\n  node_1  working   50.0 %  50 simulations  10/s\n";
        assert_eq!(stdout, line);

        let fake = Fake::new([job(&json!({})), job(&end)]);
        let (stdout, _, ended) = outcome(&mut carlo(&["watch", JOB, "--json", "--url", &fake.url]));
        assert_eq!(ended, Some(code));
        assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), job(&end).1);
    }
}

#[test]
fn whoever_stops_waiting_is_told_that_the_job_goes_on() {
    let fake = Fake::new([job(&json!({}))]);
    let mut command = carlo(&["watch", JOB]);
    let command = command.env("CARLO_URL", &fake.url).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The program listens for signals before it requests the job.
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    stdout.next().unwrap().unwrap();
    signal("INT", &child);
    let output = child.wait_with_output().unwrap();
    let expected =
        format!("{JOB} continues: `carlo watch {JOB}` follows it, `carlo cancel {JOB}` cancels it\n");
    assert_eq!((String::from_utf8(output.stderr).unwrap(), output.status.code()), (expected, Some(130)));
    assert!(fake.calls.lock().unwrap().iter().all(|call| call.starts_with("GET")));
}

#[test]
fn a_job_that_is_not_there_ends_with_5() {
    for command in ["status", "watch", "cancel"] {
        let fake = Fake::new([problem(404, "there is no such job", &json!([]))]);
        let (stdout, stderr, code) = outcome(&mut carlo(&[command, JOB, "--url", &fake.url]));
        assert_eq!((stdout.as_str(), code), ("", Some(5)));
        assert!(stderr.ends_with(&format!("{JOB}: there is no such job\n")), "{stderr}");
    }
}

#[test]
fn a_failed_cancellation_and_a_failed_server_end_with_1() {
    for (status, detail) in [(409, "it has ended"), (500, "the server failed")] {
        let fake = Fake::new([problem(status, detail, &json!([]))]);
        let (_, stderr, code) = outcome(&mut carlo(&["cancel", JOB, "--url", &fake.url]));
        assert_eq!((stderr, code), (format!("error: failed to cancel {JOB}: {detail}\n"), Some(1)));
    }
}

#[test]
fn a_list_is_asked_for_as_the_arguments_say_and_passed_on_as_it_is() {
    let list = json!({"jobs": [], "total": 0, "page": 2, "page_size": 5, "novelty": [1.5]});
    let fake = Fake::new([(200, list.clone())]);
    let args = ["jobs", "--status", "running", "--page", "2", "--page-size", "5", "--url", &fake.url];
    let (stdout, _, code) = outcome(&mut carlo(&args));
    assert_eq!((stdout.as_str(), code), ("no jobs\n", Some(0)));
    assert_eq!(*fake.calls.lock().unwrap(), ["GET /api/jobs?page=2&page_size=5&status=running"]);
    let (stdout, _, _) = outcome(carlo(&args).arg("--json"));
    assert_eq!(stdout, format!("{list}\n"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let fake = Fake::new([(200, json!({"jobs": [], "total": 0, "page": 1, "page_size": 5}))]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = carlo(&["jobs", "--url", &fake.url]);
    let output = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!((String::from_utf8(output.stderr).unwrap().as_str(), output.status.code()), ("", Some(0)));
}

fn cluster(nodes: &[(&str, &str, &str)]) -> (u16, Value) {
    let node = |(id, name, status): &(&str, &str, &str)| {
        json!({
            "id": id, "hostname": "h", "name": name, "status": status, "cores": 2, "instructionSet": "avx2", "currentJobIds": [],
            "simulationsPerSecond": 0.0, "simulationsProcessed": 0, "cpuUtilization": 0.0, "memoryUtilization": 0.0,
            "lastSeen": "2026-01-01T00:00:00Z", "version": "0.1.0",
        })
    };
    let cluster = json!({
        "totalNodes": nodes.len(), "availableNodes": 0, "busyNodes": 0, "drainingNodes": 0, "offlineNodes": 0, "queuedJobs": 0,
        "runningJobs": 0, "averageQueueTime": 0.0, "simulationsPerSecond": 0.0, "leader": "127.0.0.1:7070", "modelVersion": 1,
        "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
    });
    (200, cluster)
}

const NODES: [&str; 4] = [
    "node_00000000000040008000000000000001",
    "node_00000000000040008000000000000002",
    "node_00000000000040008000000000000003",
    "node_00000000000040008000000000000004",
];

#[test]
fn a_node_is_drained_by_its_id_or_by_a_name_that_only_it_has() {
    let nodes = [
        (NODES[0], "attic", "offline"),
        (NODES[1], "attic", "busy"),
        (NODES[2], "cellar", "busy"),
        (NODES[3], "cellar", "busy"),
    ];
    let (_, listed) = cluster(&nodes);
    let told = (200, listed["nodes"][1].clone());
    let url = |fake: &Fake| fake.url.clone();

    let fake = Fake::new([told.clone()]);
    let (stdout, _, code) = outcome(&mut carlo(&["nodes", "drain", NODES[1], "--url", &url(&fake)]));
    assert_eq!((stdout.as_str(), code), ("attic has no leases and gets no new ones\n", Some(0)));
    assert_eq!(*fake.calls.lock().unwrap(), [format!("POST /api/cluster/nodes/{}/drain", NODES[1])]);

    let fake = Fake::new([cluster(&nodes), told]);
    let (stdout, _, code) = outcome(&mut carlo(&["nodes", "undrain", "attic", "--url", &url(&fake)]));
    assert_eq!((stdout.as_str(), code), ("attic gets work again\n", Some(0)));
    assert_eq!(fake.calls.lock().unwrap()[1], format!("POST /api/cluster/nodes/{}/undrain", NODES[1]));

    // No listed node has this name, but the server may know it.
    let mut roof = listed["nodes"][0].clone();
    roof["name"] = "roof".into();
    let alone = (200, roof);
    let fake = Fake::new([cluster(&nodes), alone]);
    let (stdout, _, code) = outcome(&mut carlo(&["nodes", "undrain", "roof", "--url", &url(&fake)]));
    assert_eq!((stdout.as_str(), code), ("roof gets work again\n", Some(0)));
    assert_eq!(fake.calls.lock().unwrap()[1], "POST /api/cluster/nodes/roof/undrain");

    let fake = Fake::new([cluster(&nodes)]);
    for (name, code, words) in
        [("cellar", 2, "several nodes have this name"), ("roof", 5, "there is no node roof")]
    {
        let (_, stderr, ended) = outcome(&mut carlo(&["nodes", "drain", name, "--url", &url(&fake)]));
        assert_eq!(ended, Some(code), "{stderr}");
        assert!(stderr.starts_with(&format!("error: failed to drain {name}: ")), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
}

#[test]
fn nodes_are_listed_as_the_cluster_says() {
    let fake = Fake::new([cluster(&[(NODES[0], "attic", "draining")])]);
    for args in [&["nodes", "list", "--url", &fake.url][..], &["nodes", "--url", &fake.url]] {
        let (stdout, _, code) = outcome(&mut carlo(args));
        assert_eq!(code, Some(0));
        // It has no leases.
        assert!(stdout.contains("attic  drained"), "{stdout}");
    }
}

#[test]
fn a_probe_ends_as_the_daemon_answers() {
    let fake = Fake::new([(200, json!("ready")), (503, json!("no leader"))]);
    let url = format!("{}/readyz", fake.url);
    assert_eq!(outcome(&mut carlo(&["probe", &url])), ("\"ready\"\n".to_owned(), String::new(), Some(0)));
    let (stdout, stderr, code) = outcome(&mut carlo(&["probe", &url]));
    assert_eq!((stdout.as_str(), code), ("", Some(1)));
    assert!(stderr.contains("503") && stderr.contains("no leader"), "{stderr}");
    assert_eq!(*fake.calls.lock().unwrap(), ["GET /readyz", "GET /readyz"]);
}
