//! Solving for a number of the plan: which values to try, and what they say.
//!
//! The success probability moves one way with each variable, so the first 4,096 simulations tell by bisection roughly where it is the
//! wanted one. Around that place [`CANDIDATES`] values are tried with all simulations, all on the same luck, and the answer
//! is read between the two that enclose the wanted probability. So it is one job, whose blocks may be done anywhere in any order,
//! and its answer has the same bits everywhere.

use carlo_types::question::{CANDIDATES, Solve, Variable};
use carlo_types::request::plan::FlowKind;
use carlo_types::results::{Interval, Solution};
use carlo_types::{JobSpec, Question};

use crate::level::Level;
use crate::prepared::Prepared;
use crate::scenarios;
use carlo_types::merge::Z_95;

/// Simulations that the place of the candidates follows from: the first.
const PILOT: u64 = 4096;
/// Standard errors of the pilot's probability that the candidates reach to on each side: the answer lies outside in less than 1 of
/// 10,000 jobs.
const REACH: f64 = 4.0;
/// Where the search for a place ends: at this part of it.
const PRECISION: f64 = 1e-7;
/// From this ratio of the ends on, candidates are spread evenly by their logarithms.
const RATIO_MAX: f64 = 4.0;

/// The plan of `spec` with another value of a variable, and no question.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 1200")]
pub(crate) fn with(spec: &JobSpec, variable: Variable, value: f64) -> JobSpec {
    let mut spec = spec.clone();
    spec.question = Question::None;
    match variable {
        Variable::MaxSpending => spec.profile.monthly_spending = value,
        Variable::MinIncome => spec.inputs.monthly_income = value,
        Variable::EarliestMonth => scenarios::set_timeline(&mut spec, value as u32),
        Variable::MaxTarget => spec.goal.target_amount = value,
        Variable::MinLiquidAssets => spec.profile.liquid_assets = value,
        Variable::EarliestRetirement => spec.plan.income_until = value as u32,
        Variable::MaxWithdrawal => {
            for flow in spec.plan.flows.iter_mut().filter(|flow| flow.kind == FlowKind::Spending) {
                flow.amount *= value;
            }
        }
    }
    spec
}

/// The largest factor on the spending of flows.
const WITHDRAWAL_MAX: f64 = 1e6;

/// How a variable behaves.
struct Nature {
    /// The values that it can have.
    domain: Interval,
    /// Whether success gets more probable as it grows.
    rises: bool,
    /// Whether it has whole values only.
    whole: bool,
    /// What it is in the job's own plan.
    own: f64,
}

impl Nature {
    fn of(spec: &JobSpec, variable: Variable) -> Self {
        use carlo_types::limits::{NUMBER_MAX, TIMELINE_MONTHS_MAX};
        let profile = &spec.profile;
        let (own, rises) = match variable {
            Variable::MaxSpending => (profile.monthly_spending, false),
            Variable::MinIncome => (spec.inputs.monthly_income, true),
            Variable::EarliestMonth => (spec.goal.timeline_months.into(), true),
            Variable::MaxTarget => (spec.goal.target_amount, false),
            Variable::MinLiquidAssets => (profile.liquid_assets, true),
            Variable::EarliestRetirement => (spec.plan.income_until.into(), true),
            Variable::MaxWithdrawal => (1.0, false),
        };
        let domain = match variable {
            Variable::EarliestMonth => [1.0, TIMELINE_MONTHS_MAX.into()],
            Variable::EarliestRetirement => [0.0, spec.goal.timeline_months.into()],
            Variable::MaxWithdrawal => [0.0, WITHDRAWAL_MAX],
            // A goal is above nothing.
            Variable::MaxTarget => [0.01, NUMBER_MAX],
            Variable::MaxSpending | Variable::MinIncome | Variable::MinLiquidAssets => [0.0, NUMBER_MAX],
        };
        Self {
            domain,
            rises,
            whole: matches!(variable, Variable::EarliestMonth | Variable::EarliestRetirement),
            own,
        }
    }
}

/// The values to try, ascending.
pub(crate) fn candidates(spec: &JobSpec, asked: &Solve, level: Level) -> Vec<f64> {
    let nature = Nature::of(spec, asked.variable);
    let count = spec.simulations().min(PILOT);
    let mut scores = vec![0.0; count as usize];
    let mut successes = |value: f64| -> f64 {
        let prepared = Prepared::new(&with(spec, asked.variable, value));
        prepared.scores(level, 0, &mut scores);
        scores.iter().filter(|&&score| score >= prepared.plan().threshold).count() as f64
    };
    let (n, p) = (count as f64, asked.probability);
    let reach = REACH * (p * (1.0 - p) / n).sqrt() * n + 1.0;
    let few = (p * n - reach).floor().max(1.0);
    let many = (p * n + reach).ceil().min(n);
    let ends = [few, many].map(|enough| place(&nature, |value| successes(value) >= enough));
    spread(ends[0].min(ends[1]), ends[0].max(ends[1]), &nature)
}

/// The least value with which it `is_enough`, if that takes large ones, else the largest; an end of the domain where there is none.
fn place(nature: &Nature, mut is_enough: impl FnMut(f64) -> bool) -> f64 {
    // False below the place and true above it.
    let mut is_above = |value: f64| is_enough(value) == nature.rises;
    let [mut low, last] = nature.domain;
    if is_above(low) {
        return low;
    }
    let mut high = nature.own.max(1.0).min(last);
    while !is_above(high) {
        if high >= last {
            return last;
        }
        low = high;
        high = (2.0 * high).min(last);
    }
    let width = if nature.whole { 1.0 } else { PRECISION * high };
    while high - low > width {
        let middle = if nature.whole { (low + (high - low) / 2.0).floor() } else { low + (high - low) / 2.0 };
        *(if is_above(middle) { &mut high } else { &mut low }) = middle;
    }
    if nature.rises { high } else { low }
}

/// Values from `low` to `high`, both among them. Whole ones lie on both sides of what is enclosed.
fn spread(low: f64, high: f64, domain: &Nature) -> Vec<f64> {
    const LAST: u8 = CANDIDATES - 1;
    const STEPS: f64 = LAST as f64;
    if domain.whole {
        let [first, last] = domain.domain;
        // One month to each side, and no month twice where there is room.
        let low = (low - 1.0).min(last - STEPS).max(first);
        let high = (high + 1.0).max(low + STEPS).min(last);
        return (0..=LAST).map(|i| (low + (high - low) * f64::from(i) / STEPS).round()).collect();
    }
    let is_wide = low > 0.0 && high / low > RATIO_MAX;
    // The sixteenth root is the ratio of neighbours: without a logarithm, whose last bit would be the platform's.
    let ratio = if is_wide { (high / low).sqrt().sqrt().sqrt().sqrt() } else { 1.0 };
    let mut values: Vec<f64> = (0..=LAST)
        .map(|i| if is_wide { low * power(ratio, i) } else { low + (high - low) * f64::from(i) / STEPS })
        .collect();
    values[usize::from(LAST)] = high;
    values
}

fn power(ratio: f64, exponent: u8) -> f64 {
    (0..exponent).fold(1.0, |product, _| product * ratio)
}

/// The answer, from the values that were tried, ascending, with their success probabilities in `simulations` simulations.
pub(crate) fn solution(spec: &JobSpec, asked: &Solve, tried: &[(f64, f64)], simulations: u64) -> Solution {
    let nature = Nature::of(spec, asked.variable);
    let p = asked.probability;
    let error = Z_95 * (p * (1.0 - p) / simulations.max(1) as f64).sqrt();
    let round = |value: f64| if nature.whole { value.ceil() } else { value };
    let value = crossing(tried, p, nature.rises).map(round);
    let interval_95 = value.map(|_| {
        let end = |p: f64| {
            // Beyond what was tried nothing is known; the end of it is a bound on one side.
            let outermost =
                if (p > asked.probability) == nature.rises { tried.last() } else { tried.first() };
            crossing(tried, p, nature.rises).or(outermost.map(|tried| tried.0)).map_or(f64::NAN, round)
        };
        let ends = [end(p - error), end(p + error)];
        [ends[0].min(ends[1]), ends[0].max(ends[1])]
    });
    Solution { asked: *asked, value, interval_95 }
}

/// The value at which the probability passes `p`, on a line between the two that enclose it; an end where it is reached there
/// already, and nothing where it is reached nowhere.
fn crossing(tried: &[(f64, f64)], p: f64, rises: bool) -> Option<f64> {
    let is_reached = |tried: &(f64, f64)| tried.1 >= p;
    let (first, last) = (tried.first()?, tried.last()?);
    if rises && is_reached(first) {
        return Some(first.0);
    }
    if !rises && is_reached(last) {
        return Some(last.0);
    }
    let pair = tried.windows(2).find(|pair| is_reached(&pair[0]) != is_reached(&pair[1]))?;
    let [(low, below), (high, above)] = [pair[0], pair[1]];
    Some(low + (high - low) * (p - below) / (above - below))
}
