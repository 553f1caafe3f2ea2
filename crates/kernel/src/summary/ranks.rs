//! Order statistics, read from the histogram of a partial result.

use carlo_types::Merge;
use carlo_types::results::Interval;

use crate::partial::Partial;

/// How near to an edge of its bin an order statistic is taken to lie: where all of a bin's simulations have one value, which may be
/// anywhere in it, this bounds the error by three quarters of a bin.
const WITHIN: std::ops::RangeInclusive<f64> = 0.25..=0.75;

/// The balances of a partial result, in order.
pub(super) struct Ranks<'a> {
    partial: &'a Partial,
    /// How many simulations lie below each of the partial's bins.
    below: Vec<u64>,
}

impl<'a> Ranks<'a> {
    pub(super) fn new(partial: &'a Partial) -> Self {
        let mut sum = 0;
        let below = partial
            .bins
            .iter()
            .map(|&(_, count)| {
                let below = sum;
                sum += count;
                below
            })
            .collect();
        Self { partial, below }
    }

    /// The smallest balance; 0 where there are none.
    pub(super) fn worst(&self) -> f64 {
        if self.below.is_empty() { 0.0 } else { self.partial.least.into() }
    }

    /// The largest balance; 0 where there are none.
    pub(super) fn best(&self) -> f64 {
        if self.below.is_empty() { 0.0 } else { self.partial.most.into() }
    }

    /// The balance of a rank, from 1 for the smallest to n; 0 where there are none.
    pub(super) fn balance(&self, rank: u64) -> f64 {
        let rank = rank.clamp(1, self.partial.simulations().max(1));
        let Some(i) = self.below.partition_point(|&below| below < rank).checked_sub(1) else { return 0.0 };
        let (bin, count) = self.partial.bins[i];
        let fraction = ((rank - self.below[i]) as f64 - 0.5) / count as f64;
        let [low, high] = self.partial.grid.edges(bin.into());
        let balance = low + fraction.clamp(*WITHIN.start(), *WITHIN.end()) * (high - low);
        balance.clamp(self.worst(), self.best())
    }

    /// The balance that `per_mille` of a thousand simulations don't exceed.
    pub(super) fn quantile(&self, per_mille: u16) -> f64 {
        let rank = (u128::from(self.partial.simulations()) * u128::from(per_mille)).div_ceil(1000);
        self.balance(u64::try_from(rank).expect("at most the number of simulations"))
    }

    /// The balance that `percent` of a hundred simulations don't exceed.
    pub(super) fn percentile(&self, percent: u8) -> f64 {
        self.quantile(u16::from(percent) * 10)
    }

    /// An interval that holds the distribution's percentile: between the ranks `z` binomial standard deviations from its own.
    pub(super) fn interval(&self, percent: u8, z: f64) -> Interval {
        let n = self.partial.simulations() as f64;
        let p = f64::from(percent) / 100.0;
        let half = z * (n * p * (1.0 - p)).sqrt();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least 0, far below 2⁶⁴"
        )]
        let [low, high] = [(n * p - half).floor().max(0.0) as u64, (n * p + half).ceil() as u64 + 1];
        [self.balance(low), self.balance(high)]
    }
}
