//! Warnings for the readers of results: inputs without effect, and limits of the model that
//! simulations met.

use carlo_types::JobSpec;

use crate::partial::Partial;

/// All warnings, as sentences.
pub(super) fn warnings(spec: &JobSpec, partial: &Partial) -> Vec<String> {
    let mut warnings = spec.idle_inputs();
    if partial.is_limited {
        let limit = "balances, incomes and spendings are limited to ± 2^47 dollars ($140,737,488,355,328)";
        warnings
            .push(format!("{limit}, and some reached that limit: results that depend on them are distorted"));
    }
    warnings
}
