//! The interface of partial results for the scheduler.

use crate::spec::JobSpec;

/// A partial result of a job: the summary of some of its simulations.
///
/// Merging is associative and commutative to the bit, so results don't depend on the order of
/// reports. The kernel's `Partial` implements this trait; the scheduler's tests use an
/// implementation that records what was merged into it.
pub trait Merge: Sized {
    /// Whether `other` can belong to the same job. Must be checked before data from outside is
    /// merged.
    fn fits(&self, other: &Self) -> bool;

    /// Merges `other`, a partial result of other simulations of the same job.
    fn merge(&mut self, other: &Self);

    /// The number of simulations.
    fn simulations(&self) -> u64;

    /// The number of simulations that reached the goal.
    fn successes(&self) -> u64;

    /// The number of months that were computed for each simulation of the job with this
    /// specification: at most [`JobSpec::months`], and less if the job's first simulations have
    /// shown that fewer are needed.
    fn months(&self, spec: &JobSpec) -> u32 {
        spec.months()
    }
}

/// The standard error of a success probability estimated from `successes` of `simulations`, by the
/// binomial formula √(p(1−p)/n). It is 1 without simulations, so that nothing is concluded from
/// them.
pub fn standard_error(successes: u64, simulations: u64) -> f64 {
    if simulations == 0 {
        return 1.0;
    }
    let n = simulations as f64;
    let p = successes as f64 / n;
    (p * (1.0 - p) / n).sqrt()
}

/// The two-sided 95 % point of the normal distribution.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// The 95 % interval of a success probability estimated from `successes` of `simulations` (E. B.
/// Wilson, "Probable inference, the law of succession, and statistical inference", 1927). Without
/// simulations it is \[0, 1\].
pub fn wilson_interval_95(successes: u64, simulations: u64) -> [f64; 2] {
    if simulations == 0 {
        return [0.0, 1.0];
    }
    let n = simulations as f64;
    let p = successes as f64 / n;
    let square = Z_95 * Z_95;
    let middle = (p + square / (2.0 * n)) / (1.0 + square / n);
    let half = Z_95 / (1.0 + square / n) * (p * (1.0 - p) / n + square / (4.0 * n * n)).sqrt();
    // If p is 0 or 1, an end of the interval equals it exactly except for rounding.
    [
        if successes == 0 { 0.0 } else { (middle - half).clamp(0.0, p) },
        if successes == simulations { 1.0 } else { (middle + half).clamp(p, 1.0) },
    ]
}

/// The error that is compared with a target standard error: half the width of
/// [`wilson_interval_95`] divided by the normal quantile. Unlike [`standard_error`], it is positive
/// even if all simulations or none have reached the goal. It is 1 without simulations.
pub fn stopping_error(successes: u64, simulations: u64) -> f64 {
    if simulations == 0 {
        return 1.0;
    }
    let [low, high] = wilson_interval_95(successes, simulations);
    (high - low) / 2.0 / Z_95
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_is_the_published_interval() {
        // 15 of 148 (R. G. Newcombe, "Two-sided confidence intervals for the single proportion",
        // 1998, table I).
        let [low, high] = wilson_interval_95(15, 148);
        assert!((low - 0.0624).abs() < 5e-5 && (high - 0.1605).abs() < 5e-5, "{low} {high}");
        let [low, high] = wilson_interval_95(0, 20);
        assert!(low == 0.0 && (high - 0.1611).abs() < 5e-5, "{low} {high}");
        assert_eq!(wilson_interval_95(29, 29)[1], 1.0);
        assert_eq!(wilson_interval_95(0, 0), [0.0, 1.0]);
    }

    #[test]
    fn a_probability_of_nothing_or_everything_is_not_certain() {
        // One month, true probability 10⁻⁶: 65,536 simulations without a success say little of
        // 10⁻⁷.
        assert!(stopping_error(0, 65_536) > 1e-5);
        let (nothing, everything) = (stopping_error(0, 65_536), stopping_error(65_536, 65_536));
        assert!((nothing / everything - 1.0).abs() < 1e-9, "{nothing} {everything}");
        let (wilson, binomial) = (stopping_error(500_000, 1_000_000), standard_error(500_000, 1_000_000));
        assert!((wilson / binomial - 1.0).abs() < 1e-5);
    }
}
