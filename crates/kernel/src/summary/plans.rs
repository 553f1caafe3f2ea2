//! The other plans of a job: how each does, and what was solved for.

use carlo_types::merge::{standard_error, wilson_interval_95};
use carlo_types::results::{Solution, Variant};
use carlo_types::{JobSpec, Question};

use crate::partial::Partial;
use crate::solve;
use crate::variants::VariantCounts;

/// The most that are reported of the months that were tried.
const REPORTED_MAX: usize = 17;

/// How each plan does beside the job's own, in the job's order; of very many, those around what was solved for.
pub(super) fn variants(partial: &Partial, solution: Option<&Solution>) -> Vec<Variant> {
    let n = partial.simulations;
    let variant = |counts: &VariantCounts| {
        let successes = successes(partial, counts);
        let (delta, delta_standard_error) = counts.pairs.difference(n);
        Variant {
            value: counts.value(),
            success_probability: successes as f64 / n.max(1) as f64,
            standard_error: standard_error(successes, n),
            confidence_interval_95: wilson_interval_95(successes, n),
            delta,
            delta_standard_error,
        }
    };
    let all = &partial.variants;
    let found = solution.and_then(|solution| solution.value);
    let middle =
        all.iter().position(|counts| found.is_some() && counts.value() >= found).unwrap_or(all.len());
    let most = if all.len() > 2 * REPORTED_MAX { REPORTED_MAX } else { all.len() };
    let first = middle.saturating_sub(most / 2).min(all.len() - most);
    all[first..first + most].iter().map(variant).collect()
}

/// How many simulations of a variant succeed.
fn successes(partial: &Partial, counts: &VariantCounts) -> u64 {
    partial.successes + counts.pairs.gained - counts.pairs.lost
}

/// The answer of a job that solves for something.
pub(super) fn solution(spec: &JobSpec, partial: &Partial) -> Option<Solution> {
    let Question::Solve(asked) = &spec.question else { return None };
    let tried: Vec<(f64, u64)> = partial
        .variants
        .iter()
        .filter_map(|counts| Some((counts.value()?, successes(partial, counts))))
        .collect();
    Some(solve::solution(spec, asked, &tried, partial.simulations))
}
