//! The commands that start their own small cluster.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{EXAMPLE, carlo, outcome, signal};

/// The answer of a command, as JSON.
pub(crate) fn answer(args: &[&str]) -> Value {
    let (stdout, stderr, code) = outcome(&mut carlo(args));
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    serde_json::from_str(&stdout).expect("one JSON value and nothing else")
}

/// The same of a command that says aside what it does.
pub(crate) fn answer_aside(args: &[&str]) -> Value {
    let (stdout, stderr, code) = outcome(&mut carlo(args));
    assert_eq!(code, Some(0), "{stderr}");
    serde_json::from_str(&stdout).expect("one JSON value and nothing else")
}

#[test]
fn a_run_has_the_same_digest_on_any_number_of_threads() {
    let digests = ["1", "2"].map(|threads| {
        let job = answer(&["run", EXAMPLE, "--json", "-n", "100k", "--seed", "7", "--threads", threads]);
        assert_eq!(job["status"], "complete");
        assert_eq!(job["results"]["simulationsRun"], 100_000);
        assert_eq!(job["results"]["seed"], "7");
        job["results"]["digest"].clone()
    });
    assert!(digests[0].is_string());
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn a_run_is_told_to_a_person() {
    let mut command = carlo(&["run", "-", "-n", "1000", "--seed", "7"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(EXAMPLE).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    let start = "A deposit for a house in three years\n\nProbability of $70,000 or more after 36 months: ";
    assert!(text.starts_with(start), "{text}");
    for part in ["goal $70,000 ──", "simulations     1,000\n", "\nseed            7\n", "\ndigest"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_bad_request_ends_with_2_and_every_fault_by_its_pointer() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("request.json");
    std::fs::write(&file, r#"{"financialProfile": {"liquidAssets": -1}, "goal": {"timeline": 3}}"#).unwrap();
    let (stdout, stderr, code) = outcome(&mut carlo(&["run", file.to_str().unwrap(), "--json"]));
    assert_eq!((stdout.as_str(), code), ("", Some(2)));
    for pointer in [
        "/financialProfile/liquidAssets",
        "/financialProfile/monthlySpending",
        "/goal/targetAmount",
        "/goal/timelineMonths",
        "/goal/timeline",
    ] {
        let lines = stderr.lines().filter(|line| line.starts_with(&format!("  {pointer} "))).count();
        assert_eq!(lines, 1, "{pointer}: {stderr}");
    }
}

/// Whether the process has a handler for SIGINT, from the bits of caught signals in proc(5).
fn catches_interrupts(child: &Child) -> bool {
    const SIGINT: u32 = 2;
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() >> (SIGINT - 1) & 1 == 1
}

#[test]
fn an_interrupted_run_ends_soon_with_130() {
    let mut command = carlo(&["run", EXAMPLE, "-n", "1T"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while !catches_interrupts(&child) {
        assert!(began.elapsed() < Duration::from_mins(1), "it doesn't listen for SIGINT");
        std::thread::sleep(Duration::from_millis(5));
    }
    // The job would take hours.
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let interrupted = Instant::now();
    signal("INT", &child);
    said.find(|line| line == "interrupted: there are no results").expect("it says so");
    let rest: Vec<_> = said.collect();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(130), 0), "{rest:?}");
    assert!(interrupted.elapsed() < Duration::from_secs(5), "{:?}", interrupted.elapsed());
}

/// Starts `carlo up` on free ports. Returns its URL, too.
pub(crate) fn up(directory: &std::path::Path) -> (Child, String) {
    let mut command = carlo(&["up", "--listen", "127.0.0.1:0", "--threads", "1", "--data-dir"]);
    let mut child = command.arg(directory).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said: Vec<_> = lines.by_ref().take(5).map(Result::unwrap).collect();
    let url = said[0].strip_prefix("REST").expect("the first line").trim().to_owned();
    assert!(said[1].starts_with(&format!("pages         {url}/ (")), "{said:?}");
    assert!(said[2].starts_with("coordinator   http://127.0.0.1:"), "{said:?}");
    assert!(said[3].starts_with("worker        1 thread, "), "{said:?}");
    assert_eq!(said[4], format!("data          {}", directory.display()));
    (child, url)
}

#[test]
fn a_cluster_keeps_its_jobs_over_a_restart_and_ends_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let (mut child, url) = up(directory.path());
    let args = ["submit", EXAMPLE, "-n", "20k", "--seed", "3", "--wait", "--json", "--url", &url];
    let (stdout, _, code) = outcome(&mut carlo(&args));
    assert_eq!(code, Some(0));
    let job: Value = serde_json::from_str(&stdout).unwrap();
    let long = ["submit", EXAMPLE, "-n", "1T", "--json", "--url", &url];
    let running = answer(&long)["jobId"].as_str().unwrap().to_owned();

    let interrupted = Instant::now();
    signal("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(interrupted.elapsed() < Duration::from_secs(5), "{:?}", interrupted.elapsed());

    let (mut child, url) = up(directory.path());
    let id = job["id"].as_str().unwrap();
    assert_eq!(answer(&["status", id, "--json", "--url", &url])["results"], job["results"]);
    assert!(
        ["queued", "running"]
            .map(Value::from)
            .contains(&answer(&["status", &running, "--json", "--url", &url])["status"])
    );
    assert_eq!(answer(&["cancel", &running, "--json", "--url", &url])["success"], true);
    signal("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_stored_answer_is_verified_and_one_that_was_changed_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("answer.json");
    let file = path.to_str().unwrap();
    let job = answer(&["run", EXAMPLE, "-n", "20000", "--threads", "2", "--json"]);
    for stored in [&job, &job["results"]] {
        std::fs::write(&path, stored.to_string()).unwrap();
        let (stdout, stderr, code) = outcome(&mut carlo(&["verify", file, "--threads", "1"]));
        assert_eq!((stderr.as_str(), code), ("", Some(0)));
        assert!(stdout.contains(job["results"]["digest"].as_str().unwrap()), "{stdout}");
    }

    let mut changed = job.clone();
    changed["results"]["workersUsed"] = 7.into();
    for (pointer, value) in [
        ("/simulationsTotal", json!(20_001)),
        ("/simulationsComplete", json!(19_999)),
        ("/seed", json!("1")),
        ("/sensitivityResults/sensitivities/income_plus_10/delta", json!(0.5)),
        ("/sensitivityResults/mostImpactful", json!("nothing")),
        ("/results/seed", json!("1")),
        ("/results/successProbability", json!(0.99)),
        ("/results/histogram/counts/3", json!(7)),
    ] {
        let was = std::mem::replace(changed.pointer_mut(pointer).unwrap(), value.clone());
        std::fs::write(&path, changed.to_string()).unwrap();
        let (stdout, stderr, code) = outcome(&mut carlo(&["verify", file]));
        assert_eq!((stdout.as_str(), code), ("", Some(6)), "{stderr}");
        let told = format!("differs from the recomputed results: {pointer} is {value}, recomputed {was}\n");
        assert!(stderr.contains(&told), "{told}{stderr}");
        *changed.pointer_mut(pointer).unwrap() = was;
    }
    changed["results"]["mean"] = 1.into();
    changed.as_object_mut().unwrap().remove("sensitivityResults");
    std::fs::write(&path, changed.to_string()).unwrap();
    let (stdout, _, code) = outcome(&mut carlo(&["verify", file, "--json"]));
    let verdict: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&verdict["different"], code), (&json!(["/results/mean", "/sensitivityResults"]), Some(6)));

    let mut older = job.clone();
    older["results"]["modelVersion"] = 0.into();
    let mut incomplete = job.clone();
    incomplete["results"].as_object_mut().unwrap().remove("digest");
    for (stored, words) in [
        (older, "is of model version 0, and this program computes version"),
        (
            incomplete,
            "holds no results: expected a complete job, or the `results` of one: missing field `digest`",
        ),
        (json!([1]), "holds no results"),
    ] {
        std::fs::write(&path, stored.to_string()).unwrap();
        let (stdout, stderr, code) = outcome(&mut carlo(&["verify", file]));
        assert_eq!((stdout.as_str(), code), ("", Some(2)), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
}

#[test]
fn a_stored_answer_to_a_question_is_verified_with_the_question() {
    let directory = tempfile::tempdir().unwrap();
    let (mut child, url) = up(&directory.path().join("data"));
    let mut plan: Value = serde_json::from_str(&std::fs::read_to_string(EXAMPLE).unwrap()).unwrap();
    plan["simulationParams"] = json!({"nSimulations": 20_000, "seed": "5"});
    let mut richer = plan.clone();
    richer["financialProfile"]["liquidAssets"] = 20_000.into();
    for (path, body) in [
        ("/api/compare", json!({"requests": [plan, richer]})),
        ("/api/solve", json!({"request": plan, "for": "maxTarget", "probability": 0.5})),
    ] {
        let told = post(&url, path, &body);
        let id = answer(&["jobs", "--json", "--url", &url])["jobs"][0]["id"].as_str().unwrap().to_owned();
        let job = answer(&["status", &id, "--json", "--url", &url]);
        assert_eq!(job["results"]["digest"], told["digest"], "{path}");
        let stored = directory.path().join("answer.json");
        std::fs::write(&stored, job.to_string()).unwrap();
        let (stdout, stderr, code) = outcome(&mut carlo(&["verify", stored.to_str().unwrap()]));
        assert_eq!((stderr.as_str(), code), ("", Some(0)), "{path}: {stdout}");
        let mut changed = job.clone();
        let name = if path == "/api/solve" { "solution" } else { "variants" };
        let place = if path == "/api/solve" { "/value" } else { "/0/delta" };
        *changed["results"][name].pointer_mut(place).unwrap() = 7.5.into();
        std::fs::write(&stored, changed.to_string()).unwrap();
        let (_, stderr, code) = outcome(&mut carlo(&["verify", stored.to_str().unwrap()]));
        assert_eq!(code, Some(6), "{stderr}");
        assert!(
            stderr.contains(&format!(
                "differs from the recomputed results: /results/{name}{place} is 7.5, recomputed "
            )),
            "{stderr}"
        );
    }
    signal("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// The response of a call for which the command line has no command.
fn post(url: &str, path: &str, body: &Value) -> Value {
    called(|client| {
        let request = client.post(format!("{url}{path}"));
        request.header("content-type", "application/json").body(body.to_string())
    })
}

/// What a server has at a path.
pub(crate) fn get(url: &str, path: &str) -> Value {
    called(|client| client.get(format!("{url}{path}")))
}

fn called(request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder) -> Value {
    carlo_service::tls::install_provider();
    let call = async {
        let answer = request(&reqwest::Client::new()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(call)
}

#[test]
fn plans_are_compared_with_the_same_random_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("richer.json");
    let mut richer: Value = serde_json::from_str(&std::fs::read_to_string(EXAMPLE).unwrap()).unwrap();
    richer["financialProfile"]["liquidAssets"] = 20_000.into();
    richer["simulationParams"]["seed"] = 99.into();
    std::fs::write(&path, richer.to_string()).unwrap();
    let richer = path.to_str().unwrap();

    let args = ["compare", EXAMPLE, richer, "-n", "20000", "--seed", "3"];
    let compared = answer(&[&args[..], &["--json"]].concat());
    let run = answer(&["run", EXAMPLE, "-n", "20000", "--seed", "3", "--json"]);
    let [first, second] = compared["plans"].as_array().unwrap().as_slice() else { panic!("{compared}") };
    assert_eq!(first["successProbability"], run["results"]["successProbability"]);
    assert_eq!(first["delta"], 0.0);
    assert!(second["delta"].as_f64().unwrap() > 0.2, "{compared}");
    let error = |plan: &Value, name: &str| plan[name].as_f64().unwrap();
    let independent = error(first, "standardError").hypot(error(second, "standardError"));
    assert!(
        error(second, "deltaStandardError") < 0.75 * independent,
        "pairs differ less than independent runs would: {compared}"
    );
    let (told, _, code) = outcome(&mut carlo(&args));
    assert!(code == Some(0) && told.contains("20,000 of each, with the same random numbers"), "{told}");

    std::fs::write(&path, "{}").unwrap();
    let (stdout, stderr, code) = outcome(&mut carlo(&["compare", EXAMPLE, richer]));
    assert_eq!((stdout.as_str(), code), ("", Some(2)));
    assert!(stderr.contains("/requests/1/goal/targetAmount is required"), "{stderr}");
}

#[test]
fn a_plan_is_solved_for_one_of_its_numbers() {
    let args = ["solve", EXAMPLE, "--for", "maxTarget", "-p", "0.5", "-n", "20000", "--seed", "3"];
    let solved = answer(&[&args[..], &["--json"]].concat());
    let run = answer(&["run", EXAMPLE, "-n", "20000", "--seed", "3", "--json"]);
    let [value, median] = [&solved["value"], &run["results"]["medianOutcome"]].map(|x| x.as_f64().unwrap());
    assert!((value / median - 1.0).abs() < 1e-3, "the goal that half reach is the median: {value}, {median}");
    let (told, _, code) = outcome(&mut carlo(&args));
    assert!(
        code == Some(0) && told.starts_with("The most to aim at for a probability of 50.0 %: $"),
        "{told}"
    );

    let (_, stderr, code) = outcome(&mut carlo(&["solve", EXAMPLE, "--for", "maxTarget", "-p", "1.5"]));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("/probability must be above 0 and below 1, not 1.5"), "{stderr}");
}

#[test]
fn a_plan_is_swept_over_two_of_its_numbers() {
    let over = [
        "--over",
        "/financialProfile/monthlySpending=3000:3200:100",
        "--over",
        "/goal/targetAmount=60000,70000",
    ];
    let args = [&["sweep", EXAMPLE, "-n", "20000", "--seed", "3"][..], &over].concat();
    let job = answer(&[&args[..], &["--format", "json"]].concat());
    let points = job["results"]["sweep"]["points"].as_array().unwrap();
    assert_eq!((points.len(), &points[5]["values"]), (6, &serde_json::json!([3_200.0, 70_000.0])));
    let run = answer(&["run", EXAMPLE, "-n", "20000", "--seed", "3", "--json"]);
    for (name, results) in
        [("successProbability", "successProbability"), ("mean", "mean"), ("median", "medianOutcome")]
    {
        let [point, own] = [&points[5][name], &run["results"][results]].map(|x| x.as_f64().unwrap());
        assert!((point / own - 1.0).abs() < 1e-3, "{name}: {point}, and by itself {own}");
    }
    assert_eq!(points[5]["delta"], 0.0, "it is the plan as it is");

    let (csv, _, code) = outcome(&mut carlo(&[&args[..], &["--format", "csv"]].concat()));
    assert!(
        code == Some(0) && csv.starts_with("/financialProfile/monthlySpending,/goal/targetAmount,succ"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 7);
    let (lines, ..) = outcome(&mut carlo(&[&args[..], &["--format", "jsonl"]].concat()));
    let point: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(point["values"]["/goal/targetAmount"], 60_000.0);
    let (told, _, code) = outcome(&mut carlo(&args));
    assert!(code == Some(0) && told.contains("monthlySpending 60000 70000\n"), "{told}");

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sweep.json");
    std::fs::write(&file, job.to_string()).unwrap();
    let (told, stderr, code) = outcome(&mut carlo(&["verify", file.to_str().unwrap()]));
    assert!(code == Some(0) && told.contains("is correct"), "{told}{stderr}");

    let (_, stderr, code) = outcome(&mut carlo(&["sweep", EXAMPLE, "--over", "/plan/incomeUntil=30,40"]));
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("/axes/0/values/1 must be at most the timeline of 36 months, not 40"),
        "{stderr}"
    );
}

#[test]
fn the_example_of_a_sweep_is_one() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/examples/sweep.json");
    let body: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let plan = directory.path().join("plan.json");
    std::fs::write(&plan, body["request"].to_string()).unwrap();
    let over: Vec<String> = body["axes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|axis| {
            let values: Vec<_> = axis["values"].as_array().unwrap().iter().map(Value::to_string).collect();
            format!("{}={}", axis["pointer"].as_str().unwrap(), values.join(","))
        })
        .collect();
    let args = [
        "sweep",
        plan.to_str().unwrap(),
        "-n",
        "2000",
        "--over",
        &over[0],
        "--over",
        &over[1],
        "--format",
        "json",
    ];
    let job = answer(&args);
    let points = job["results"]["sweep"]["points"].as_array().unwrap();
    let success = |i: usize| points[i]["successProbability"].as_f64().unwrap();
    assert_eq!(points.len(), 28);
    assert!(success(24) > success(0) && success(24) > success(27), "later and on less is safer: {points:?}");
}

/// A server computes a sweep as a job that has a name and a priority.
#[test]
fn a_server_sweeps_too() {
    let directory = tempfile::tempdir().unwrap();
    let (mut child, url) = up(&directory.path().join("data"));
    let plan = [EXAMPLE, "-n", "20000", "--seed", "3", "--over", "/goal/targetAmount=60000,70000"];
    let labels = ["--name", "Which target?", "--priority", "80", "--url", &url];
    let there = answer_aside(&[&["sweep"], &plan[..], &labels, &["--json"]].concat());
    assert_eq!((&there["name"], &there["priority"]), (&json!("Which target?"), &json!(80)));
    let here = answer(&[&["sweep"], &plan[..], &["--json"]].concat());
    assert_eq!(there["results"]["sweep"], here["results"]["sweep"]);
    let lines = [&["sweep"], &plan[..], &["--format", "jsonl", "--url", &url]].concat();
    assert_eq!(outcome(&mut carlo(&lines)).0.lines().count(), 2);
    signal("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// The samples have the histogram of the job, and are charged like the same number of simulations.
#[test]
fn single_simulations_add_up_to_the_job() {
    let directory = tempfile::tempdir().unwrap();
    let (mut child, url) = up(&directory.path().join("data"));
    let args = ["submit", EXAMPLE, "-n", "40000", "--seed", "3", "--wait", "--json", "--url", &url];
    let (job, _, code) = outcome(&mut carlo(&args));
    assert_eq!(code, Some(0));
    let job: Value = serde_json::from_str(&job).unwrap();
    let (id, results) = (job["id"].as_str().unwrap(), &job["results"]);
    let before = answer(&["usage", "--json", "--url", &url])["tokens_used"].as_u64().unwrap();
    let file = directory.path().join("samples.csv");
    let args = ["samples", id, "--count", "50000", "-o", file.to_str().unwrap(), "--url", &url];
    let (_, stderr, code) = outcome(&mut carlo(&args));
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    let csv = std::fs::read_to_string(&file).unwrap();
    let rows: Vec<(f64, bool)> = csv
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            (fields[1].parse().unwrap(), fields[2] == "true")
        })
        .collect();
    assert_eq!(rows.len(), 40_000, "as many as the job has");
    let successes = rows.iter().filter(|row| row.1).count() as f64;
    assert_eq!(successes / 40_000.0, results["successProbability"].as_f64().unwrap());
    let number = |value: &Value| value.as_f64().unwrap();
    let edges: Vec<f64> = results["histogram"]["edges"].as_array().unwrap().iter().map(number).collect();
    let counts = results["histogram"]["counts"].as_array().unwrap();
    for (edges, count) in edges.windows(2).zip(counts) {
        let within = rows.iter().filter(|row| (edges[0]..edges[1]).contains(&row.0)).count() as f64;
        // A balance may be on the edge of a bar by rounding.
        assert!((within - number(count)).abs() <= 40.0, "{edges:?}: {within}, not {count}");
    }
    let after = answer(&["usage", "--json", "--url", &url])["tokens_used"].as_u64().unwrap();
    assert_eq!(after - before, 2, "40,000 simulations of 36 months are 1.44 tokens, begun ones counted");

    let args = ["samples", id, "--first", "39999", "--format", "jsonl", "--url", &url];
    let (lines, ..) = outcome(&mut carlo(&args));
    let last: Value = serde_json::from_str(lines.trim_end()).unwrap();
    assert_eq!((&last["index"], number(&last["finalBalance"])), (&json!(39_999), rows[39_999].0));
    let (_, stderr, code) = outcome(&mut carlo(&["samples", id, "--first", "40000", "--url", &url]));
    assert!(code == Some(5) && stderr.contains("none has the index 40000"), "{stderr}");
    signal("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
