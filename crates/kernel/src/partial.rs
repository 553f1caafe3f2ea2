//! A partial result: the exact summary of some of a job's simulations.
//!
//! Everything in it is an integer, a minimum or a maximum, so merging is associative and
//! commutative to the bit, and results don't depend on leases, threads or machines. `accumulator`
//! makes partial results, `summary` reads them, and [`codec`] encodes them.

mod codec;

use carlo_types::analysis::Variable;
use carlo_types::{Analysis, JobSpec, Merge};

pub use codec::DecodeError;

use crate::chart::Scale;
use crate::grid::Grid;
use crate::lifetime::tally::Counts;
use crate::notable::Notable;
use crate::sensitivity::ScenarioCounts;
use crate::sparse::add;
use crate::variants::VariantCounts;

/// The summary of some of a job's simulations. Partial results over different simulations of one
/// job merge.
#[derive(Debug, Clone, PartialEq)]
pub struct Partial {
    pub(crate) grid: Grid,
    pub(crate) simulations: u64,
    pub(crate) successes: u64,
    /// The smallest final balance in dollars; infinity without simulations.
    pub(crate) least: f32,
    /// The largest final balance in dollars; minus infinity without simulations.
    pub(crate) most: f32,
    /// Sum of the balances in fixed-point steps from the grid's center.
    pub(crate) sum: i128,
    /// Sum of the squares of these steps.
    pub(crate) squares: u128,
    /// The bins with simulations, ascending, with their counts.
    pub(crate) bins: Vec<(u16, u64)>,
    /// The counts of each scenario, over the job's first simulations.
    pub(crate) sensitivity: ScenarioCounts,
    /// The positions of the fan chart's bins at each stop; empty if nothing is counted.
    pub(crate) scales: Vec<Scale>,
    /// The fan chart's bins with simulations, stop by stop, with their counts.
    pub(crate) chart: Vec<(u16, u64)>,
    pub(crate) notable: Notable,
    /// The counts of each other plan of the job.
    pub(crate) variants: Vec<VariantCounts>,
    /// The counts of a plan over a lifetime beyond its balances.
    pub(crate) plan: Counts,
    /// Whether any simulation met a limit of the model. No digest depends on it.
    pub(crate) is_limited: bool,
}

/// Balances are finite, or infinite in an empty partial result, but never NaN.
impl Eq for Partial {}

impl Partial {
    /// The indices of the simulations with the lowest and the highest final balance, and these
    /// balances in dollars. `None` without simulations.
    pub fn extremes(&self) -> Option<[(u64, f32); 2]> {
        let [worst, best, ..] = self.notable.seen?;
        Some([worst, best].map(|seen| (seen.index, seen.balance())))
    }
}

impl Merge for Partial {
    /// Whether both have the same grid and the same other plans, which are functions of the job.
    fn fits(&self, other: &Self) -> bool {
        let same_chart = self.scales == other.scales || self.scales.is_empty() || other.scales.is_empty();
        let same_variants = self.variants.len() == other.variants.len()
            && self.variants.iter().zip(&other.variants).all(|(counts, other)| counts.fits(other));
        let same_aims = self.notable.aims == other.notable.aims;
        self.grid == other.grid && same_aims && same_chart && same_variants && self.plan.fits(&other.plan)
    }

    /// Merges `other`. Does nothing if `other` doesn't [fit](Merge::fits), because sums on
    /// different scales can't be added.
    fn merge(&mut self, other: &Self) {
        if !self.fits(other) {
            return;
        }
        self.simulations = self.simulations.saturating_add(other.simulations);
        self.successes = self.successes.saturating_add(other.successes);
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.sum = self.sum.saturating_add(other.sum);
        self.squares = self.squares.saturating_add(other.squares);
        add(&mut self.bins, &other.bins);
        self.sensitivity.merge(&other.sensitivity);
        if self.scales.is_empty() {
            self.scales.clone_from(&other.scales);
        }
        add(&mut self.chart, &other.chart);
        self.notable.merge(&other.notable);
        for (counts, other) in self.variants.iter_mut().zip(&other.variants) {
            counts.merge(other);
        }
        self.plan.merge(&other.plan);
        self.is_limited |= other.is_limited;
    }

    fn simulations(&self) -> u64 {
        self.simulations
    }

    fn successes(&self) -> u64 {
        self.successes
    }

    fn months(&self, spec: &JobSpec) -> u32 {
        let own = spec.goal.timeline_months;
        let Analysis::Solve(asked) = &spec.analysis else { return spec.months() };
        let tried = self.variants.iter().filter_map(VariantCounts::value);
        let months = match asked.variable {
            // These counts follow from the job's own balances.
            Variable::MaxTarget => own,
            Variable::EarliestMonth if spec.is_one_walk_in_time() => {
                own.saturating_add(tried.map(whole).max().unwrap_or(0))
            }
            Variable::EarliestMonth => tried.map(whole).fold(own, u32::saturating_add),
            _ => tried.map(|_| own).fold(own, u32::saturating_add),
        };
        months.min(spec.months())
    }
}

/// A number of months.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn whole(months: f64) -> u32 {
    months as u32
}

#[cfg(test)]
mod tests;
