//! Mean and median of another plan's final balances, from counts that merge exactly. They take few
//! bytes, because the report of a sweep has a thousand of them.
//!
//! The mean comes from an exact sum, like that of the job's own balances. Except in about 1 of
//! 16,000 plans, the median lies between two order statistics of the plan's first 512 simulations,
//! at four standard errors of the median's rank on either side. This range is counted in four bins,
//! and the median is interpolated linearly within its bin.

use crate::grid::fixed;

/// The number of first simulations that determine the bins.
pub(crate) const PILOT: usize = 512;
/// How far the bins reach on either side of the pilot's median, in standard errors of its rank.
const REACH: f64 = 4.0;
/// The number of bins around the median.
pub(crate) const BINS: usize = 4;
/// Fixed-point steps of a balance are 2⁻¹⁶ of the power of two at or above the spread.
const STEP_BITS: i32 = 16;

/// The positions of the bins and the unit of the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BalanceScale {
    /// Bits of the lower edge of the first bin, in dollars. Distances to it are summed.
    low: u32,
    /// Bits of a bin's width, in dollars.
    width: u32,
    /// The exponent of the power of two at or above the spread.
    exponent: i8,
}

impl BalanceScale {
    /// The scale for these pilot balances, at least one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the pilot's ranks")]
    pub(crate) fn of_pilot(pilot: &mut [f32]) -> Self {
        pilot.sort_unstable_by(f32::total_cmp);
        let last = (pilot.len() - 1) as f64;
        let at = |share: f64| pilot[(last * share.clamp(0.0, 1.0)).round() as usize] + 0.0;
        let reach = REACH * 0.5 / (pilot.len() as f64).sqrt();
        let (low, high) = (at(0.5 - reach), at(0.5 + reach));
        let size = low.abs().max(high.abs()).max(1.0);
        // Not below the resolution of single precision.
        let width = ((high - low) / BINS as f32).max(size / 4_194_304.0);
        let spread = f64::from((at(0.95) - at(0.05)).max(size / 1_048_576.0));
        let floor = ((spread.to_bits() >> 52) & 0x7ff) as i32 - 1023;
        let exponent = if spread > power_of_two(floor) { floor + 1 } else { floor };
        Self { low: low.to_bits(), width: width.to_bits(), exponent: exponent as i8 }
    }

    /// The scale with these bits; `None` if no plan can have it.
    pub(crate) fn from_bits((low, width, exponent): (u32, u32, i8)) -> Option<Self> {
        let is_possible = f32::from_bits(low).abs() <= 1e24
            && low != (-0.0_f32).to_bits()
            && (1e-7..=1e24).contains(&f32::from_bits(width))
            && (-30..=100).contains(&exponent);
        is_possible.then_some(Self { low, width, exponent })
    }

    pub(crate) fn to_bits(self) -> (u32, u32, i8) {
        (self.low, self.width, self.exponent)
    }

    fn steps_per_dollar(self) -> f64 {
        power_of_two(STEP_BITS - i32::from(self.exponent))
    }
}

/// 2 to the power of an exponent far within a double's range.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(u64::from((exponent + 1023).cast_unsigned()) << 52)
}

/// The counts and the sum of balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BalanceCounts {
    pub(crate) scale: BalanceScale,
    /// Sum of the distances to the first bin's lower edge, in fixed-point steps.
    pub(crate) sum: i128,
    /// Balances below the first bin.
    pub(crate) below: u64,
    pub(crate) bins: [u64; BINS],
}

impl BalanceCounts {
    /// Counts of no balances.
    pub(crate) fn new(scale: BalanceScale) -> Self {
        Self { scale, sum: 0, below: 0, bins: [0; BINS] }
    }

    /// Adds at most a block of balances.
    pub(crate) fn add(&mut self, balances: &[f32]) {
        let (low, steps) = (f32::from_bits(self.scale.low), self.scale.steps_per_dollar());
        let per_dollar = 1.0 / f32::from_bits(self.scale.width);
        // The number of balances at or above each edge. A block's sum of steps stays below 2⁵⁸.
        let (mut reached, mut sum) = ([0_u32; BINS + 1], 0_i64);
        for &x in balances {
            let y = (x - low) * per_dollar;
            for (edge, reached) in reached.iter_mut().enumerate() {
                *reached += u32::from(y >= edge as f32);
            }
            sum += fixed(x, low, steps);
        }
        self.sum += i128::from(sum);
        self.below += balances.len() as u64 - u64::from(reached[0]);
        for (bin, edges) in self.bins.iter_mut().zip(reached.windows(2)) {
            *bin += u64::from(edges[0] - edges[1]);
        }
    }

    /// Merges counts on the same scale.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.sum = self.sum.saturating_add(other.sum);
        self.below = self.below.saturating_add(other.below);
        for (bin, other) in self.bins.iter_mut().zip(other.bins) {
            *bin = bin.saturating_add(other);
        }
    }

    /// Whether this number of simulations can have these counts.
    pub(crate) fn is_possible(&self, simulations: u64) -> bool {
        let most = u128::from(simulations) * u128::from(crate::grid::FIXED_MAX.cast_unsigned());
        let counted = self.bins.iter().try_fold(self.below, |sum, &bin| sum.checked_add(bin));
        counted.is_some_and(|counted| counted <= simulations) && self.sum.unsigned_abs() <= most
    }

    /// Mean and median of this number of balances, in dollars; 0 without balances.
    pub(crate) fn summary(&self, simulations: u64) -> (f64, f64) {
        if simulations == 0 {
            return (0.0, 0.0);
        }
        let low = f64::from(f32::from_bits(self.scale.low));
        let width = f64::from(f32::from_bits(self.scale.width));
        let mean = low + self.sum as f64 / simulations as f64 / self.scale.steps_per_dollar();
        let rank = simulations.div_ceil(2);
        let (mut before, mut edge) = (self.below, low);
        for &count in &self.bins {
            if rank <= before {
                break;
            }
            if rank <= before + count {
                let share = ((rank - before) as f64 - 0.5) / count as f64;
                return (mean, edge + share * width);
            }
            before += count;
            edge += width;
        }
        (mean, edge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from a skewed distribution, not sorted.
    #[expect(clippy::cast_possible_truncation, reason = "far within single precision")]
    fn balances(n: u32) -> Vec<f32> {
        (0..n)
            .map(|i| f64::from(i.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX))
            .map(|share| (-40_000.0 * (1.0 - 0.999_999 * share).ln()) as f32 - 3_000.0)
            .collect()
    }

    #[test]
    fn mean_and_median_are_those_of_all_balances() {
        let all = balances(200_000);
        let scale = BalanceScale::of_pilot(&mut all[..PILOT].to_vec());
        let mut counts = BalanceCounts::new(scale);
        let mut parts = BalanceCounts::new(scale);
        for (i, block) in all.chunks(16_384).enumerate() {
            (if i % 2 == 0 { &mut counts } else { &mut parts }).add(block);
        }
        counts.merge(&parts);
        assert!(counts.is_possible(all.len() as u64) && !counts.is_possible(1_000));
        let (mean, median) = counts.summary(all.len() as u64);
        let exact = all.iter().copied().map(f64::from).sum::<f64>() / all.len() as f64;
        assert!((mean - exact).abs() < 0.5, "{mean}, not {exact}");
        let mut sorted = all;
        sorted.sort_unstable_by(f32::total_cmp);
        let exact = f64::from(sorted[sorted.len() / 2 - 1]);
        assert!((median - exact).abs() < 40.0, "{median}, not {exact}");
        assert_eq!(BalanceScale::from_bits(scale.to_bits()), Some(scale));
    }

    #[test]
    fn balances_that_are_all_the_same_have_that_mean_and_median() {
        for x in [0.0, -0.0, 123.45, -1e14, 1e-3] {
            let mut counts = BalanceCounts::new(BalanceScale::of_pilot(&mut [x]));
            counts.add(&[x; 1_000]);
            let (mean, median) = counts.summary(1_000);
            let tolerance = f64::from(x.abs().max(1.0)) * 3e-7;
            assert!((mean - f64::from(x)).abs() <= tolerance, "{x}: {mean}");
            assert!((median - f64::from(x)).abs() <= tolerance, "{x}: {median}");
        }
        assert_eq!(BalanceCounts::new(BalanceScale::of_pilot(&mut [5.0])).summary(0), (0.0, 0.0));
    }
}
