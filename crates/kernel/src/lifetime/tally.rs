//! The counts of a plan's simulations beyond their final balances: first short months and
//! shortfalls, the effect of a spending rule, and months lived. All are integers, so that counts of
//! different simulations merge exactly.

use carlo_types::results::SCENARIOS;
use serde::{Deserialize, Serialize};

use super::Lifetime;
use super::outcomes::Outcomes;
use super::rules::NEVER;

use crate::paired::PairedCounts;
use crate::sparse::{add, drained};

/// The number of steps per unit in which the lowest multipliers are counted.
pub(crate) const MULTIPLIER_STEPS: f64 = 4_000.0;
/// The number of fixed-point steps per unit of a mean multiplier.
pub(crate) const MEAN_STEPS: f64 = 1_073_741_824.0;
/// The largest shortfall in fixed-point steps; larger ones are clamped.
pub(crate) const SHORTFALL_MAX: f64 = 8_796_093_022_208.0;
/// The most bins of a histogram of months or of multipliers.
pub(crate) const BINS_MAX: usize = 4_001;

/// A sparse histogram: the bins with simulations, ascending, with their counts.
pub(crate) type Bins = Vec<(u16, u64)>;

/// The sums of non-negative integers and of their squares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) sum: u128,
    pub(crate) squares: u128,
}

impl Sums {
    fn add(&mut self, x: u64) {
        self.sum += u128::from(x);
        self.squares += u128::from(x) * u128::from(x);
    }

    fn merge(&mut self, other: &Self) {
        self.sum = self.sum.saturating_add(other.sum);
        self.squares = self.squares.saturating_add(other.squares);
    }
}

/// A simulation and its first short month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FirstShort {
    pub(crate) month: u16,
    pub(crate) index: u64,
}

/// The counts of the path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PathCounts {
    /// First short months, from 1.
    pub(crate) first_short: Bins,
    /// Deepest shortfalls in fixed-point steps of dollars.
    pub(crate) deepest: Sums,
    /// Bits of the largest shortfall in dollars, at least 0.
    pub(crate) largest: u32,
    /// The month near which a notable simulation is sought.
    pub(crate) aim: u16,
    /// The nearest simulation so far; of several, the one with the lowest index.
    pub(crate) notable: Option<FirstShort>,
}

/// The counts of the effect of a spending rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SpendingCounts {
    /// The number of simulations with spending below the plan in any month.
    pub(crate) cut: u64,
    /// The lowest multipliers, in steps.
    pub(crate) lowest: Bins,
    /// The mean multipliers, in steps.
    pub(crate) mean: Sums,
}

/// All counts that a request needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) path: Option<PathCounts>,
    pub(crate) spending: Option<SpendingCounts>,
    /// Months lived.
    pub(crate) horizon: Option<Bins>,
    /// The pairs of each scenario that only plans have.
    pub(crate) scenarios: Vec<PairedCounts>,
}

impl Counts {
    /// Empty counts for a plan whose pilot had these outcomes.
    pub(crate) fn of_pilot(plan: &Lifetime, pilot: &Outcomes) -> Self {
        let mut months: Vec<f32> = pilot.first_short.iter().copied().filter(|&month| month < NEVER).collect();
        months.sort_unstable_by(f32::total_cmp);
        let aim = months.get(months.len() / 2).map_or(0, |&month| whole(month));
        Self {
            path: plan.never_short.then(|| PathCounts { aim, ..PathCounts::default() }),
            spending: plan.rule.is_some().then(SpendingCounts::default),
            horizon: (!plan.alive.is_empty()).then(Vec::new),
            scenarios: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether both belong to the same job.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        let aim = |counts: &Self| counts.path.as_ref().map(|path| path.aim);
        aim(self) == aim(other)
            && self.spending.is_some() == other.spending.is_some()
            && self.horizon.is_some() == other.horizon.is_some()
            && self.scenarios.len() == other.scenarios.len()
    }

    /// Adds counts that [fit](Self::fits).
    pub(crate) fn merge(&mut self, other: &Self) {
        if let (Some(path), Some(other)) = (&mut self.path, &other.path) {
            path.merge(other);
        }
        if let (Some(spending), Some(other)) = (&mut self.spending, &other.spending) {
            spending.cut = spending.cut.saturating_add(other.cut);
            add(&mut spending.lowest, &other.lowest);
            spending.mean.merge(&other.mean);
        }
        if let (Some(horizon), Some(other)) = (&mut self.horizon, &other.horizon) {
            add(horizon, other);
        }
        for (pairs, other) in self.scenarios.iter_mut().zip(&other.scenarios) {
            pairs.merge(other);
        }
    }

    /// Whether this number of simulations can have these counts.
    pub(crate) fn is_possible(&self, simulations: u64) -> bool {
        let total = |bins: &Bins| bins.iter().try_fold(0_u64, |sum, &(_, count)| sum.checked_add(count));
        let path = self.path.as_ref().is_none_or(|path| {
            let largest = f32::from_bits(path.largest);
            let short = total(&path.first_short);
            short.is_some_and(|short| short <= simulations)
                && (0.0..=f32::MAX).contains(&largest)
                && path.largest != (-0.0_f32).to_bits()
                && path.notable.is_some() == (short != Some(0))
        });
        let spending = self.spending.as_ref().is_none_or(|spending| {
            spending.cut <= simulations && total(&spending.lowest) == Some(simulations)
        });
        path && spending && self.horizon.as_ref().is_none_or(|bins| total(bins) == Some(simulations))
    }
}

impl PathCounts {
    fn merge(&mut self, other: &Self) {
        add(&mut self.first_short, &other.first_short);
        self.deepest.merge(&other.deepest);
        // The bits of non-negative numbers have the same order as the numbers.
        self.largest = self.largest.max(other.largest);
        if let Some(simulation) = other.notable {
            self.offer(simulation);
        }
    }

    /// Takes a simulation if it is nearer to the aim, or equally near with a lower index.
    fn offer(&mut self, other: FirstShort) {
        let key = |simulation: FirstShort| (simulation.month.abs_diff(self.aim), simulation.index);
        if self.notable.is_none_or(|mine| key(other) < key(mine)) {
            self.notable = Some(other);
        }
    }
}

/// The counts of one thread, with dense histograms.
#[derive(Debug)]
pub(crate) struct Tally {
    /// The counts other than histograms.
    counts: Counts,
    first_short: Vec<u64>,
    lowest: Vec<u64>,
    horizon: Vec<u64>,
}

impl Tally {
    /// An empty tally for a job with these counts.
    pub(crate) fn new(counts: &Counts, months: usize, scenarios: usize) -> Self {
        let places = |is_asked, count| vec![0; if is_asked { count } else { 0 }];
        Self {
            first_short: places(counts.path.is_some(), months + 1),
            lowest: places(counts.spending.is_some(), BINS_MAX),
            horizon: places(counts.horizon.is_some(), months + 1),
            counts: Counts {
                scenarios: vec![PairedCounts::default(); scenarios.saturating_sub(SCENARIOS.len())],
                ..counts.clone()
            },
        }
    }

    /// Adds pairs of scores with those of the scenarios that only plans have.
    pub(crate) fn add_scenarios<'a>(
        &mut self,
        target: f32,
        scores: &[f32],
        scenarios: impl IntoIterator<Item = &'a Vec<f32>>,
    ) {
        for (pairs, scenario) in self.counts.scenarios.iter_mut().zip(scenarios) {
            pairs.add((scores, target), (scenario, target));
        }
    }

    /// Adds simulations from index `first` on, with this number of fixed-point steps per dollar.
    pub(crate) fn add(&mut self, plan: &Lifetime, first: u64, outcomes: &Outcomes, steps_per_dollar: f64) {
        if let Some(path) = &mut self.counts.path {
            let figures = outcomes.first_short.iter().zip(&outcomes.lowest);
            for (index, (&month, &lowest)) in (first..).zip(figures) {
                if month >= NEVER {
                    continue;
                }
                let month = whole(month);
                self.first_short[usize::from(month)] += 1;
                let depth = (plan.floor - lowest).max(0.0) + 0.0;
                path.deepest.add(steps((f64::from(depth) * steps_per_dollar).min(SHORTFALL_MAX)));
                path.largest = path.largest.max(depth.to_bits());
                path.offer(FirstShort { month, index });
            }
        }
        if let Some(spending) = &mut self.counts.spending {
            for (index, &lowest) in outcomes.lowest_multiplier.iter().enumerate() {
                spending.cut += u64::from(lowest < 1.0);
                let step = steps(f64::from(lowest.clamp(0.0, 1.0)) * MULTIPLIER_STEPS);
                self.lowest[usize::try_from(step).expect("at most 4,000")] += 1;
                let sum = f64::from(outcomes.multiplier_sum[index]);
                let mean = sum / f64::from(outcomes.horizon[index]);
                spending.mean.add(steps(mean * MEAN_STEPS));
            }
        }
        if !self.horizon.is_empty() {
            for &months in &outcomes.horizon {
                self.horizon[usize::from(whole(months))] += 1;
            }
        }
    }

    /// Takes the counts. The tally is empty afterwards.
    pub(crate) fn drain(&mut self) -> Counts {
        let mut counts = self.counts.clone();
        if let (Some(path), Some(own)) = (&mut counts.path, &mut self.counts.path) {
            path.first_short = drained(&mut self.first_short);
            *own = PathCounts { aim: own.aim, ..PathCounts::default() };
        }
        if let (Some(spending), Some(own)) = (&mut counts.spending, &mut self.counts.spending) {
            spending.lowest = drained(&mut self.lowest);
            *own = SpendingCounts::default();
        }
        if let Some(horizon) = &mut counts.horizon {
            *horizon = drained(&mut self.horizon);
        }
        self.counts.scenarios.fill(PairedCounts::default());
        counts
    }
}

/// A whole number of months as an integer.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 1,200")]
pub(crate) fn whole(months: f32) -> u16 {
    months as u16
}

/// The nearest integer to a number of steps at least 0, below 2⁵³.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 0, below 2⁵³")]
fn steps(x: f64) -> u64 {
    x.round() as u64
}
