//! The displayed histogram.
//!
//! One edge is at the goal, so that the bars below it have exactly the failed simulations. All bars
//! but the outermost have the same round width, which is fine enough for the middle half of the
//! distribution. The first and the last bar, or the bars beside an edge at a far-out goal, contain
//! the rest; they never reach into the middle 80 %.

use carlo_types::request::Success;
use carlo_types::results::Histogram;
use carlo_types::{JobSpec, Merge};

use super::ranks::Ranks;
use crate::partial::Partial;

/// The number of bars across the middle 99.8 %, if their width is fine enough for the middle half.
const BARS: f64 = 60.0;
/// The least number of bars across the middle half.
const BARS_OF_THE_MIDDLE: f64 = 10.0;
/// The most bars between the outermost edges.
const BARS_MAX: f64 = 96.0;

/// The bars of the final balances, at most 100. The first begins at or below the smallest balance,
/// and the last ends at or above the largest.
pub(super) fn histogram(spec: &JobSpec, partial: &Partial, ranks: &Ranks<'_>) -> Histogram {
    let (successes, goal) = (partial.successes(), spec.goal.target_amount);
    let Some(failures) = partial.simulations().checked_sub(successes) else {
        return Histogram::default();
    };
    if failures + successes == 0 {
        return Histogram::default();
    }
    // If the final balance alone decides, the bars on either side of the goal have exactly the
    // failures and the successes.
    let decides = spec.goal.success == Success::FinalBalance;
    // A balance that is below the goal but within the tolerance counts as being at the goal.
    let least = if decides && failures == 0 { goal } else { f64::NEG_INFINITY };
    let is_mixed =
        if decides { failures > 0 && successes > 0 } else { ranks.worst() < goal && goal <= ranks.best() };
    let edges = edges(is_mixed.then_some(goal), |per_mille| match per_mille {
        0 => ranks.worst().max(least),
        1000 => ranks.best().max(least),
        _ => ranks.quantile(per_mille).max(least),
    });
    let mut counts = vec![0; edges.len() - 1];
    let inner = &edges[1..edges.len() - 1];
    for &(bin, count) in &partial.bins {
        let [low, high] = partial.grid.edges(bin.into());
        let middle = low.midpoint(high).clamp(ranks.worst(), ranks.best());
        counts[inner.partition_point(|&edge| edge <= middle)] += count;
    }
    if is_mixed && decides {
        let (below, above) = counts.split_at_mut(edges.partition_point(|&edge| edge < goal));
        settle(below, above, failures);
    }
    Histogram { edges, counts }
}

/// The ascending edges of the bars of a distribution with these quantiles. One edge is at the goal
/// if some simulations reach it and others don't.
fn edges(goal: Option<f64>, quantile: impl Fn(u16) -> f64) -> Vec<f64> {
    let [worst, low, p10, p25, p75, p90, high, best] = [0, 1, 100, 250, 750, 900, 999, 1000].map(quantile);
    // Narrower bars could not be distinguished by their rounded edges.
    let least_width = worst.abs().max(best.abs()).max(1.0) * 1e-6;
    let middle = if p75 > p25 { (p75 - p25) / BARS_OF_THE_MIDDLE } else { f64::INFINITY };
    let fine = ((high - low) / BARS).min(middle);
    let width = round_up(fine.max((p90 - p10) / BARS_MAX).max(least_width));
    let origin = goal.unwrap_or(0.0);
    // Tails that don't fit are cut to the same number of bars, unless one is shorter than that.
    let [below, above] = [p10 - low, high - p90].map(|tail| (tail / width).ceil());
    let room = (BARS_MAX - ((p90 - p10) / width).ceil()).max(0.0);
    let half = (room / 2.0).floor();
    let [below, above] = [below.min(half.max(room - above)), above.min(half.max(room - below))];
    let first = ((p10 - below * width - origin) / width).floor();
    let last = ((p90 + above * width - origin) / width).floor() + 1.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 98")]
    let bars = (last - first) as usize;
    let mut edges: Vec<f64> = (0..=bars).map(|i| origin + (first + i as f64) * width).collect();
    match goal {
        Some(goal) if goal <= edges[0] => {
            let outside = if goal < edges[0] { vec![worst, goal] } else { vec![worst] };
            edges.splice(0..0, outside);
        }
        _ => edges[0] = edges[0].min(worst),
    }
    let end = edges.len() - 1;
    match goal {
        Some(goal) if goal >= edges[end] => {
            if goal > edges[end] {
                edges.push(goal);
            }
            edges.push(best.max(goal + width));
        }
        _ => edges[end] = edges[end].max(best),
    }
    edges
}

/// Corrects the counts for the bin of the grid that contains the goal, so that the bars below the
/// goal have exactly the failures.
fn settle(below: &mut [u64], above: &mut [u64], failures: u64) {
    let sum: u64 = below.iter().sum();
    if sum < failures {
        let moved = take(above.iter_mut(), failures - sum);
        below.iter_mut().next_back().into_iter().for_each(|nearest| *nearest += moved);
    } else {
        let moved = take(below.iter_mut().rev(), sum - failures);
        above.iter_mut().next().into_iter().for_each(|nearest| *nearest += moved);
    }
}

/// Removes up to `wanted` from these counts, in order. Returns how many were removed.
fn take<'a>(counts: impl Iterator<Item = &'a mut u64>, wanted: u64) -> u64 {
    let mut left = wanted;
    for count in counts {
        let taken = left.min(*count);
        *count -= taken;
        left -= taken;
    }
    wanted - left
}

/// The smallest of 1, 2, 2.5 and 5 times a power of ten that is at least `width`.
fn round_up(width: f64) -> f64 {
    let power = 10_f64.powf(width.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|step| step * power)
        .into_iter()
        .find(|&round| round >= width)
        .unwrap_or(10.0 * power)
}
