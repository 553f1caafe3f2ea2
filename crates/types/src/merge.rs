//! What the scheduler needs to know of a partial result.

/// A partial result of a job: the summary of some of its simulations.
///
/// Merging is associative and commutative to the bit, so the order in which reports arrive can't be seen in the answer.
/// The kernel's `Partial` is the real one; the scheduler's tests use one that remembers what was merged into it.
pub trait Merge: Sized {
    /// Whether `other` can be of the same job. What came from outside is asked before it is merged.
    fn fits(&self, other: &Self) -> bool;

    /// Adds `other`, a partial result over other simulations of the same job.
    fn merge(&mut self, other: &Self);

    /// How many simulations it covers.
    fn simulations(&self) -> u64;

    /// How many of them reached the goal.
    fn successes(&self) -> u64;
}

/// The standard error of a success probability estimated from `successes` of `simulations`, by the binomial formula
/// √(p(1−p)/n). It is 1 where there are no simulations, so that nothing is ever concluded from none.
pub fn standard_error(successes: u64, simulations: u64) -> f64 {
    if simulations == 0 {
        return 1.0;
    }
    let n = simulations as f64;
    let p = successes as f64 / n;
    (p * (1.0 - p) / n).sqrt()
}
