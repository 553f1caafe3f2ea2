//! Warnings for the readers of results: inputs without effect, and balances that reached the bound
//! of the model.

use carlo_types::JobSpec;
use carlo_types::request::Dollars;

use crate::partial::Partial;
use crate::plan::MONEY_BOUND;

/// All warnings, as sentences.
pub(super) fn warnings(spec: &JobSpec, partial: &Partial) -> Vec<String> {
    let mut warnings = spec.idle_inputs();
    if has_met_the_bound(spec, partial) {
        let bound =
            "balances are limited to ± 2^47 dollars ($140,737,488,355,328), and some reached that limit";
        warnings.push(format!("{bound}: results that depend on them are distorted"));
    }
    warnings
}

/// Whether any final balance has reached the bound. Balances in real dollars are compared with the
/// bound divided by the planned price level at the end.
fn has_met_the_bound(spec: &JobSpec, partial: &Partial) -> bool {
    /// A balance in real dollars may be at the bound from this fraction of it on, because actual
    /// prices differ from the planned ones.
    const REAL: f64 = 0.5;
    if partial.simulations == 0 {
        return false;
    }
    let largest = f64::from(partial.most.max(-partial.least));
    let years = f64::from(spec.goal.timeline_months) / 12.0;
    let rate = spec.plan.prices.as_ref().map_or(spec.params.inflation_rate, |prices| prices.mean);
    let bound = match spec.goal.dollars {
        Dollars::Nominal => f64::from(MONEY_BOUND),
        Dollars::Real => REAL * f64::from(MONEY_BOUND) / (1.0 + rate).powf(years).max(1.0),
    };
    largest >= bound
}
