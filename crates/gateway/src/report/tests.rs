use carlo_rest::Job;
use serde_json::{Value, json};

use super::*;

/// A complete job in the JSON of the contract.
fn job(goal_text: &str) -> Job {
    let percentiles = |of: fn(f64) -> Value| -> Value {
        let names = ["p5", "p10", "p25", "p50", "p75", "p90", "p95"];
        names
            .iter()
            .zip(1..)
            .map(|(name, rank)| ((*name).to_owned(), of(f64::from(rank) * 20_000.0)))
            .collect()
    };
    let point = |month: u32| {
        let middle = f64::from(month) * 2_000.0 + 13_500.0;
        json!({"month": month, "p10": middle - 900.0, "p25": middle - 400.0, "p50": middle, "p75": middle + 400.0, "p90": middle + 900.0})
    };
    let change = |delta: f64| json!({"delta": delta, "newProbability": 0.5 + delta, "impact": delta.abs(), "standardError": 0.001});
    let job = json!({
        "id": "job_00000000000000000000000000000001",
        "status": "complete",
        "progress": 100.0,
        "allocatedNodes": 0,
        "simulationsTotal": 1_000_000,
        "simulationsComplete": 1_000_000,
        "createdAt": "2026-11-01T12:00:00Z",
        "priority": 50,
        "seed": "7",
        "results": {
            "successProbability": 0.4796,
            "standardError": 0.0005,
            "confidenceInterval95": [0.4786, 0.4806],
            "medianOutcome": 69_400.0,
            "percentiles": percentiles(|value| json!(value)),
            "percentileIntervals95": percentiles(|value| json!([value - 10.0, value + 10.0])),
            "mean": 71_000.0,
            "std": 12_000.0,
            "worstCase": -2_000.0,
            "bestCase": 180_000.0,
            "simulationsRun": 1_000_000,
            "stoppedEarly": false,
            "workersUsed": 1,
            "histogram": {"edges": [0.0, 50_000.0, 100_000.0, 150_000.0], "counts": [300_000, 600_000, 100_000]},
            "trajectory": [point(12), point(24), point(36)],
            "assumptions": {
                "financialProfile": {"liquidAssets": 13_500.0, "monthlySpending": 3_200.0},
                "userInputs": {"monthlyIncome": 5_000.0},
                "goal": {"targetAmount": 70_000.0, "timelineMonths": 36, "goalText": goal_text},
                "simulationParams": {"nSimulations": 1_000_000, "seed": "7"},
            },
            "seed": "7",
            "modelVersion": 4,
            "digest": "00ff".repeat(16),
        },
        "sensitivityResults": {
            "baseProbability": 0.4796,
            "sensitivities": {"income_plus_10": change(0.4), "spending_plus_10": change(-0.3)},
            "mostImpactful": "income_plus_10",
            "recommendations": ["earning more helps"],
        },
    });
    serde_json::from_value(job).expect("it is a job")
}

fn report(job: &Job) -> String {
    page(job, job.results.as_ref().expect("it is complete"))
}

#[test]
fn a_report_says_what_was_asked_and_how_sure_the_answer_is() {
    let page = report(&job("A deposit"));
    for text in [
        "<h1>A deposit</h1>",
        "Will there be $70,000 after 3 years?",
        "<b>47.96 %</b>",
        "47.86 % to 48.06 %",
        "1,000,000 simulated futures",
        "Income +10 %",
        "−30.0 points",
        "earning more helps",
        "goal $70k",
        "financialProfile.<wbr>liquidAssets",
        "version 4 of the model",
        "<code>00ff00ff",
        "carlo verify",
    ] {
        assert!(page.contains(text), "{text} is missing in {page}");
    }
}

#[test]
fn a_report_needs_nothing_but_itself_and_is_always_the_same() {
    let page = report(&job("A deposit"));
    assert_eq!(page, report(&job("A deposit")));
    for word in ["<script", "<img", "<link", "@import", "url(", "style=\"", "src="] {
        assert!(!page.contains(word), "{word}");
    }
    // The only URL is the namespace of SVG, from which nothing is loaded.
    assert!(!page.replace("http://www.w3.org/2000/svg", "").contains("http"));
}

#[test]
fn what_users_typed_is_text() {
    let page = report(&job("<img src=x onerror=alert(1)>"));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;") && !page.contains("<img"));
}

#[test]
fn a_histogram_without_counts_and_a_fan_without_months_are_left_out() {
    let mut job = job("");
    let results = job.results.as_mut().expect("it is complete");
    results.results.histogram.counts = vec![0; 3];
    results.results.trajectory.clear();
    let page = report(&job);
    assert_eq!(page.matches("<svg").count(), 1, "the changes alone");
    assert!(page.contains("<h1>Will there be $70,000 after 3 years?</h1>"));
}

/// The job with the additional results of plans over a lifetime.
fn lifetime() -> Job {
    let mut job = serde_json::to_value(job("")).expect("it is JSON");
    let interval = json!([0.29, 0.31]);
    let curve: Vec<_> = (1..=30)
        .map(
            |year| json!({"month": 12 * year, "probability": 0.01 * f64::from(year), "standardError": 0.001}),
        )
        .collect();
    let results = job["results"].as_object_mut().expect("it is complete");
    results.insert(
        "path".to_owned(),
        json!({
            "shortProbability": 0.3, "standardError": 0.001, "confidenceInterval95": interval,
            "firstShortMonth": {"p5": 121, "p25": 200, "p50": 270, "p75": 300, "p95": 355},
            "curve": curve, "meanDeepestShortfall": 1_234.0, "meanDeepestShortfallStandardError": 10.0,
            "largestShortfall": 9_999.0,
        }),
    );
    results.insert(
        "spending".to_owned(),
        json!({
            "cutProbability": 0.4, "standardError": 0.001, "confidenceInterval95": [0.398, 0.402],
            "lowestMultiplier": {"p5": 0.5, "p25": 0.7, "p50": 0.9},
            "lowestMultiplierIntervals95": {"p5": [0.5, 0.5], "p25": [0.69, 0.71], "p50": [0.89, 0.91]},
            "meanMultiplier": 0.85, "meanMultiplierStandardError": 0.001,
        }),
    );
    results.insert(
        "horizonMonths".to_owned(),
        json!({
            "p5": 174, "p50": 333, "p95": 455, "mean": 325.9, "meanStandardError": 0.1,
            "intervals95": {"p5": [173, 175], "p50": [333, 333], "p95": [454, 456]},
        }),
    );
    results["assumptions"]["plan"] = json!({"people": [{"age": 65.0, "modalAge": 88.0, "dispersion": 10.0}]});
    results["assumptions"]["goal"]["success"] = json!("neverShort");
    serde_json::from_value(job).expect("it is a job")
}

#[test]
fn a_plan_says_when_money_runs_short_and_what_the_rule_does() {
    let page = report(&lifetime());
    for text in [
        "<h1>Will there never be less than $0 in 3 years, and $70,000 at the end?</h1>",
        "Short after some month: <b>30.0 %</b>, 95 % interval 29.0 % to 31.0 %",
        "The first time is in year 23 (age 87) in the median, between year 17 (age 81) and year 25 (age 90)",
        "$1,234 on average ± $20, and $9,999 in the worst simulation",
        "<td>year 30 (age 95)</td><td class=\"number\">30.00 %</td>",
        "<b>40.0 %</b>",
        "<td>in one of twenty</td><td class=\"number\">50.0 %</td>",
        "<td>The median</td><td class=\"number\">27.8</td>",
    ] {
        assert!(page.contains(text), "{text} is missing in {page}");
    }
    assert_eq!(page.matches("<svg").count(), 4, "histogram, fan, changes and the curve of being short");
    assert!(!report(&job("")).contains("Being short"));
}

#[test]
fn a_year_in_which_nobody_was_short_is_not_certain() {
    let mut job = lifetime();
    let results = &mut job.results.as_mut().expect("it is complete").results;
    results.simulations_run = 1_000;
    let path = results.path.as_mut().expect("it has one");
    for point in &mut path.curve {
        (point.probability, point.standard_error) = (0.0, 0.0);
    }
    let page = report(&job);
    let row =
        "<td>year 30 (age 95)</td><td class=\"number\">0.00 %</td><td class=\"number\">0.00 % to 0.38 %</td>";
    assert!(page.contains(row), "{page}");
    // The band has a height, too.
    let band = page.split("points=\"").nth(4).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let heights: std::collections::BTreeSet<&str> =
        band.split(' ').filter_map(|place| Some(place.split_once(',')?.1)).collect();
    assert!(heights.len() > 1, "{band}");
}

#[test]
fn a_wide_low_bar_does_not_squeeze_the_others() {
    let mut job = job("");
    let histogram = &mut job.results.as_mut().expect("it is complete").results.histogram;
    histogram.edges = vec![0.0, 50_000.0, 100_000.0, 150_000.0, 9_000_000.0];
    histogram.counts = vec![300_000, 600_000, 96_000, 4_000];
    let page = report(&job);
    assert!(page.contains(">$100k<") && !page.contains("$8M"), "the axis ends with the third bar");
}
