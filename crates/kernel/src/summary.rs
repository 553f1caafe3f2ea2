//! The results of a partial result, each with its error.
//!
//! Percentiles are order statistics: the p-th of n is the ⌈n·p⌉-th smallest balance, read from the
//! histogram to within three quarters of a bin whatever the distribution. Sources of the intervals:
//! E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927; H.
//! A. David and H. N. Nagaraja, "Order Statistics", 7.1.

mod bars;
mod fan;
mod lifetime;
mod plans;
mod ranks;
mod warnings;

use carlo_types::merge::{standard_error, wilson_interval_95};
use carlo_types::results::{PERCENTILES, Results, SCENARIOS};
use carlo_types::{JobSpec, Merge};

use crate::MODEL_VERSION;
use crate::digest::digest;
use crate::paired::PairedCounts;
use crate::partial::Partial;
use crate::scenarios;
use ranks::Ranks;

/// The results of `spec` from the simulations in `partial`, which may be a part of the job. Without
/// simulations, the standard error is 1, the interval is [0, 1], and all amounts of money are 0.
pub fn results(spec: &JobSpec, partial: &Partial) -> Results {
    let (n, successes) = (partial.simulations(), partial.successes());
    let ranks = Ranks::new(partial);
    let (mean, std) = moments(partial);
    let solution = plans::solution(spec, partial);
    Results {
        success_probability: if n == 0 { 0.0 } else { successes as f64 / n as f64 },
        standard_error: standard_error(successes, n),
        confidence_interval_95: wilson_interval_95(successes, n),
        percentiles: PERCENTILES.map(|percent| ranks.percentile(percent)),
        percentile_intervals_95: PERCENTILES.map(|percent| ranks.interval(percent)),
        mean,
        std,
        worst_case: ranks.worst(),
        best_case: ranks.best(),
        simulations_run: n,
        histogram: bars::histogram(spec, partial, &ranks),
        trajectory: fan::trajectory(spec, partial, &ranks),
        sensitivity: partial.sensitivity.summary(further(spec, partial)),
        notable: partial.notable.summary(lifetime::first_short(partial)),
        path: lifetime::path(spec, partial),
        spending: lifetime::spending(partial),
        horizon_months: lifetime::horizon(partial),
        variants: plans::variants(partial, solution.as_ref()),
        solution,
        warnings: warnings::warnings(spec, partial),
        model_version: MODEL_VERSION,
        digest: digest(spec, partial),
    }
}

/// The counts of the scenarios that only plans have, by name.
fn further(spec: &JobSpec, partial: &Partial) -> Vec<(&'static str, PairedCounts)> {
    if partial.plan.scenarios.is_empty() {
        return Vec::new();
    }
    let names = scenarios::of_plan(spec).into_iter().map(|(name, _)| name).skip(SCENARIOS.len());
    names.zip(partial.plan.scenarios.iter().copied()).collect()
}

/// Mean and standard deviation, in dollars.
fn moments(partial: &Partial) -> (f64, f64) {
    let n = partial.simulations as f64;
    if partial.simulations == 0 {
        return (0.0, 0.0);
    }
    let dollars = 1.0 / partial.grid.fixed_per_dollar();
    let mean = partial.sum as f64 / n;
    // Sums are relative to the grid's center, which is close to the mean, so that the difference
    // loses hardly any digits.
    let variance = (partial.squares as f64 / n - mean * mean).max(0.0) * n / (n - 1.0).max(1.0);
    let (least, most) = (f64::from(partial.least), f64::from(partial.most));
    ((f64::from(partial.grid.center()) + mean * dollars).clamp(least, most), variance.sqrt() * dollars)
}
