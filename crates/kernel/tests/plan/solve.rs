//! Solving for a number of a plan, against jobs of their own.

use carlo_kernel::{Level, results};
use carlo_types::analysis::{SolveDraft, Variable};
use carlo_types::results::Solution;
use carlo_types::{Draft, JobSpec, Merge, Work};
use serde_json::{Value, json};

use crate::kernel::{spec, whole};

const SIMULATIONS: usize = 20_000;

/// A household that saves, retires after ten years and lives on what it has.
fn household() -> Value {
    json!({
        "financialProfile": {"liquidAssets": 150_000.0, "monthlySpending": 3_000.0},
        "userInputs": {"monthlyIncome": 4_500.0},
        "goal": {"success": "neverShort", "timelineMonths": 240},
        "plan": {
            "incomeUntil": 120, "reserveMonths": 0,
            "flows": [
                {"kind": "income", "amount": 1_500.0, "from": 150, "index": "prices"},
                {"kind": "spending", "amount": 10_000.0, "from": 24, "everyMonths": 60},
            ],
        },
    })
}

fn asking(request: &Value, variable: Variable, probability: f64) -> JobSpec {
    let solve = SolveDraft { variable: Some(variable.to_string()), probability: Some(probability) };
    let draft = Draft { solve: Some(solve), ..spec(request, SIMULATIONS, 9).to_draft() };
    draft.check(0).unwrap_or_else(|fault| panic!("{fault:?}"))
}

fn solution(request: &Value, variable: Variable, probability: f64) -> Solution {
    let spec = asking(request, variable, probability);
    results(&spec, &whole(&spec, Level::detect().unwrap())).solution.unwrap()
}

fn probability(request: &Value) -> f64 {
    let spec = spec(request, SIMULATIONS, 9);
    results(&spec, &whole(&spec, Level::detect().unwrap())).success_probability
}

/// The request with another value at a pointer.
fn with(request: &Value, pointer: &str, value: impl Into<Value>) -> Value {
    let mut request = request.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    request.pointer_mut(parent).unwrap()[name] = value.into();
    request
}

#[test]
fn the_earliest_retirement_is_the_first_month_that_reaches_the_probability() {
    let request = household();
    let month = solution(&request, Variable::EarliestRetirement, 0.8).value.unwrap();
    let at = |month: f64| probability(&with(&request, "/plan/incomeUntil", month));
    assert!(at(month) >= 0.8, "{month}: {}", at(month));
    assert!(at(month - 1.0) < 0.8, "{month}: {} a month before", at(month - 1.0));
}

#[test]
fn the_largest_withdrawal_is_a_factor_on_the_flows_that_are_spent() {
    let request = with(&household(), "/plan/incomeUntil", 200);
    let factor = solution(&request, Variable::MaxWithdrawal, 0.7).value.unwrap();
    let found = probability(&with(&request, "/plan/flows/1/amount", 10_000.0 * factor));
    assert!((found - 0.7).abs() < 3e-3, "{factor}: {found}");
    // A goal that no withdrawal hurts.
    let rich = with(&request, "/financialProfile/liquidAssets", 1e12);
    assert!(solution(&rich, Variable::MaxWithdrawal, 0.9).value.unwrap() > 1e5);
}

/// A goal of never being short and having something at the end is reached late, and missed again
/// later.
#[test]
fn the_earliest_month_is_told_of_goals_that_are_missed_again() {
    let request = with(&household(), "/goal/targetAmount", 200_000.0);
    for timeline in [240, 160] {
        let request = with(&request, "/goal/timelineMonths", timeline);
        let found = solution(&request, Variable::EarliestMonth, 0.5);
        let month = found.value.unwrap();
        let at = |month: f64| {
            let mut request = with(&request, "/goal/timelineMonths", month);
            if month <= 120.0 {
                request["plan"].as_object_mut().unwrap().remove("incomeUntil");
            }
            let flows = request["plan"]["flows"].as_array_mut().unwrap();
            flows.retain(|flow| flow["from"].as_f64().unwrap() < month);
            probability(&request)
        };
        assert!(at(month) >= 0.5 && at(month - 1.0) < 0.5, "{found:?}: {} {}", at(month), at(month - 1.0));
        let missed = found.below_again_after.expect("it lives on what it has");
        assert!(at(missed) < 0.5 && at(missed - 1.0) >= 0.5, "{found:?}: {}", at(missed));
    }
}

#[test]
fn a_rule_that_looks_ahead_makes_every_timeline_a_walk_of_its_own() {
    let mut request = household();
    request["plan"]["spendingRule"] = json!({"rule": "vpw", "rate": 0.03, "from": 12, "floor": 0.5});
    request["goal"] = json!({"targetAmount": 230_000.0, "timelineMonths": 60});
    request["plan"].as_object_mut().unwrap().remove("incomeUntil");
    request["plan"]["flows"] = json!([]);
    let found = solution(&request, Variable::EarliestMonth, 0.5);
    let month = found.value.unwrap();
    let at = |month: f64| probability(&with(&request, "/goal/timelineMonths", month));
    assert!(at(month) >= 0.5 && at(month - 1.0) < 0.5, "{found:?}: {} {}", at(month), at(month - 1.0));
}

#[test]
fn never_being_short_alone_is_no_goal_for_a_month() {
    let solve = SolveDraft { variable: Some("earliestMonth".to_owned()), probability: Some(0.5) };
    let draft = Draft { solve: Some(solve), ..spec(&household(), SIMULATIONS, 9).to_draft() };
    let fault = draft.check(0).unwrap_err();
    assert!(fault.to_string().contains("no targetAmount"), "{fault}");
}

/// What a job that solves is billed for is what it computed, and what is reserved for it is no
/// less.
#[test]
fn months_are_those_that_were_computed() {
    let goal = with(&household(), "/goal", json!({"targetAmount": 200_000.0, "timelineMonths": 240}));
    for (variable, least, most) in [
        (Variable::MaxTarget, 240, 240),
        (Variable::EarliestMonth, 241, 240 + 1_199),
        (Variable::EarliestRetirement, 240 * 3, 240 * 18),
        (Variable::MaxSpending, 240 * 8, 240 * 18),
    ] {
        let spec = asking(&goal, variable, 0.5);
        let months = whole(&spec, Level::detect().unwrap()).months(&spec);
        assert!((least..=most).contains(&months), "{variable}: {months}");
        assert!(months <= Work::of(&spec).months, "{variable}: more than was reserved");
    }
}
