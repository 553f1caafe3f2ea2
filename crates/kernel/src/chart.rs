//! The fan chart: how the balance spreads along the timeline, counted from a job's first
//! simulations.
//!
//! At each of at most 60 months the balances, less what is owed on cards, are counted in bins
//! around the median of the job's first 512 simulations. The unit is the distance from that median
//! to its 10th or 90th percentile, whichever is nearer: 64 bins to it, and 16 for each doubling
//! beyond, so that a skewed distribution is resolved on both sides. Counts merge exactly, like all
//! that a partial result holds, so it doesn't matter who simulates which block.
#![expect(clippy::inline_always, reason = "vectorised with the caller's instructions")]

use crate::grid::LogLinear;
use crate::lanes::WIDTH_MAX;
use crate::paired::PairedCounts;
use crate::pipeline::REGISTERS;

/// Simulations that are counted: the first.
pub(crate) const SIMULATIONS: u64 = 65_536;
/// Simulations that the bins follow from.
pub(crate) const PILOT: usize = 512;
/// The bins of a month.
const BALANCES: LogLinear = LogLinear { linear: 64, octave: 16, octaves: 16 };
/// How many these are.
pub(crate) const BINS: usize = BALANCES.bins();
/// The most months.
pub(crate) const STOPS_MAX: usize = 60;
/// The most balances that are observed at once: those of a tile.
pub(crate) const OBSERVED: usize = REGISTERS * WIDTH_MAX;

/// The months after which the chart has a point: all, or 60 that are evenly spaced; the last month
/// always.
pub(crate) fn stops(timeline: usize) -> Vec<u32> {
    let count = timeline.min(STOPS_MAX);
    (1..=count)
        .map(|i| u32::try_from((i * timeline).div_ceil(count)).expect("at most the timeline"))
        .collect()
}

/// Where the bins of a month lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    /// Bits of the center, dollars.
    center: u32,
    /// Bits of the unit, dollars.
    unit: u32,
}

impl Scale {
    /// Around these balances.
    pub(crate) fn of_pilot(pilot: &mut [f32]) -> Self {
        pilot.sort_unstable_by(f32::total_cmp);
        let at = |percent: usize| pilot[(pilot.len() - 1) * percent / 100];
        let center = at(50) + 0.0;
        // At least a part of the spread, where most balances are the same, and at least what single
        // precision resolves.
        let floor = ((at(95) - at(5)) / 256.0).max(center.abs().max(1.0) / 65_536.0);
        let unit = (center - at(10)).min(at(90) - center).max(floor);
        Self { center: center.to_bits(), unit: unit.to_bits() }
    }

    /// The scale with these bits, if a job can have it.
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

/// What is made of the balances after a month, less what is owed on cards.
pub(crate) enum Observation<'a> {
    /// Nothing.
    None,
    /// Those of the first simulations are kept, for every month.
    Collect(&'a mut [Vec<f32>]),
    /// Those of all simulations are kept, for every month.
    Keep(&'a mut [Vec<f32>]),
    /// They are counted, in each month's bins.
    Count(&'a [Scale], &'a mut [u64]),
    /// Those that reach a goal after each month are counted, in pairs with the job's own.
    Reach {
        /// The job's own scores, and the least that reaches its goal.
        own: (&'a [f32], f32),
        threshold: f32,
        counts: &'a mut [PairedCounts],
    },
}

impl Observation<'_> {
    /// Adds the balances after the `month`-th of the observed months: at most [`OBSERVED`] of
    /// them, of the simulations from the `at`-th on.
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
