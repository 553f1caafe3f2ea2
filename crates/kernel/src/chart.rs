//! The fan chart: the distribution of the balance along the timeline, from a job's first 65,536
//! simulations.
//!
//! At up to 60 months (the stops), the balances less card debt are counted in bins around the
//! median of the job's first 512 simulations. The unit is the distance from that median to the 10th
//! or 90th percentile, whichever is nearer. There are 64 bins per unit up to one unit, and 16 bins
//! for each doubling beyond, so that both sides of a skewed distribution are resolved. The counts
//! merge exactly, like everything in a partial result.
#![expect(clippy::inline_always, reason = "vectorised with the caller's instructions")]

use crate::grid::LogLinear;
use crate::lanes::WIDTH_MAX;
use crate::paired::PairedCounts;
use crate::tile::REGISTERS;

/// The number of first simulations that are counted.
pub(crate) const SIMULATIONS: u64 = 65_536;
/// The number of first simulations that determine the bins.
pub(crate) const PILOT: usize = 512;
/// The bins of a month.
const BALANCES: LogLinear = LogLinear { linear: 64, octave: 16, octaves: 16 };
pub(crate) const BINS: usize = BALANCES.bins();
/// The most stops.
pub(crate) const STOPS_MAX: usize = 60;
/// The most balances that are observed together: those of a tile.
pub(crate) const OBSERVED: usize = REGISTERS * WIDTH_MAX;

/// The months after which the chart has a point: all months, or 60 evenly spaced ones including the
/// last.
pub(crate) fn stops(timeline: usize) -> Vec<u32> {
    let count = timeline.min(STOPS_MAX);
    (1..=count)
        .map(|i| u32::try_from((i * timeline).div_ceil(count)).expect("at most the timeline"))
        .collect()
}

/// The positions of a month's bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    /// Bits of the center, in dollars.
    center: u32,
    /// Bits of the unit, in dollars.
    unit: u32,
}

impl Scale {
    /// The scale for these pilot balances.
    pub(crate) fn of_pilot(pilot: &mut [f32]) -> Self {
        pilot.sort_unstable_by(f32::total_cmp);
        let at = |percent: usize| pilot[(pilot.len() - 1) * percent / 100];
        let center = at(50) + 0.0;
        // Not below a fraction of the spread, in case most balances are equal, and not below the
        // resolution of single precision.
        let floor = ((at(95) - at(5)) / 256.0).max(center.abs().max(1.0) / 65_536.0);
        let unit = (center - at(10)).min(at(90) - center).max(floor);
        Self { center: center.to_bits(), unit: unit.to_bits() }
    }

    /// The scale with these bits; `None` if no job can have it.
    pub(crate) fn from_bits(center: u32, unit: u32) -> Option<Self> {
        let (middle, size) = (f32::from_bits(center), f32::from_bits(unit));
        (middle.abs() <= 1e24 && (1e-7..=1e24).contains(&size)).then_some(Self { center, unit })
    }

    /// Bits of the center and of the unit.
    pub(crate) fn to_bits(self) -> (u32, u32) {
        (self.center, self.unit)
    }

    /// The lower and upper edge of a bin, dollars.
    pub(crate) fn edges(self, bin: usize) -> [f64; 2] {
        let [center, unit] = [self.center, self.unit].map(|bits| f64::from(f32::from_bits(bits)));
        BALANCES.edges(bin).map(|distance| center + distance * unit)
    }
}

/// What happens to the balances less card debt after an observed month.
pub(crate) enum Observation<'a> {
    /// The balances are ignored.
    None,
    /// The balances of the pilot are appended to each month's list.
    Collect(&'a mut [Vec<f32>]),
    /// The balances of all simulations are written to each month's list.
    Keep(&'a mut [Vec<f32>]),
    /// The balances are counted in each month's bins.
    Count(&'a [Scale], &'a mut [u64]),
    /// The simulations that have reached a goal after each month are counted, in pairs with the
    /// job's own.
    Reach {
        /// The job's own scores, and the lowest score that reaches its goal.
        own: (&'a [f32], f32),
        threshold: f32,
        counts: &'a mut [PairedCounts],
    },
}

impl Observation<'_> {
    /// Adds the balances after the `month`-th observed month, at most [`OBSERVED`], of the
    /// simulations from position `at` on.
    #[inline(always)]
    pub(crate) fn add(&mut self, month: usize, at: usize, balances: &[f32]) {
        match self {
            Self::None => {}
            Self::Collect(kept) => {
                let room = PILOT - kept[month].len().min(PILOT);
                kept[month].extend_from_slice(&balances[..balances.len().min(room)]);
            }
            Self::Keep(kept) => kept[month].extend_from_slice(balances),
            Self::Count(scales, counts) => {
                count(scales[month], &mut counts[month * BINS..(month + 1) * BINS], balances);
            }
            Self::Reach { own, threshold, counts } => {
                counts[month].add((&own.0[at..], own.1), (balances, *threshold));
            }
        }
    }
}

#[inline(always)]
fn count(scale: Scale, counts: &mut [u64], balances: &[f32]) {
    let (center, per_dollar) = (f32::from_bits(scale.center), 1.0 / f32::from_bits(scale.unit));
    let mut bins = [0_u32; OBSERVED];
    for (bin, &balance) in bins.iter_mut().zip(balances) {
        *bin = BALANCES.bin((balance - center) * per_dollar);
    }
    for &bin in &bins[..balances.len()] {
        counts[bin as usize] += 1;
    }
}
