//! The cases of `tests/golden/plan.json`: requests, with the answers of another program in double
//! precision on another generator, 10⁶ simulations each. The file came with the model's
//! description.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::model::{Outcome, simulate};
use crate::request::Request;
use crate::sample::{Sample, assert_mean, assert_probability};

/// Simulations of the plain model in each case: it does some millions of months a second.
const SIMULATIONS: usize = 12_000;

/// A request and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) request: Request,
    #[serde(skip)]
    pub(crate) request_json: Value,
    pub(crate) n: f64,
    pub(crate) success_probability: f64,
    pub(crate) percentiles: BTreeMap<String, f64>,
    pub(crate) mean: f64,
    pub(crate) std: f64,
    pub(crate) path: Option<Path>,
    pub(crate) spending: Option<Spending>,
    pub(crate) horizon_months: Option<Horizon>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Path {
    pub(crate) short_probability: f64,
    pub(crate) first_short_month: BTreeMap<String, f64>,
    pub(crate) curve: Vec<CurvePoint>,
    pub(crate) mean_deepest_shortfall: f64,
    pub(crate) std_deepest_shortfall: f64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct CurvePoint {
    pub(crate) month: u32,
    pub(crate) probability: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spending {
    pub(crate) cut_probability: f64,
    pub(crate) lowest_multiplier: BTreeMap<String, f64>,
    pub(crate) mean_multiplier: f64,
    pub(crate) std_multiplier: f64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Horizon {
    pub(crate) p5: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) mean: f64,
    pub(crate) std: f64,
}

/// Every case.
pub(crate) fn cases() -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../golden/plan.json")).unwrap();
    let case = |case: &Value| {
        let request_json = case["request"].clone();
        Case { request_json, ..serde_json::from_value(case.clone()).unwrap() }
    };
    cases.iter().map(case).collect()
}

/// The number of a percentile's name.
fn percent(name: &str) -> f64 {
    name.strip_prefix('p').unwrap().parse().unwrap()
}

/// The percentiles agree: the expected one lies within 4 standard errors of the rank, and a step of
/// the figure.
fn assert_percentiles(what: &str, sample: &Sample, expected: &BTreeMap<String, f64>, step: f64) {
    for (name, expected) in expected {
        let [low, high] = sample.percentile_interval(percent(name), 4.0);
        assert!(
            low - step <= *expected && *expected <= high + step,
            "{what} {name}: {expected} not within {low} and {high}"
        );
    }
}

fn assert_case(case: &Case, outcomes: &[Outcome]) {
    let (name, n, known) = (&case.name, outcomes.len(), case.n);
    let share = |count: usize| count as f64 / n as f64;
    let succeeded = outcomes.iter().filter(|outcome| outcome.succeeded).count();
    assert_probability(name, share(succeeded), case.success_probability, n, known);
    let finals = Sample::new(outcomes.iter().map(|outcome| outcome.final_balance));
    assert_mean(name, finals.mean(), case.mean, case.std, n, known);
    let spread = case.percentiles["p95"] - case.percentiles["p5"];
    assert_percentiles(name, &finals, &case.percentiles, 0.006 * spread);
    if let Some(path) = &case.path {
        assert_path(case, path, outcomes);
    }
    if let Some(spending) = &case.spending {
        let cut = outcomes.iter().filter(|outcome| outcome.lowest_multiplier < 1.0).count();
        assert_probability(&format!("{name}: cut"), share(cut), spending.cut_probability, n, known);
        let lowest = Sample::new(outcomes.iter().map(|outcome| outcome.lowest_multiplier));
        assert_percentiles(name, &lowest, &spending.lowest_multiplier, 1e-9);
        let means = Sample::new(outcomes.iter().map(|outcome| outcome.mean_multiplier));
        assert_mean(name, means.mean(), spending.mean_multiplier, spending.std_multiplier, n, known);
    }
    if let Some(Horizon { p5, p50, p95, mean, std }) = case.horizon_months {
        let months = Sample::new(outcomes.iter().map(|outcome| f64::from(outcome.horizon_months)));
        assert_mean(name, months.mean(), mean, std, n, known);
        let expected = [("p5", p5), ("p50", p50), ("p95", p95)];
        let expected = expected.map(|(name, month)| (name.to_owned(), month)).into();
        assert_percentiles(&format!("{name}: horizon"), &months, &expected, 1.0);
    }
}

fn assert_path(case: &Case, path: &Path, outcomes: &[Outcome]) {
    let (name, n, known) = (&case.name, outcomes.len(), case.n);
    let firsts: Vec<f64> =
        outcomes.iter().filter_map(|outcome| outcome.first_short_month.map(f64::from)).collect();
    let short = Sample::new(firsts);
    let probability = short.len() as f64 / n as f64;
    assert_probability(&format!("{name}: short"), probability, path.short_probability, n, known);
    assert_percentiles(&format!("{name}: first short"), &short, &path.first_short_month, 1.0);
    for point in &path.curve {
        let found = short.share_up_to(point.month.into()) * probability;
        assert_probability(&format!("{name}: by {}", point.month), found, point.probability, n, known);
    }
    let floor = case.request.goal.floor;
    let deepest = outcomes
        .iter()
        .filter(|outcome| outcome.first_short_month.is_some())
        .map(|outcome| floor - outcome.lowest_balance);
    let deepest = Sample::new(deepest);
    let known = known * path.short_probability;
    assert_mean(
        &format!("{name}: deepest"),
        deepest.mean(),
        path.mean_deepest_shortfall,
        path.std_deepest_shortfall,
        deepest.len(),
        known,
    );
}

#[test]
fn the_plain_model_agrees() {
    for (case, seed) in cases().iter().zip(14..) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let outcomes: Vec<Outcome> = (0..SIMULATIONS).map(|_| simulate(&case.request, &mut rng)).collect();
        assert_case(case, &outcomes);
    }
}
