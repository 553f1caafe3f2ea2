//! Runs the examples of plans.

use serde_json::{Value, json};

use crate::cluster::{answer, answer_aside, get, up};
use crate::{carlo, outcome, signal};

/// The results of an example with few simulations, as JSON and as text.
fn example(name: &str) -> (Value, String) {
    let file = format!("{}/../../deploy/examples/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let run = |extra: &[&str]| {
        let args = ["run", &file, "-n", "20k", "--seed", "7"];
        let (stdout, stderr, code) = outcome(&mut carlo(&[&args[..], extra].concat()));
        assert_eq!((stderr.as_str(), code), ("", Some(0)), "{name}");
        stdout
    };
    (serde_json::from_str(&run(&["--json"])).unwrap(), run(&[]))
}

/// Asserts that a share is between two bounds. A correct program fails less than once in a million
/// runs.
#[track_caller]
fn assert_between(share: &Value, low: f64, high: f64) {
    let share = share.as_f64().unwrap();
    assert!((low..high).contains(&share), "{share}");
}

#[test]
fn a_retired_couple_is_told_when_money_runs_short_and_how_long_they_live() {
    let (job, told) = example("retired_couple");
    let results = &job["results"];
    let path = &results["path"];
    let failures = 1.0 - results["successProbability"].as_f64().unwrap();
    assert_between(&path["shortProbability"], failures - 1e-9, failures + 1e-9);
    let curve = path["curve"].as_array().unwrap();
    assert_eq!(curve.len(), 60);
    assert_eq!(curve[59]["probability"], path["shortProbability"]);
    assert!(results["notable"]["firstShort"]["index"].is_u64());
    assert!(results["spending"].is_null() && results["horizonMonths"]["p50"].is_u64());
    assert_eq!(results["assumptions"]["plan"]["people"][1]["modalAge"], 90.0);
    for sentence in ["(money is in today's dollars)", "Short at some time", "(age ", "until the last death"] {
        assert!(told.contains(sentence), "{sentence}: {told}");
    }
    assert!(job["sensitivityResults"]["sensitivities"]["returns_plus_1pt"]["delta"].as_f64().unwrap() > 0.0);
}

#[test]
fn early_retirement_is_told_what_guardrails_do_and_what_a_later_year_would() {
    let (job, told) = example("early_retirement_guardrails");
    let spending = &job["results"]["spending"];
    assert_between(&spending["cutProbability"], 0.05, 0.999);
    assert_between(&spending["lowestMultiplier"]["p5"], 0.699, 1.001);
    let changes = &job["sensitivityResults"]["sensitivities"];
    assert!(changes["retire_24mo_later"]["delta"].as_f64().unwrap() > 0.0);
    assert!(changes["retire_24mo_earlier"]["delta"].as_f64().unwrap() < 0.0);
    for sentence in ["Spending below plan at some time", "retiring 24 months later"] {
        assert!(told.contains(sentence), "{sentence}: {told}");
    }
}

#[test]
fn a_history_is_drawn_in_blocks() {
    let (job, told) = example("bootstrap");
    assert_between(&job["results"]["path"]["shortProbability"], 0.0001, 0.9999);
    assert!(told.contains("Short at some time"), "{told}");
}

/// A plan with everything on, through every call that a server has for it.
#[test]
fn a_plan_with_everything_on_goes_all_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let file =
        format!("{}/../../deploy/examples/early_retirement_guardrails.json", env!("CARGO_MANIFEST_DIR"));
    let mut plan: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    plan["simulationParams"]["nSimulations"] = 4_000.into();
    plan["goal"]["timelineMonths"] = 480.into();
    let trips =
        json!({ "kind": "spending", "amount": 3_000, "from": 210, "everyMonths": 12, "index": "prices" });
    plan["plan"]["flows"].as_array_mut().unwrap().push(trips);
    let stored = |name: &str, content: &Value| {
        let path = directory.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let file = stored("plan.json", &plan);
    let (mut child, url) = up(&directory.path().join("data"));
    let there = ["--url", &url];
    let asked = |args: &[&str]| answer_aside(&[args, &there, &["--json"]].concat());

    let job = asked(&["submit", &file, "--name", "early", "--wait"]);
    let id = job["id"].as_str().unwrap();
    let here = answer(&["run", &file, "--json"]);
    assert_eq!(job["results"]["digest"], here["results"]["digest"]);
    let scenarios = job["sensitivityResults"]["sensitivities"].as_object().unwrap();
    for name in ["income_plus_10", "timeline_plus_12mo", "returns_minus_1pt", "retire_12mo_later"] {
        assert!(scenarios[name]["standardError"].as_f64().unwrap() >= 0.0, "{name}");
    }
    let (told, stderr, code) = outcome(&mut carlo(&["verify", &stored("job.json", &job)]));
    assert!(code == Some(0) && told.contains("is correct"), "{told}{stderr}");

    let some = get(&url, &format!("/api/jobs/{id}?fields=digest,path,spending,horizonMonths"));
    let names: Vec<_> = some["results"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["digest", "horizonMonths", "path", "spending"]);
    assert_eq!(some["results"]["path"], job["results"]["path"]);

    let replay = asked(&["replay", id, "7"]);
    for name in ["priceLevel", "realBalance", "spendingMultiplier", "flows", "lives", "marketReturn"] {
        assert!(!replay["months"][5][name].is_null(), "{name}: {}", replay["months"][5]);
    }
    let args = ["samples", id, "--first", "7", "--count", "1", "--format", "jsonl", "--url", &url];
    let (line, ..) = outcome(&mut carlo(&args));
    let sample: Value = serde_json::from_str(line.trim_end()).unwrap();
    let close = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 0.01;
    assert!(close(&sample["finalBalance"], &replay["finalBalance"]), "{sample}");
    assert_eq!(sample["horizonMonths"], replay["months"].as_array().unwrap().len());

    let mut later = plan.clone();
    later["plan"]["incomeUntil"] = 240.into();
    let compared = asked(&["compare", &file, &stored("later.json", &later)]);
    assert!(compared["plans"][1]["delta"].as_f64().unwrap() > 0.0, "{compared}");
    for (variable, least, most) in [("earliestRetirement", 1.0, 480.0), ("maxWithdrawal", 0.0, 1e6)] {
        let solved = asked(&["solve", &file, "--for", variable, "-p", "0.5"]);
        let value = solved["value"].as_f64().unwrap();
        assert!((least..=most).contains(&value), "{variable}: {solved}");
    }
    let swept = asked(&["sweep", &file, "--over", "/plan/incomeUntil=180,204,240"]);
    let points = &swept["results"]["sweep"]["points"];
    assert!(close(&points[2]["successProbability"], &compared["plans"][1]["successProbability"]), "{points}");
    signal("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Without its scenarios an answer is the same but for them, and so is the bill.
#[test]
fn a_plan_without_sensitivity_has_the_same_answer() {
    let file = format!("{}/../../deploy/examples/retired_couple.json", env!("CARGO_MANIFEST_DIR"));
    let mut plan: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    plan["simulationParams"]["nSimulations"] = 5_000.into();
    plan["simulationParams"]["seed"] = 7.into();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plan.json");
    let (mut child, url) = up(&directory.path().join("data"));
    let tokens = || answer(&["usage", "--json", "--url", &url])["tokens_used"].as_u64().unwrap();
    let [(mut with, its_tokens), (mut without, other_tokens)] = [true, false].map(|sensitivity| {
        plan["simulationParams"]["sensitivity"] = sensitivity.into();
        std::fs::write(&path, plan.to_string()).unwrap();
        let before = tokens();
        let job = answer_aside(&["submit", path.to_str().unwrap(), "--wait", "--json", "--url", &url]);
        (job, tokens() - before)
    });
    assert!(
        with["sensitivityResults"].is_object() && without.get("sensitivityResults").is_none(),
        "{without}"
    );
    assert_eq!(its_tokens, other_tokens);
    assert!(its_tokens > 0);
    for job in [&mut with, &mut without] {
        let results = job["results"].as_object_mut().unwrap();
        results.remove("digest");
        results.remove("assumptions");
    }
    assert_eq!(with["results"], without["results"]);
    signal("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
