//! The results of a job's other plans, and the solution of a job that solves for a number.

use carlo_types::merge::{standard_error, wilson_interval_95};
use carlo_types::results::{Solution, Variant};
use carlo_types::{Analysis, JobSpec};

use crate::partial::Partial;
use crate::solve;
use crate::variants::VariantCounts;

/// The most candidates that are reported.
const TRIED_MAX: usize = 33;

/// The results of each plan compared with the job's own, in the job's order. Of very many
/// candidates, only those around the solution.
pub(super) fn variants(partial: &Partial, solution: Option<&Solution>) -> Vec<Variant> {
    let n = partial.simulations;
    let variant = |counts: &VariantCounts| {
        let successes = counts.pairs.successes(partial.successes);
        let (delta, delta_standard_error) = counts.pairs.difference(n);
        let (mean, median) = counts.balances.map(|balances| balances.summary(n)).unzip();
        Variant {
            value: counts.value(),
            success_probability: successes as f64 / n.max(1) as f64,
            standard_error: standard_error(successes, n),
            confidence_interval_95: wilson_interval_95(successes, n),
            delta,
            delta_standard_error,
            mean,
            median,
        }
    };
    let all = &partial.variants;
    let Some(solution) = solution else { return all.iter().map(variant).collect() };
    let is_found = |counts: &VariantCounts| solution.value.is_some() && counts.value() >= solution.value;
    let middle = all.iter().position(is_found).unwrap_or(all.len());
    let most = all.len().min(TRIED_MAX);
    let first = middle.saturating_sub(most / 2).min(all.len() - most);
    all[first..first + most].iter().map(variant).collect()
}

/// The solution of a job that solves for a number.
pub(super) fn solution(spec: &JobSpec, partial: &Partial) -> Option<Solution> {
    let Analysis::Solve(asked) = &spec.analysis else { return None };
    let tried: Vec<(f64, u64)> = partial
        .variants
        .iter()
        .filter_map(|counts| Some((counts.value()?, counts.pairs.successes(partial.successes))))
        .collect();
    Some(solve::solution(spec, asked, &tried, partial.simulations))
}
