//! Warnings for the readers of results: inputs without effect, and balances that reached the bound
//! of the model.
//!
//! The kernel doesn't record where it limited a balance. So this module looks for balances near the
//! bound: the final balances of all simulations, and the balances that the fan chart counted.

use carlo_types::JobSpec;
use carlo_types::request::Dollars;

use crate::chart;
use crate::partial::Partial;
use crate::plan::MONEY_BOUND;

/// Balances from this fraction of the bound on are near it. A balance that reached the bound may
/// have moved away from it until the next month of the fan chart.
const NEAR: f64 = 0.5;

/// All warnings, as sentences.
pub(super) fn warnings(spec: &JobSpec, partial: &Partial) -> Vec<String> {
    let mut warnings = spec.idle_inputs();
    if has_come_near_the_bound(spec, partial) {
        let bound =
            "balances are limited to ± 2^47 dollars ($140,737,488,355,328), and some reached that limit";
        warnings.push(format!("{bound} or came near it: results that depend on them are distorted"));
    }
    warnings
}

/// Whether any final balance, or any balance that the fan chart counted, is near the bound.
fn has_come_near_the_bound(spec: &JobSpec, partial: &Partial) -> bool {
    if partial.simulations == 0 {
        return false;
    }
    let is_near = |balance: f64, months: u32| balance >= NEAR * bound(spec, months);
    if is_near(partial.most.max(-partial.least).into(), spec.goal.timeline_months) {
        return true;
    }
    let stops = chart::stops(spec.goal.timeline_months as usize);
    partial.chart.iter().any(|&(bin, _)| {
        let (stop, bin) = (usize::from(bin) / chart::BINS, usize::from(bin) % chart::BINS);
        let Some((scale, &months)) = partial.scales.get(stop).zip(stops.get(stop)) else { return false };
        let [low, high] = scale.edges(bin);
        // The edge that is nearer to zero, because bins far from the center are wide.
        is_near(low.max(-high), months)
    })
}

/// The bound after so many months, in the dollars of the balances. In real dollars it is divided by
/// the planned price level.
fn bound(spec: &JobSpec, months: u32) -> f64 {
    /// The fraction of the bound in real dollars from which on a balance may be at the bound,
    /// because actual prices differ from the planned ones.
    const REAL: f64 = 0.5;
    let rate = spec.plan.prices.as_ref().map_or(spec.params.inflation_rate, |prices| prices.mean);
    match spec.goal.dollars {
        Dollars::Nominal => f64::from(MONEY_BOUND),
        Dollars::Real => REAL * f64::from(MONEY_BOUND) / (1.0 + rate).powf(f64::from(months) / 12.0).max(1.0),
    }
}
