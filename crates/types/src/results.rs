//! The answer of a job: what the merged summary says, each number with its error.

use std::fmt;

/// The percentiles that are reported, in percent. Every array of percentiles is in this order.
pub const PERCENTILES: [u8; 7] = [5, 10, 25, 50, 75, 90, 95];

/// An interval, both ends included.
pub type Interval = [f64; 2];

/// The results of a job that is complete, or of the part that has been simulated so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// Share of the simulations that reached the goal.
    pub success_probability: f64,
    /// Standard error of `success_probability`.
    pub standard_error: f64,
    /// 95 % Wilson interval of the success probability.
    pub confidence_interval_95: Interval,
    /// Percentiles of the final balance in dollars, in the order of [`PERCENTILES`].
    pub percentiles: [f64; 7],
    /// 95 % order-statistic interval of each percentile.
    pub percentile_intervals_95: [Interval; 7],
    /// Mean final balance, dollars.
    pub mean: f64,
    /// Standard deviation of the final balance, dollars.
    pub std: f64,
    /// Smallest final balance, exact.
    pub worst_case: f64,
    /// Largest final balance, exact.
    pub best_case: f64,
    /// Simulations that these results are of.
    pub simulations_run: u64,
    /// The final balances in at most 100 bars.
    pub histogram: Histogram,
    /// The version of the model that computed them.
    pub model_version: u32,
    /// Hash over model version, request, seed and merged summary.
    pub digest: Digest,
}

impl Results {
    /// The median final balance, dollars.
    pub fn median(&self) -> f64 {
        self.percentiles[3]
    }
}

/// Bars: `counts[i]` simulations ended between `edges[i]` and `edges[i + 1]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Edges in dollars, ascending, one more than there are bars.
    pub edges: Vec<f64>,
    /// Simulations in each bar.
    pub counts: Vec<u64>,
}

/// A SHA-256 hash. Two runs with the same digest gave the same answer to the same question.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
