//! The fan chart, read from a partial result's counts.

use carlo_types::JobSpec;
use carlo_types::results::{FAN_PERCENTILES, FanPoint};

use super::ranks::Ranks;
use crate::chart::{self, Scale};
use crate::partial::Partial;

/// The points of the chart; empty if the partial result has none of the chart's simulations. The
/// last point covers all final balances, so it has the percentiles that are reported beside it.
pub(super) fn trajectory(spec: &JobSpec, partial: &Partial, ranks: &Ranks<'_>) -> Vec<FanPoint> {
    let mut counts = vec![[0_u64; chart::BINS]; partial.scales.len()];
    for &(bin, count) in &partial.chart {
        counts[usize::from(bin) / chart::BINS][usize::from(bin) % chart::BINS] += count;
    }
    let months = chart::stops(spec.goal.timeline_months as usize);
    let mut points = Vec::with_capacity(months.len());
    for ((month, &scale), counts) in months.into_iter().zip(&partial.scales).zip(&counts) {
        let percentiles = FAN_PERCENTILES.map(|percent| {
            if month == spec.goal.timeline_months {
                ranks.percentile(percent)
            } else {
                cents(percentile(scale, counts, percent))
            }
        });
        points.push(FanPoint { month, percentiles });
    }
    points
}

/// Rounded to cents: the chart's bins are far coarser, and what is rounded takes less space where
/// results are kept.
fn cents(balance: f64) -> f64 {
    // Adding zero makes a negative zero positive.
    (balance * 100.0).round() / 100.0 + 0.0
}

/// The balance that `percent` of a hundred counted simulations don't exceed, by interpolation in
/// its bin.
fn percentile(scale: Scale, counts: &[u64; chart::BINS], percent: u8) -> f64 {
    let total: u64 = counts.iter().sum();
    let rank = (total * u64::from(percent)).div_ceil(100).max(1);
    let mut below = 0;
    for (bin, &count) in counts.iter().enumerate() {
        if rank <= below + count {
            let [low, high] = scale.edges(bin);
            return low + (high - low) * ((rank - below) as f64 - 0.5) / count as f64;
        }
        below += count;
    }
    scale.edges(chart::BINS - 1)[1]
}
