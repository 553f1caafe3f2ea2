//! Order statistics, read from the histogram of a partial result.

use carlo_types::Merge;
use carlo_types::results::Interval;

use crate::binomial::{PERCENT_95, central_counts};
use crate::partial::Partial;

/// The least distance of an order statistic from the edges of its bin, as a fraction of the bin. If
/// all simulations of a bin have one value, which may be anywhere in it, this limits the error to
/// three quarters of a bin.
const WITHIN: std::ops::RangeInclusive<f64> = 0.25..=0.75;

/// The balances of a partial result, in order.
pub(super) struct Ranks<'a> {
    partial: &'a Partial,
    /// The number of simulations below each bin of the partial result.
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

    /// The smallest balance; 0 if there are none.
    pub(super) fn worst(&self) -> f64 {
        if self.below.is_empty() { 0.0 } else { self.partial.least.into() }
    }

    /// The largest balance; 0 if there are none.
    pub(super) fn best(&self) -> f64 {
        if self.below.is_empty() { 0.0 } else { self.partial.most.into() }
    }

    /// The bin with a rank (from 1 for the smallest to n): its edges, and the position of the rank
    /// within the bin as a fraction. `None` without simulations.
    fn bin(&self, rank: u64) -> Option<(Interval, f64)> {
        let i = self.below.partition_point(|&below| below < rank).checked_sub(1)?;
        let (bin, count) = self.partial.bins[i];
        let fraction = ((rank - self.below[i]) as f64 - 0.5) / count as f64;
        Some((self.partial.grid.edges(bin.into()), fraction))
    }

    /// The balance with this rank; 0 if there are none.
    pub(super) fn balance(&self, rank: u64) -> f64 {
        let rank = rank.clamp(1, self.partial.simulations().max(1));
        let Some(([low, high], fraction)) = self.bin(rank) else { return 0.0 };
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

    /// A 95 % confidence interval for a percentile of the distribution. The number of simulations
    /// at or below the percentile is binomial. With a probability of at least 95 % it is between
    /// `low` and `high`. The percentile then lies between the order statistics with the ranks `low`
    /// and `high` plus 1. Each of these may be anywhere in its bin, so the interval extends to the
    /// edges of their bins. If n is too small for such an order statistic, the interval ends with
    /// the smallest or the largest balance.
    pub(super) fn interval(&self, percent: u8) -> Interval {
        let n = self.partial.simulations();
        let [low, high] = central_counts(n, f64::from(percent) / 100.0, PERCENT_95);
        let low = self.bin(low).map_or(self.worst(), |(edges, _)| edges[0]);
        let high =
            if high < n { self.bin(high + 1) } else { None }.map_or(self.best(), |(edges, _)| edges[1]);
        [low, high].map(|balance| balance.clamp(self.worst(), self.best()))
    }
}
