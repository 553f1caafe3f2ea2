//! The fan chart, read from a partial result's counts.

use carlo_types::JobSpec;
use carlo_types::results::{FAN_PERCENTILES, FanPoint};

use crate::chart;
use crate::partial::Partial;

/// The points of the chart; none where the partial result holds none of the simulations that it is made of.
pub(super) fn trajectory(spec: &JobSpec, partial: &Partial) -> Vec<FanPoint> {
    let mut counts = vec![[0_u64; chart::BINS]; partial.scales.len()];
    for &(bin, count) in &partial.chart {
        counts[usize::from(bin) / chart::BINS][usize::from(bin) % chart::BINS] += count;
    }
    let stops = chart::stops(spec.goal.timeline_months as usize);
    let mut points = Vec::with_capacity(stops.len());
    for ((month, scale), counts) in stops.into_iter().zip(&partial.scales).zip(&counts) {
        let total: u64 = counts.iter().sum();
        let percentiles =
            FAN_PERCENTILES.map(|percent| scale.balance(at_rank(counts, total * u64::from(percent) / 100)));
        points.push(FanPoint { month, percentiles });
    }
    points
}

/// Where a rank (from 0) lies, in bins above the middle of the first.
fn at_rank(counts: &[u64; chart::BINS], rank: u64) -> f64 {
    let mut below = 0;
    for (bin, &count) in counts.iter().enumerate() {
        if rank < below + count {
            return bin as f64 - 0.5 + ((rank - below) as f64 + 0.5) / count as f64;
        }
        below += count;
    }
    counts.len() as f64
}
