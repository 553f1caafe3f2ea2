//! The other plans of a job: how each does, and what was solved for.

use carlo_types::merge::{standard_error, wilson_interval_95};
use carlo_types::results::{Solution, Variant};
use carlo_types::{JobSpec, Question};

use crate::partial::Partial;
use crate::sensitivity::difference;
use crate::solve;
use crate::variants::Pairs;

/// How each plan does beside the job's own, in the job's order.
pub(super) fn variants(partial: &Partial) -> Vec<Variant> {
    let n = partial.simulations;
    let variant = |pairs: &Pairs| {
        let successes = partial.successes + pairs.gained - pairs.lost;
        let (delta, delta_standard_error) = difference(pairs.gained, pairs.lost, n);
        Variant {
            value: pairs.value(),
            success_probability: successes as f64 / n.max(1) as f64,
            standard_error: standard_error(successes, n),
            confidence_interval_95: wilson_interval_95(successes, n),
            delta,
            delta_standard_error,
        }
    };
    partial.variants.iter().map(variant).collect()
}

/// The answer of a job that solves for something.
pub(super) fn solution(spec: &JobSpec, partial: &Partial) -> Option<Solution> {
    let Question::Solve(asked) = &spec.question else { return None };
    let tried: Vec<(f64, f64)> = variants(partial)
        .iter()
        .filter_map(|variant| Some((variant.value?, variant.success_probability)))
        .collect();
    Some(solve::solution(spec, asked, &tried, partial.simulations))
}
