//! Solving for a number of the plan: the choice of candidate values, and the solution that follows
//! from their successes.
//!
//! The pilot, which consists of the first 4,096 simulations, finds by bisection the range of values
//! in which the success probability may be the wanted one. A grid of candidates in that range is
//! tried with all simulations, all on the same shocks, and the solution is interpolated between the
//! two candidates that enclose the wanted probability. So this is one job, whose blocks can be
//! computed anywhere in any order, and its solution has the same bits everywhere. The value with
//! the highest success probability is always a candidate, so that a probability is only called
//! unreachable after it was tried.
//!
//! The success probability is assumed to be monotone in an amount. Amounts are counted in their
//! smallest steps: cents, months, or millionths of a factor. If the probability jumps, the grid is
//! refined around the jump until its neighbours are one step apart. The probability is not monotone
//! in time, so for the earliest month one walk counts the successes of every month in question. If
//! a spending rule looks ahead to the end of the timeline, each timeline needs a walk of its own;
//! then the pilot tries only every 20th.

use std::sync::Arc;

use carlo_types::analysis::{CANDIDATES, Solve, TIMELINES, Variable};
use carlo_types::limits::{NUMBER_MAX, TIMELINE_MONTHS_MAX};
use carlo_types::request::Success;
use carlo_types::request::plan::FlowKind;
use carlo_types::results::Solution;
use carlo_types::{Analysis, JobSpec};

use crate::binomial::{FOUR_SIGMA, PERCENT_95, central_counts};
use crate::chart::Observation;
use crate::level::Level;
use crate::lifetime::Lifetime;
use crate::lifetime::outcomes::Outcomes;
use crate::paired::PairedCounts;
use crate::prepared::{self, Prepared};
use crate::scenarios;

/// The number of simulations of the pilot.
const PILOT: u64 = 4096;
/// The number of candidates in the pilot's range, besides the easiest value.
const GRID: usize = CANDIDATES as usize - 1;
/// The most walks of the pilot that the choice of the grid may take.
const PILOTS_MAX: usize = 160;
/// The distance of the timelines that the pilot tries if each needs a walk of its own.
const SCAN_MONTHS: usize = 20;

/// `spec` with another value of a variable, without an analysis.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1200")]
pub(crate) fn with(spec: &JobSpec, variable: Variable, value: f64) -> JobSpec {
    let mut spec = spec.clone();
    spec.analysis = Analysis::None;
    match variable {
        Variable::MaxSpending => spec.profile.monthly_spending = value,
        Variable::MinIncome => spec.inputs.monthly_income = value,
        Variable::EarliestMonth => spec.goal.timeline_months = value as u32,
        Variable::MaxTarget => spec.goal.target_amount = value,
        Variable::MinLiquidAssets => spec.profile.liquid_assets = value,
        Variable::EarliestRetirement => scenarios::retire(&mut spec, value as u32),
        Variable::MaxWithdrawal => {
            for flow in
                Arc::make_mut(&mut spec.plan).flows.iter_mut().filter(|flow| flow.kind == FlowKind::Spending)
            {
                flow.amount *= value;
            }
        }
    }
    spec
}

/// The largest factor on spending flows.
const WITHDRAWAL_MAX: f64 = 1e6;

/// The possible values of an amount in its smallest steps, and the direction in which success
/// changes with it.
struct VariableDomain {
    least: i64,
    most: i64,
    /// Whether the success probability rises with the amount.
    rises: bool,
    /// The amount in the job's own plan.
    own: i64,
    /// The number of steps in one unit.
    steps: f64,
}

impl VariableDomain {
    #[expect(clippy::cast_possible_truncation, reason = "at most 10¹⁴ steps")]
    fn of(spec: &JobSpec, variable: Variable) -> Self {
        let (profile, timeline) = (&spec.profile, spec.goal.timeline_months);
        let (own, rises, steps) = match variable {
            Variable::MaxSpending => (profile.monthly_spending, false, 100.0),
            Variable::MinIncome => (spec.inputs.monthly_income, true, 100.0),
            Variable::EarliestMonth => (timeline.into(), true, 1.0),
            Variable::MaxTarget => (spec.goal.target_amount, false, 100.0),
            Variable::MinLiquidAssets => (profile.liquid_assets, true, 100.0),
            Variable::EarliestRetirement => (spec.plan.income_until.unwrap_or(timeline).into(), true, 1.0),
            Variable::MaxWithdrawal => (1.0, false, 1e6),
        };
        let most = match variable {
            Variable::EarliestMonth => TIMELINE_MONTHS_MAX.into(),
            Variable::EarliestRetirement => timeline.into(),
            Variable::MaxWithdrawal => WITHDRAWAL_MAX,
            _ => NUMBER_MAX,
        };
        let least = match variable {
            Variable::EarliestMonth => 1,
            // The target of a final balance must be positive.
            Variable::MaxTarget => i64::from(spec.goal.success == Success::FinalBalance),
            _ => 0,
        };
        Self { least, most: (most * steps) as i64, rises, own: (own * steps) as i64, steps }
    }

    /// The end of the domain with the highest success probability.
    fn easiest(&self) -> i64 {
        if self.rises { self.most } else { self.least }
    }

    /// The end of the domain with the lowest success probability.
    fn hardest(&self) -> i64 {
        if self.rises { self.least } else { self.most }
    }

    fn value(&self, steps: i64) -> f64 {
        steps as f64 / self.steps
    }
}

/// The success counts of the pilot.
struct Pilot<'a> {
    spec: &'a JobSpec,
    variable: Variable,
    level: Level,
    scores: Vec<f32>,
}

impl Pilot<'_> {
    /// The number of successes with this value.
    fn successes(&mut self, value: f64) -> u64 {
        let prepared = Prepared::new(&with(self.spec, self.variable, value));
        prepared.scores(self.level, 0, &mut self.scores);
        count(&self.scores, prepared.plan().threshold)
    }

    /// The number of successes with each timeline, up to the longest one of the model.
    fn successes_by_month(&mut self) -> Vec<u64> {
        let prepared = Prepared::new(&with(self.spec, self.variable, TIMELINE_MONTHS_MAX.into()));
        let mut counts = vec![PairedCounts::default(); prepared.plan().months];
        // The paired plan never succeeds, so that every success counts as gained.
        let none = vec![f32::NEG_INFINITY; self.scores.len()];
        let own = (&none[..], prepared.plan().threshold);
        prepared.reach(self.level, 0, own, &mut self.scores, &mut counts);
        counts.iter().map(|counts| counts.gained).collect()
    }

    /// The number of successes with each of these timelines.
    fn successes_of_timelines(&mut self, months: &[u32]) -> Vec<u64> {
        let lifetime = |&months: &u32| Lifetime::new(&with(self.spec, self.variable, months.into()));
        let lifetimes: Vec<Lifetime> = months.iter().map(lifetime).collect();
        let lifetimes: Vec<&Lifetime> = lifetimes.iter().collect();
        let mut outcomes = vec![Outcomes::brief(self.scores.len()); lifetimes.len()];
        prepared::walk(self.level, 0, &lifetimes, &mut outcomes, &[], Observation::None);
        let successes = |(lifetime, outcomes): (&&Lifetime, &mut Outcomes)| {
            outcomes.score_in_place(lifetime.never_short);
            count(&outcomes.finals, lifetime.plan.threshold)
        };
        lifetimes.iter().zip(&mut outcomes).map(successes).collect()
    }
}

fn count(scores: &[f32], threshold: f32) -> u64 {
    scores.iter().filter(|&&score| score >= threshold).count() as u64
}

/// The candidates, ascending.
pub(crate) fn candidates(spec: &JobSpec, asked: &Solve, level: Level) -> Vec<f64> {
    let simulations = spec.simulations().min(PILOT);
    let scores = vec![0.0; usize::try_from(simulations).expect("at most the size of the pilot")];
    let mut pilot = Pilot { spec, variable: asked.variable, level, scores };
    let [few, many] = central_counts(simulations, asked.probability, FOUR_SIGMA);
    if asked.variable == Variable::EarliestMonth {
        return if spec.is_one_walk_in_time() {
            let last = last_month(&pilot.successes_by_month(), few, many);
            (1..=last).map(f64::from).collect()
        } else {
            timelines(&mut pilot, few, many)
        };
    }
    let domain = VariableDomain::of(spec, asked.variable);
    let enough = [few.max(1), (many + 1).min(simulations)];
    let ends = enough.map(|enough| bisect(&domain, enough, &mut pilot));
    let mut values = candidate_grid(&domain, ends[0].min(ends[1]), ends[0].max(ends[1]), &mut pilot);
    values.push(domain.easiest());
    values.sort_unstable();
    values.dedup();
    values.into_iter().map(|steps| domain.value(steps)).collect()
}

/// The last month whose successes must be counted with all simulations, given the pilot's successes
/// after each month. This is the month in which the probability is certainly missed again after it
/// has certainly been reached, or else the last month in doubt. If no month is in question, it is
/// the month with the most successes.
fn last_month(successes: &[u64], few: u64, many: u64) -> u32 {
    let month = |i: usize| u32::try_from(i + 1).expect("at most the longest timeline");
    let certainly = successes.iter().position(|&count| count > many);
    let last_in_doubt = successes.iter().rposition(|count| (few..=many).contains(count));
    match certainly {
        Some(first) => {
            let missed = successes[first..].iter().position(|&count| count < few);
            month(missed.map_or(first.max(last_in_doubt.unwrap_or(0)), |after| first + after))
        }
        None => month(last_in_doubt.unwrap_or_else(|| best(successes))),
    }
}

/// The position of the most successes, or the first of several.
fn best(successes: &[u64]) -> usize {
    let most = successes.iter().copied().max().unwrap_or(0);
    successes.iter().position(|&count| count == most).unwrap_or(0)
}

/// The timelines to try if each needs a walk of its own: those between the last scanned one that
/// certainly misses the probability and the next one that certainly reaches it. If none is in
/// question, the one with the most successes.
fn timelines(pilot: &mut Pilot<'_>, few: u64, many: u64) -> Vec<f64> {
    let scanned: Vec<u32> = (1..=TIMELINE_MONTHS_MAX)
        .filter(|&month| month == 1 || (month as usize).is_multiple_of(SCAN_MONTHS))
        .collect();
    let successes = pilot.successes_of_timelines(&scanned);
    let Some(first) = successes.iter().position(|&count| count >= few.max(1)) else {
        return vec![scanned[best(&successes)].into()];
    };
    let reached = successes[first..].iter().position(|&count| count > many);
    let last = reached.map_or(first, |after| first + after);
    let low = first.checked_sub(1).map_or(1, |before| scanned[before] + 1);
    let stride = (scanned[last] - low).div_ceil(TIMELINES - 1).max(1);
    let mut months: Vec<u32> = (low..scanned[last]).step_by(stride as usize).collect();
    months.push(scanned[last]);
    months.into_iter().map(f64::from).collect()
}

/// The amount at which the pilot's successes reach `enough`: the smallest one if successes rise
/// with the amount, else the largest one. An end of the domain if there is none.
fn bisect(domain: &VariableDomain, enough: u64, pilot: &mut Pilot<'_>) -> i64 {
    // False below the amount and true above it.
    let mut is_above = |steps: i64| (pilot.successes(domain.value(steps)) >= enough) == domain.rises;
    let mut low = domain.least;
    if is_above(low) {
        return low;
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most a million")]
    let one = domain.steps as i64;
    let mut high = domain.own.max(one).min(domain.most);
    while !is_above(high) {
        if high >= domain.most {
            return domain.most;
        }
        low = high;
        high = (2 * high).min(domain.most);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        *(if is_above(middle) { &mut high } else { &mut low }) = middle;
    }
    if domain.rises { high } else { low }
}

/// Amounts from `low` to `high`, chosen so that the pilot's successes change evenly from each to
/// the next, or jump within one step.
fn candidate_grid(domain: &VariableDomain, low: i64, high: i64, pilot: &mut Pilot<'_>) -> Vec<i64> {
    let mut point = |steps: i64| (steps, pilot.successes(domain.value(steps)));
    let mut points = vec![point(low)];
    if high > low {
        points.push(point(high));
    }
    for _ in 0..PILOTS_MAX {
        // The largest change between two amounts that are more than a step apart.
        let change = |i: usize| points[i].1.abs_diff(points[i + 1].1);
        let is_open = |&i: &usize| points[i + 1].0 - points[i].0 > 1 && change(i) > 1;
        let Some(i) = (0..points.len() - 1).filter(is_open).max_by_key(|&i| change(i)) else { break };
        let middle = point(points[i].0 + (points[i + 1].0 - points[i].0) / 2);
        // A neighbour with the same successes is replaced, unless it is an end of the grid.
        if middle.1 == points[i].1 && i > 0 {
            points[i] = middle;
        } else if middle.1 == points[i + 1].1 && i + 2 < points.len() {
            points[i + 1] = middle;
        } else if points.len() < GRID {
            points.insert(i + 1, middle);
        } else {
            break;
        }
    }
    points.into_iter().map(|point| point.0).collect()
}

/// The solution, from the ascending candidates with their numbers of successes among `simulations`.
pub(crate) fn solution(spec: &JobSpec, asked: &Solve, tried: &[(f64, u64)], simulations: u64) -> Solution {
    let [few, many] = central_counts(simulations, asked.probability, PERCENT_95);
    let enough = enough(asked.probability, simulations);
    if asked.variable == Variable::EarliestMonth {
        return solution_in_time(asked, tried, [few, enough, many]);
    }
    let domain = VariableDomain::of(spec, asked.variable);
    let value = crossing(&domain, tried, enough);
    let interval_95 = value.map(|_| {
        // The number of successes at the true value is binomial, and with 95 % confidence between
        // `few` and `many`. If no candidate bounds the value on a side, the interval ends with the
        // domain.
        let [easy, hard] = [domain.easiest(), domain.hardest()].map(|steps| domain.value(steps));
        let lower = if few == 0 { Some(hard) } else { crossing(&domain, tried, few) };
        let upper = if many >= simulations { None } else { crossing(&domain, tried, many + 1) };
        let ends = [lower.unwrap_or(easy), upper.unwrap_or(easy)];
        [ends[0].min(ends[1]), ends[0].max(ends[1])]
    });
    Solution { asked: *asked, value, interval_95, below_again_after: None }
}

/// The smallest number of successes whose share is at least this probability.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the simulations")]
fn enough(probability: f64, simulations: u64) -> u64 {
    let mut enough = (probability * simulations as f64).floor() as u64;
    while (enough as f64 / simulations.max(1) as f64) < probability {
        enough += 1;
    }
    enough
}

/// The first months in which the successes reach each of these counts: the lower end of the
/// interval, the solution, and the upper end. Also the first month after the solution in which its
/// count is not reached any more.
fn solution_in_time(asked: &Solve, tried: &[(f64, u64)], [few, enough, many]: [u64; 3]) -> Solution {
    let first = |count: u64| tried.iter().find(|tried| tried.1 >= count).map(|tried| tried.0);
    let value = first(enough);
    let last = TIMELINE_MONTHS_MAX.into();
    let interval_95 = value.map(|value| [first(few).unwrap_or(value), first(many + 1).unwrap_or(last)]);
    let reached = tried.iter().skip_while(|tried| tried.1 < enough);
    let below_again_after = reached.skip_while(|tried| tried.1 >= enough).map(|tried| tried.0).next();
    Solution { asked: *asked, value, interval_95, below_again_after }
}

/// The amount at which the successes reach `enough`: interpolated linearly between the two
/// candidates that enclose it, and rounded to the step that has enough. `None` if no candidate
/// reaches it.
fn crossing(domain: &VariableDomain, tried: &[(f64, u64)], enough: u64) -> Option<f64> {
    // From the hardest candidate to the easiest.
    let mut hardest_first = tried.to_vec();
    if !domain.rises {
        hardest_first.reverse();
    }
    let i = hardest_first.iter().position(|tried| tried.1 >= enough)?;
    let (easy, reached) = hardest_first[i];
    let Some((hard, missed)) = i.checked_sub(1).map(|i| hardest_first[i]) else { return Some(easy) };
    let share = (enough - missed) as f64 / (reached - missed) as f64;
    let steps = domain.steps * (hard + (easy - hard) * share);
    let value = if domain.rises { steps.ceil() } else { steps.floor() } / domain.steps;
    Some(if domain.rises { value.min(easy) } else { value.max(easy) })
}
