//! Solving for a number of the plan: which values to try, and what they say.
//!
//! The first 4,096 simulations, the pilot, tell by bisection where the success probability is roughly the wanted one. In that
//! range a grid of values is tried with all simulations, all on the same shocks, and the answer is read between the two that
//! enclose the wanted probability. So it is one job, whose blocks may be done anywhere in any order, and its answer has the
//! same bits everywhere. The value at which success is easiest is always among them: nothing is called out of reach untried.
//!
//! Success is taken to move one way with an amount of money, and counted in cents. Where it jumps, the grid closes in on the
//! jump until its neighbours are a cent apart. Success is not monotone in time: for the earliest month, one walk counts the
//! success of every month that may decide.

use carlo_types::question::{CANDIDATES, Solve, Variable};
use carlo_types::results::Solution;
use carlo_types::{JobSpec, Question};

use crate::binomial::{FOUR_SIGMA, PERCENT_95, central_counts};
use crate::chart::Observation;
use crate::level::Level;
use crate::paired::PairedCounts;
use crate::pipeline::Walk;
use crate::plan::Plan;

/// Simulations of the pilot: the first.
const PILOT: u64 = 4096;
/// Values of an amount that are tried in the range that the pilot leaves, besides the easiest.
const GRID: usize = CANDIDATES as usize - 1;
/// The most pilots that the grid costs.
const PILOTS_MAX: usize = 160;

/// The plan of `spec` with another value of a variable, and no question.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 1200")]
pub(crate) fn with(spec: &JobSpec, variable: Variable, value: f64) -> JobSpec {
    let mut spec = spec.clone();
    spec.question = Question::None;
    match variable {
        Variable::MaxSpending => spec.household.monthly_spending = value,
        Variable::MinIncome => spec.household.monthly_income = value,
        Variable::EarliestMonth => spec.goal.timeline_months = value as u32,
        Variable::MaxTarget => spec.goal.target_amount = value,
        Variable::MinLiquidAssets => spec.household.liquid_assets = value,
    }
    spec
}

/// The values that an amount can have, in cents, and which way success moves with it.
struct VariableDomain {
    least: i64,
    most: i64,
    /// Whether success gets more probable as it grows.
    rises: bool,
    /// What it is in the job's own plan.
    own: i64,
}

impl VariableDomain {
    #[expect(clippy::cast_possible_truncation, reason = "at most 10¹⁴ cents")]
    fn of(spec: &JobSpec, variable: Variable) -> Self {
        use carlo_types::limits::NUMBER_MAX;
        let household = &spec.household;
        let (own, rises) = match variable {
            Variable::MaxSpending => (household.monthly_spending, false),
            Variable::MinIncome => (household.monthly_income, true),
            Variable::EarliestMonth => (0.0, true),
            Variable::MaxTarget => (spec.goal.target_amount, false),
            Variable::MinLiquidAssets => (household.liquid_assets, true),
        };
        // A goal is above nothing.
        let least = i64::from(variable == Variable::MaxTarget);
        Self { least, most: (NUMBER_MAX * 100.0) as i64, rises, own: (own * 100.0) as i64 }
    }

    /// The end at which success is most probable.
    fn easiest(&self) -> i64 {
        if self.rises { self.most } else { self.least }
    }
}

fn dollars(cents: i64) -> f64 {
    cents as f64 / 100.0
}

/// The success counts of the pilot.
struct Pilot<'a> {
    spec: &'a JobSpec,
    variable: Variable,
    level: Level,
    finals: Vec<f32>,
}

impl Pilot<'_> {
    fn simulations(&self) -> u64 {
        self.finals.len() as u64
    }

    /// How many succeed with this amount.
    fn successes(&mut self, cents: i64) -> u64 {
        let plan = Plan::new(&with(self.spec, self.variable, dollars(cents)));
        self.level.run(Walk::alone(&plan, 0, &mut self.finals));
        self.finals.iter().filter(|&&balance| balance >= plan.threshold).count() as u64
    }

    /// How many have reached the goal after each month up to the last one of the model.
    fn successes_by_month(&mut self) -> Vec<u64> {
        use carlo_types::limits::TIMELINE_MONTHS_MAX;
        let plan = Plan::new(&with(self.spec, self.variable, TIMELINE_MONTHS_MAX.into()));
        let observed: Vec<u32> = (1..=TIMELINE_MONTHS_MAX).collect();
        let mut counts = vec![PairedCounts::default(); observed.len()];
        // Beside a plan in which nothing succeeds, every success is gained.
        let none = vec![f32::NEG_INFINITY; self.finals.len()];
        let own = (&none[..], plan.threshold);
        let observation = Observation::Reach { own, threshold: plan.threshold, counts: &mut counts };
        let (scenarios, finals) = (&mut [][..], &mut self.finals[..]);
        self.level.run(Walk { plan: &plan, first: 0, finals, scenarios, observed: &observed, observation });
        counts.iter().map(|counts| counts.gained).collect()
    }
}

/// The values to try, ascending: dollars, or months.
pub(crate) fn candidates(spec: &JobSpec, asked: &Solve, level: Level) -> Vec<f64> {
    let count = spec.simulations.min(PILOT);
    let finals = vec![0.0; usize::try_from(count).expect("at most the pilot's")];
    let mut pilot = Pilot { spec, variable: asked.variable, level, finals };
    let [few, many] = central_counts(pilot.simulations(), asked.probability, FOUR_SIGMA);
    if asked.variable == Variable::EarliestMonth {
        let last = last_month(&pilot.successes_by_month(), few, many);
        return (1..=last).map(f64::from).collect();
    }
    let domain = VariableDomain::of(spec, asked.variable);
    let ends = [few.max(1), (many + 1).min(count)].map(|enough| bisect(&domain, enough, &mut pilot));
    let mut values = candidate_grid(ends[0].min(ends[1]), ends[0].max(ends[1]), &mut pilot);
    values.push(domain.easiest());
    values.sort_unstable();
    values.dedup();
    values.into_iter().map(dollars).collect()
}

/// The last month whose success has to be counted with all simulations, from the pilot's successes after each: that in which
/// the goal is certainly reached, and where it is certainly missed again; else the last one in doubt. Where no month comes into
/// question, it is the best one.
fn last_month(successes: &[u64], few: u64, many: u64) -> u32 {
    let month = |i: usize| u32::try_from(i + 1).expect("at most the longest timeline");
    let certainly = successes.iter().position(|&count| count > many);
    let last_in_doubt = successes.iter().rposition(|count| (few..=many).contains(count));
    match certainly {
        Some(first) => {
            let missed = successes[first..].iter().position(|&count| count < few);
            month(missed.map_or(first.max(last_in_doubt.unwrap_or(0)), |after| first + after))
        }
        None => month(last_in_doubt.unwrap_or_else(|| {
            let best = successes.iter().copied().max().unwrap_or(0);
            successes.iter().position(|&count| count == best).unwrap_or(0)
        })),
    }
}

/// The amount, to the cent, at which the pilot's successes come to `enough`: the least with at least so many, if they rise,
/// else the largest; an end of the domain where there is none.
fn bisect(domain: &VariableDomain, enough: u64, pilot: &mut Pilot<'_>) -> i64 {
    // False below the place and true above it.
    let mut is_above = |cents: i64| (pilot.successes(cents) >= enough) == domain.rises;
    let mut low = domain.least;
    if is_above(low) {
        return low;
    }
    let mut high = domain.own.max(100).min(domain.most);
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

/// Amounts from `low` to `high`, between which the pilot's successes move in even steps, or jump from one cent to the next.
fn candidate_grid(low: i64, high: i64, pilot: &mut Pilot<'_>) -> Vec<i64> {
    let mut points = vec![(low, pilot.successes(low))];
    if high > low {
        points.push((high, pilot.successes(high)));
    }
    for _ in 0..PILOTS_MAX {
        // The widest step that isn't within a cent.
        let step = |i: usize| points[i].1.abs_diff(points[i + 1].1);
        let is_open = |&i: &usize| points[i + 1].0 - points[i].0 > 1 && step(i) > 1;
        let Some(i) = (0..points.len() - 1).filter(is_open).max_by_key(|&i| step(i)) else { break };
        let middle = points[i].0 + (points[i + 1].0 - points[i].0) / 2;
        let point = (middle, pilot.successes(middle));
        // An end with the same successes is replaced, unless it is an end of the grid.
        if point.1 == points[i].1 && i > 0 {
            points[i] = point;
        } else if point.1 == points[i + 1].1 && i + 2 < points.len() {
            points[i + 1] = point;
        } else if points.len() < GRID {
            points.insert(i + 1, point);
        } else {
            break;
        }
    }
    points.into_iter().map(|point| point.0).collect()
}

/// The answer, from the values that were tried, ascending, with how many of `simulations` succeeded.
pub(crate) fn solution(spec: &JobSpec, asked: &Solve, tried: &[(f64, u64)], simulations: u64) -> Solution {
    let [few, many] = central_counts(simulations, asked.probability, PERCENT_95);
    let enough = enough(asked.probability, simulations);
    if asked.variable == Variable::EarliestMonth {
        return solution_in_time(asked, tried, [few, enough, many]);
    }
    let domain = VariableDomain::of(spec, asked.variable);
    let value = crossing(tried, enough, domain.rises);
    let interval_95 = value.map(|_| {
        // With a true value v, the successes at v are a binomial count: with 95 % one of few to many. Where no count bounds v on
        // a side, that side ends with the domain.
        let [easy, hard] = [domain.easiest(), domain.least + domain.most - domain.easiest()].map(dollars);
        let lower = if few == 0 { Some(hard) } else { crossing(tried, few, domain.rises) };
        let upper = if many >= simulations { None } else { crossing(tried, many + 1, domain.rises) };
        let ends = [lower.unwrap_or(easy), upper.unwrap_or(easy)];
        [ends[0].min(ends[1]), ends[0].max(ends[1])]
    });
    Solution { asked: *asked, value, interval_95 }
}

/// The least number of successes that is at least this probability.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the simulations")]
fn enough(probability: f64, simulations: u64) -> u64 {
    let mut enough = (probability * simulations as f64).floor() as u64;
    while (enough as f64 / simulations.max(1) as f64) < probability {
        enough += 1;
    }
    enough
}

/// The first month after which success reaches each of these counts: the interval's lower end, the answer, its upper end.
fn solution_in_time(asked: &Solve, tried: &[(f64, u64)], [few, enough, many]: [u64; 3]) -> Solution {
    let first = |count: u64| tried.iter().find(|tried| tried.1 >= count).map(|tried| tried.0);
    let value = first(enough);
    let last = carlo_types::limits::TIMELINE_MONTHS_MAX.into();
    let interval_95 = value.map(|value| [first(few).unwrap_or(value), first(many + 1).unwrap_or(last)]);
    Solution { asked: *asked, value, interval_95 }
}

/// The amount at which successes come to `enough`: on a line between the two that enclose it, rounded to the cent that has
/// enough; nothing where it is reached nowhere.
fn crossing(tried: &[(f64, u64)], enough: u64, rises: bool) -> Option<f64> {
    // From the hard end to the easy one.
    let hardest_first: Vec<_> = if rises { tried.to_vec() } else { tried.iter().rev().copied().collect() };
    let i = hardest_first.iter().position(|tried| tried.1 >= enough)?;
    let (easy, reached) = hardest_first[i];
    let Some((hard, missed)) = i.checked_sub(1).map(|i| hardest_first[i]) else { return Some(easy) };
    let share = (enough - missed) as f64 / (reached - missed) as f64;
    let cents = 100.0 * (hard + (easy - hard) * share);
    let cents = if rises { cents.ceil() } else { cents.floor() };
    let value = cents / 100.0;
    Some(if rises { value.min(easy) } else { value.max(easy) })
}
