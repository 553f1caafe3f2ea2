//! What whoever reads results should know beside the numbers: inputs without effect, and balances
//! that met the bound of the model.

use carlo_types::JobSpec;
use carlo_types::request::Dollars;

use crate::partial::Partial;
use crate::plan::MONEY_BOUND;

/// Sentences; none where there is nothing to say.
pub(super) fn warnings(spec: &JobSpec, partial: &Partial) -> Vec<String> {
    let mut warnings = spec.idle_inputs();
    if has_met_the_bound(spec, partial) {
        let bound = "balances are held within ± 2^47 dollars ($140,737,488,355,328), and some met that bound";
        warnings.push(format!("{bound}: figures that depend on them are too near to it"));
    }
    warnings
}

/// Whether any final balance is as large as the bound. Real dollars are compared with what the
/// bound is worth at the end, by the planned price level.
fn has_met_the_bound(spec: &JobSpec, partial: &Partial) -> bool {
    /// A real balance is at the bound from this part of it on: prices differ from what is planned.
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
