//! `carlo top`, on a terminal and off it.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::fake::Fake;
use crate::{carlo, outcome, signal};

fn cluster(queued: u64) -> Value {
    json!({
        "totalNodes": 1, "availableNodes": 0, "busyNodes": 1, "drainingNodes": 0, "offlineNodes": 0,
        "queuedJobs": queued, "runningJobs": 2, "averageQueueTime": 0.01, "simulationsPerSecond": 2e6,
        "leader": "http://127.0.0.1:7070", "modelVersion": 5, "standbys": [],
        "nodes": [{
            "id": "node_00000000000040008000000000000001", "hostname": "h", "name": "attic\u{1b}[31m", "status": "busy",
            "cores": 2, "instructionSet": "avx512", "currentJobIds": [], "simulationsPerSecond": 2e6,
            "simulationsProcessed": 5, "cpuUtilization": 0.5, "memoryUtilization": 0.4,
            "lastSeen": "2026-01-01T00:00:00Z", "version": "0.1.0",
        }],
    })
}

#[test]
fn off_a_terminal_it_prints_lines_and_once_is_once() {
    let fake = Fake::new([(200, cluster(7))]);
    let (stdout, stderr, code) = outcome(&mut carlo(&["top", "--once", "--url", &fake.url]));
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    assert!(stdout.contains("2 running, 7 queued") && stdout.contains("attic"), "{stdout}");
    assert!(!stdout.contains('\u{1b}'), "{stdout:?}");
    assert_eq!(*fake.calls.lock().unwrap(), ["GET /api/cluster/status"]);
    let (stdout, _, code) = outcome(&mut carlo(&["top", "--once", "--json", "--url", &fake.url]));
    assert_eq!(code, Some(0));
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()["queuedJobs"], 7);
}

#[test]
fn a_server_that_goes_away_is_waited_for_and_one_that_never_was_is_an_error() {
    let fake = Fake::new([(200, cluster(1)), (503, json!({"detail": "nobody leads"})), (200, cluster(2))]);
    let mut command = carlo(&["top", "--interval", "0.1", "--url", &fake.url]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !text.contains("2 queued") {
        let read = stdout.read(&mut bytes).unwrap();
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    assert!(text.contains("1 queued") && text.contains("no answer: "), "{text}");
    signal("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let (_, stderr, code) = outcome(&mut carlo(&["top", "--url", "http://127.0.0.1:1"]));
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: failed to look at the cluster"), "{stderr}");
    for interval in ["0", "-1", "nan", "soon"] {
        let (_, _, code) = outcome(&mut carlo(&["top", &format!("--interval={interval}")]));
        assert_eq!(code, Some(2), "{interval}");
    }
}

#[test]
fn on_a_terminal_it_redraws_within_it_until_q_and_leaves_it_as_it_was() {
    let fake = Fake::new([(200, cluster(7))]);
    let program = env!("CARGO_BIN_EXE_carlo");
    let run = format!("stty rows 9 cols 40; {program} top --interval 0.1 --url {}; stty -a", fake.url);
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &run, "/dev/null"]).env("TERM", "xterm");
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut text = String::new();
    let mut bytes = [0; 4096];
    // Several looks, each drawn over the one before it.
    while text.matches("\u{1b}[H").count() < 3 {
        let read = stdout.read(&mut bytes).unwrap();
        assert!(read > 0, "{text:?}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    child.stdin.take().unwrap().write_all(b"q").unwrap();
    stdout.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let (screen, after) = text.rsplit_once("\u{1b}[?1049l").expect("the other screen is left");
    for frame in screen.split("\u{1b}[H").skip(1) {
        let lines: Vec<_> = frame.split("\r\n").collect();
        assert!(lines.len() <= 9, "{frame:?}");
        for line in lines {
            let shown = line.split('\u{1b}').next().unwrap_or_default();
            assert!(shown.chars().count() <= 40, "{line:?}");
        }
    }
    assert!(after.contains(" echo ") && after.contains(" icanon "), "{after}");
}
