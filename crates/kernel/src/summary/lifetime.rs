//! The figures of a plan, from its counts: when it was short, the effect of a spending rule on
//! spending, and how long people lived.

use carlo_types::JobSpec;
use carlo_types::merge::standard_error;
use carlo_types::results::{
    CurvePoint, FirstShort, Horizon, HorizonIntervals, MultiplierIntervals, Multipliers, Path,
    ShortMonthIntervals, ShortMonths, Spending,
};

use crate::chart;
use crate::lifetime::tally::{MEAN_STEPS, MULTIPLIER_STEPS, Sums};
use crate::partial::Partial;
use carlo_types::merge::{Z_95, wilson_interval_95};

/// The percentiles of first short months, in percent.
const SHORT_PERCENTILES: [u8; 5] = [5, 25, 50, 75, 95];
/// The percentiles of the least multiple of planned spending, in percent.
const MULTIPLIER_PERCENTILES: [u8; 3] = [5, 25, 50];
/// The percentiles of months lived, in percent.
const HORIZON_PERCENTILES: [u8; 3] = [5, 50, 95];

/// When balances were below the floor.
pub(super) fn path(spec: &JobSpec, partial: &Partial) -> Option<Path> {
    let counts = partial.plan.path.as_ref()?;
    let n = partial.simulations;
    let ranks = Ranks::new(&counts.first_short);
    let short = ranks.total;
    let (steps_mean, steps_error) = mean(&counts.deepest, short);
    let dollars = 1.0 / partial.grid.fixed_per_dollar();
    let [p5, p25, p50, p75, p95] = SHORT_PERCENTILES.map(|percent| ranks.percentile(percent));
    let months = ShortMonths { p5, p25, p50, p75, p95 };
    let [p5, p25, p50, p75, p95] = SHORT_PERCENTILES.map(|percent| ranks.interval(percent));
    let intervals = ShortMonthIntervals { p5, p25, p50, p75, p95 };
    Some(Path {
        short_probability: share(short, n),
        standard_error: standard_error(short, n),
        confidence_interval_95: wilson_interval_95(short, n),
        first_short_month: (short > 0).then_some(months),
        first_short_month_intervals_95: (short > 0).then_some(intervals),
        curve: curve(spec, &counts.first_short, n),
        mean_deepest_shortfall: steps_mean * dollars,
        mean_deepest_shortfall_standard_error: steps_error * dollars,
        largest_shortfall: f32::from_bits(counts.largest).into(),
    })
}

/// A simulation that was short near the median first short month.
pub(super) fn first_short(partial: &Partial) -> Option<FirstShort> {
    let notable = partial.plan.path.as_ref()?.notable?;
    Some(FirstShort { index: notable.index, month: notable.month.into() })
}

fn curve(spec: &JobSpec, first_short: &[(u16, u64)], n: u64) -> Vec<CurvePoint> {
    let mut counts = first_short.iter().peekable();
    let mut by_now = 0;
    let mut points = Vec::new();
    for month in chart::stops(spec.goal.timeline_months as usize) {
        while let Some((_, count)) = counts.next_if(|(first, _)| u32::from(*first) <= month) {
            by_now += count;
        }
        let (probability, standard_error) = (share(by_now, n), standard_error(by_now, n));
        points.push(CurvePoint { month, probability, standard_error });
    }
    points
}

/// The effect of a spending rule.
pub(super) fn spending(partial: &Partial) -> Option<Spending> {
    let counts = partial.plan.spending.as_ref()?;
    let n = partial.simulations;
    let ranks = Ranks::new(&counts.lowest);
    let multiple = |steps: u32| f64::from(steps) / MULTIPLIER_STEPS;
    let (steps_mean, steps_error) = mean(&counts.mean, n);
    let [p5, p25, p50] = MULTIPLIER_PERCENTILES.map(|percent| multiple(ranks.percentile(percent)));
    let lowest_multiplier = Multipliers { p5, p25, p50 };
    let [p5, p25, p50] = MULTIPLIER_PERCENTILES.map(|percent| ranks.interval(percent).map(multiple));
    Some(Spending {
        cut_probability: share(counts.cut, n),
        standard_error: standard_error(counts.cut, n),
        confidence_interval_95: wilson_interval_95(counts.cut, n),
        lowest_multiplier,
        lowest_multiplier_intervals_95: MultiplierIntervals { p5, p25, p50 },
        mean_multiplier: steps_mean / MEAN_STEPS,
        mean_multiplier_standard_error: steps_error / MEAN_STEPS,
    })
}

/// The number of months lived.
pub(super) fn horizon(partial: &Partial) -> Option<Horizon> {
    let counts = partial.plan.horizon.as_ref()?;
    let ranks = Ranks::new(counts);
    let mut sums = Sums::default();
    for &(months, count) in counts {
        sums.sum += u128::from(months) * u128::from(count);
        sums.squares += u128::from(months) * u128::from(months) * u128::from(count);
    }
    let (mean, mean_standard_error) = mean(&sums, ranks.total);
    let [p5, p50, p95] = HORIZON_PERCENTILES.map(|percent| ranks.interval(percent));
    let intervals_95 = HorizonIntervals { p5, p50, p95 };
    let [p5, p50, p95] = HORIZON_PERCENTILES.map(|percent| ranks.percentile(percent));
    Some(Horizon { p5, p50, p95, intervals_95, mean, mean_standard_error })
}

fn share(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}

/// The mean of `count` whole numbers, and its standard error; both 0 if there are none.
fn mean(sums: &Sums, count: u64) -> (f64, f64) {
    let n = count.max(1) as f64;
    let mean = sums.sum as f64 / n;
    let variance = (sums.squares as f64 / n - mean * mean).max(0.0);
    (mean, (variance / n).sqrt())
}

/// Order statistics of whole numbers that are counted one by one: exact.
struct Ranks<'a> {
    bins: &'a [(u16, u64)],
    total: u64,
}

impl<'a> Ranks<'a> {
    fn new(bins: &'a [(u16, u64)]) -> Self {
        Self { bins, total: bins.iter().map(|(_, count)| count).sum() }
    }

    /// The `rank`-th smallest number, from 1.
    fn at(&self, rank: u64) -> u32 {
        let mut below = 0;
        for &(number, count) in self.bins {
            below += count;
            if rank <= below {
                return number.into();
            }
        }
        self.bins.last().map_or(0, |&(number, _)| number.into())
    }

    fn percentile(&self, percent: u8) -> u32 {
        self.at(self.total.saturating_mul(percent.into()).div_ceil(100).max(1))
    }

    /// The 95 % order-statistic interval of a percentile.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranks")]
    fn interval(&self, percent: u8) -> [u32; 2] {
        let (n, p) = (self.total as f64, f64::from(percent) / 100.0);
        let reach = Z_95 * (n * p * (1.0 - p)).sqrt();
        let low = (n * p - reach).floor().max(1.0) as u64;
        let high = ((n * p + reach).ceil() as u64 + 1).min(self.total.max(1));
        [self.at(low), self.at(high)]
    }
}
