//! The figures of many simulations, with what is needed to tell whether two samples have the same
//! distribution.

/// Numbers in ascending order.
#[derive(Debug, Clone)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn new(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_unstable_by(f64::total_cmp);
        Self(numbers)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    pub(crate) fn std(&self) -> f64 {
        let mean = self.mean();
        let squares: f64 = self.0.iter().map(|x| (x - mean).powi(2)).sum();
        (squares / (self.0.len() - 1) as f64).sqrt()
    }

    /// The numbers between which the percentile lies but for `z` standard errors of its rank.
    pub(crate) fn percentile_interval(&self, percent: f64, z: f64) -> [f64; 2] {
        let (n, p) = (self.0.len() as f64, percent / 100.0);
        let reach = z * (n * p * (1.0 - p)).sqrt() + 1.0;
        let at = |rank: f64| self.0[rank.clamp(0.0, n - 1.0) as usize];
        [at((n * p - reach).floor()), at((n * p + reach).ceil())]
    }

    /// The share of numbers that are at most `x`.
    pub(crate) fn share_up_to(&self, x: f64) -> f64 {
        self.0.partition_point(|&y| y <= x) as f64 / self.0.len() as f64
    }
}

/// Asserts that a mean of `n` numbers lies within 4 standard errors of an expectation that is known
/// exactly, or was estimated from `known` numbers.
#[track_caller]
pub(crate) fn assert_mean(what: &str, found: f64, expected: f64, std: f64, n: usize, known: f64) {
    let tolerance = 4.0 * std * (1.0 / n as f64 + 1.0 / known).sqrt();
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, not {expected} ± {tolerance}");
}

/// The same of a probability, which was estimated from `known` numbers.
#[track_caller]
pub(crate) fn assert_probability(what: &str, found: f64, expected: f64, n: usize, known: f64) {
    let variance = expected * (1.0 - expected);
    // Of a probability near 0 a small sample tells only so much.
    let tolerance = 4.0 * (variance / n as f64 + variance / known).sqrt() + 1.0 / n as f64;
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, not {expected} ± {tolerance}");
}
