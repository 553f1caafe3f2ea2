use serde_json::{Value, json};

use super::*;
use crate::render::job::tests::running;

/// A request with this target.
fn request(target: f64) -> Value {
    json!({
        "financialProfile": {"liquidAssets": 13_500, "monthlySpending": 3_200}, "userInputs": {"monthlyIncome": 5_000},
        "goal": {"goalText": "A house", "targetAmount": target, "timelineMonths": 36},
    })
}

fn answer() -> JobResults {
    let interval = [0.0, 0.0];
    serde_json::from_value(json!({
        "successProbability": 0.6312, "standardError": 0.00112, "confidenceInterval95": [0.6290, 0.6334],
        "medianOutcome": 71234.5, "percentiles": {"p5": 1.0, "p10": 2.0, "p25": 3.0, "p50": 71_234.5, "p75": 5.0, "p90": 6.0, "p95": 150_000.0},
        "percentileIntervals95": {"p5": interval, "p10": interval, "p25": interval, "p50": interval, "p75": interval,
            "p90": interval, "p95": interval}, "mean": 70_001.0, "std": 12_000.0, "worstCase": -1200.0,
        "bestCase": 200_000.0, "simulationsRun": 185_472, "stoppedEarly": false, "workersUsed": 1,
        "histogram": {"edges": [0.0, 100_000.0], "counts": [185_472]}, "trajectory": [],
        "assumptions": request(70_000.0),
        "seed": "42", "modelVersion": 1, "digest": "ab".repeat(32),
    }))
    .expect("results")
}

#[test]
fn an_answer_is_told_from_the_probability_to_the_digest() {
    let job = Job { completed_at: Some("2026-01-01T00:00:03.5Z".parse().expect("a time")), ..running() };
    let text = results(&job, &answer(), Some(Duration::from_millis(2_750)));
    let (before, drawing) = text.split_once("\n\n      $0 to $10,000  10.0 %").expect("a histogram");
    let expected = "\
A house

Probability of $70,000 or more after 36 months: 63.12 %
95 % interval 62.90 % to 63.34 %, standard error 0.11 points

Final balance: mean $70,001 ± $12,000 (standard deviation), worst -$1,200, best $200,000
p5  p10  p25  p50 (median)  p75  p90       p95
$1   $2   $3       $71,234   $5   $6  $150,000";
    assert_eq!(before, expected);
    let (_, after) = drawing.split_once("\n\n").expect("the provenance");
    let expected = "\
simulations     185,472
speed           74,189 simulations/s on 1 node: 2.50 s; 2.75 s with start and end
seed            42
model version   1
digest          abababababababababababababababababababababababababababababababab";
    assert_eq!(after, expected);
}

#[test]
fn inputs_without_effect_are_told_a_line_each() {
    let mut answer = answer();
    answer.results.warnings = vec!["financialProfile.loanDebt has no effect".to_owned(), "a\nb".to_owned()];
    let text = results(&running(), &answer, None);
    assert!(
        text.contains("\n\nnote: financialProfile.loanDebt has no effect\nnote: a\\nb\n\nsimulations"),
        "{text}"
    );
}

#[test]
fn changes_are_told_the_largest_effect_first() {
    let change = |delta: f64| json!({"delta": delta, "newProbability": 0.5 + delta, "impact": delta.abs(), "standardError": 0.001});
    let changes = super::changes(
        &serde_json::from_value(json!({
            "baseProbability": 0.5, "mostImpactful": "spending_minus_20", "recommendations": [],
            "sensitivities": {"income_minus_10": change(-0.125), "spending_minus_20": change(0.25), "timeline_plus_6mo": change(0.0625)},
        }))
        .expect("sensitivity results"),
    );
    let expected = "\
what would change it  probability  points  standard error
spending -20 %            75.00 %  +25.00            0.10
income -10 %              37.50 %  -12.50            0.10
timeline +6 months        56.25 %   +6.25            0.10";
    assert_eq!(changes, expected);
}

#[test]
fn an_early_stop_is_told_and_a_time_that_nobody_measured_is_not() {
    let results = JobResults { stopped_early: true, ..answer() };
    let text = provenance(&Job { started_at: None, ..running() }, &results, None);
    let expected = "\
simulations     185,472
stopped early   of 1,000,000 asked for: the target standard error was reached
seed            42";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn doubts_are_told_before_everything_about_the_job() {
    let doubt = json!([{"node": "attic", "foundAt": "2026-01-01T00:00:00Z", "reason": "it differs"}]);
    let results = JobResults { doubts: serde_json::from_value(doubt).expect("doubts"), ..answer() };
    let text = provenance(&running(), &results, None);
    let expected = "may be wrong    attic took part and was found later to compute wrongly: it differs\n";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn what_else_was_asked_stands_beside_the_probability() {
    let plan = json!({"successProbability": 0.75, "standardError": 0.001, "confidenceInterval95": [0.748, 0.752], "delta": 0.125,
        "deltaStandardError": 0.0005, "assumptions": request(60_000.0)});
    let variants = serde_json::from_value(json!([plan])).expect("variants");
    let text = others(&JobResults { variants, ..answer() });
    let lines: Vec<_> = text.lines().skip(1).collect();
    assert!(lines[0].starts_with("this plan") && lines[1].starts_with("plan 2"), "{text}");
    assert!(lines[1].ends_with("+12.50            0.05"), "{text}");
    let solution = serde_json::from_value(
        json!({"for": "maxTarget", "probability": 0.9, "value": 50_000.0, "interval95": null, "tried": []}),
    );
    let text = others(&JobResults { solution: solution.expect("a solution"), ..answer() });
    assert_eq!(text, "The most to aim at for a probability of 90.0 %: $50,000");
    assert_eq!(others(&answer()), "");
}
