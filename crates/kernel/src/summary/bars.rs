//! The histogram that a person looks at.

use carlo_types::Merge;
use carlo_types::results::Histogram;

use super::ranks::Ranks;
use crate::partial::Partial;

/// How many bars are wanted across the middle of the distribution, before their width is made round. At most 100 come of it:
/// the width only grows, and one bar may be added at each end.
const BARS: f64 = 60.0;

/// Bars of a round width across the middle 99.8 %, what lies outside of it in the first and the last one: these begin at the smallest and
/// end at the largest balance. A bin of the grid counts where its middle lies.
pub(super) fn histogram(partial: &Partial, ranks: &Ranks<'_>) -> Histogram {
    let (worst, best) = (ranks.worst(), ranks.best());
    if partial.simulations() == 0 {
        return Histogram::default();
    }
    let (low, high) = (ranks.quantile(1), ranks.quantile(999));
    // A bar narrower than the numbers around it can't be told from its neighbours.
    let least_width = worst.abs().max(best.abs()).max(1.0) * 1e-6;
    let width = round_up(((high - low) / BARS).max(least_width));
    let start = (low / width).floor();
    let bars = (high / width).floor() - start + 1.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 62")]
    let bars = bars as usize;
    let mut edges: Vec<f64> = (0..=bars).map(|i| (start + i as f64) * width).collect();
    edges[0] = edges[0].min(worst);
    edges[bars] = edges[bars].max(best);

    let mut counts = vec![0; bars];
    for &(bin, count) in &partial.bins {
        let [low, high] = partial.grid.edges(bin.into());
        let middle = (low.midpoint(high)).clamp(worst, best);
        let bar = edges[1..bars].partition_point(|&edge| edge <= middle);
        counts[bar] += count;
    }
    Histogram { edges, counts }
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
