//! Runs the examples of plans.

use serde_json::Value;

use crate::{carlo, outcome};

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
