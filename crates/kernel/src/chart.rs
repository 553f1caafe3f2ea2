//! The fan chart: how the balance spreads along the timeline, counted from a job's first simulations.
//!
//! At each of at most 60 stops the balances are counted in 40 linear bins around the median of the job's first 512 simulations,
//! 16 to their spread (p95 − p5) at that stop; what lies farther out counts in the last bin of its side. The percentiles of
//! the chart lie well within. Counts merge exactly, like all that a partial result holds, so it doesn't matter who simulates which block.
#![expect(clippy::inline_always, reason = "vectorised with the caller's instructions")]

use crate::lanes::WIDTH_MAX;
use crate::pipeline::REGISTERS;

/// Simulations that are counted: the first.
pub(crate) const SIMULATIONS: u64 = 65_536;
/// Simulations that a stop's bins follow from.
pub(crate) const PILOT: usize = 512;
/// Bins of a stop.
pub(crate) const BINS: usize = 40;
/// The most stops.
pub(crate) const STOPS_MAX: usize = 60;
/// The most balances that are observed at once: those of a tile.
pub(crate) const OBSERVED: usize = REGISTERS * WIDTH_MAX;
/// Bins in a spread.
const BINS_PER_SPREAD: f32 = 16.0;

/// The months after which the chart has a point: all, or 60 that are evenly spaced; the last month always.
pub(crate) fn stops(months: usize) -> Vec<u32> {
    let stops = months.min(STOPS_MAX);
    (1..=stops).map(|i| u32::try_from((i * months).div_ceil(stops)).expect("at most the timeline")).collect()
}

/// The bins of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    /// Bits of the middle of the first bin, dollars.
    low: u32,
    /// Bits of a bin's width, dollars.
    width: u32,
}

impl Scale {
    /// Around these balances.
    pub(crate) fn of_pilot(pilot: &mut [f32]) -> Self {
        pilot.sort_unstable_by(f32::total_cmp);
        let at = |percent: usize| pilot[(pilot.len() - 1) * percent / 100];
        let floor = at(50).abs().max(1.0) / 65_536.0;
        let width = ((at(95) - at(5)) / BINS_PER_SPREAD).max(floor);
        Self { low: (at(50) - width * (BINS / 2) as f32).to_bits(), width: width.to_bits() }
    }

    /// The scale with these bits, if a job can have it.
    pub(crate) fn from_bits(low: u32, width: u32) -> Option<Self> {
        let (edge, size) = (f32::from_bits(low), f32::from_bits(width));
        (edge.abs() <= 1e24 && (1e-7..=1e24).contains(&size)).then_some(Self { low, width })
    }

    /// Bits of the first bin's middle and of the width.
    pub(crate) fn to_bits(self) -> (u32, u32) {
        (self.low, self.width)
    }

    /// The balance at a number of bins above the first one's middle, dollars.
    pub(crate) fn balance(self, bins: f64) -> f64 {
        f64::from(f32::from_bits(self.low)) + f64::from(f32::from_bits(self.width)) * bins
    }
}

/// What is made of the balances at a stop.
pub(crate) enum Observation<'a> {
    /// Nothing.
    None,
    /// Those of the first simulations are kept, for every stop.
    Collect(&'a mut [Vec<f32>]),
    /// They are counted, in each stop's bins.
    Count(&'a [Scale], &'a mut [u64]),
}

impl Observation<'_> {
    /// Adds the balances at a stop: at most [`OBSERVED`] of them.
    #[inline(always)]
    pub(crate) fn add(&mut self, stop: usize, balances: &[f32]) {
        match self {
            Self::None => {}
            Self::Collect(kept) => {
                let room = PILOT - kept[stop].len().min(PILOT);
                kept[stop].extend_from_slice(&balances[..balances.len().min(room)]);
            }
            Self::Count(scales, counts) => {
                count(scales[stop], &mut counts[stop * BINS..(stop + 1) * BINS], balances);
            }
        }
    }
}

#[inline(always)]
fn count(scale: Scale, counts: &mut [u64], balances: &[f32]) {
    const LAST: f32 = (BINS - 1) as f32;
    let (low, per_dollar) = (f32::from_bits(scale.low), 1.0 / f32::from_bits(scale.width));
    let mut bins = [0_u32; OBSERVED];
    for (bin, &balance) in bins.iter_mut().zip(balances) {
        let x = (balance - low) * per_dollar;
        let x = if x > 0.0 { x } else { 0.0 };
        let x = if x < LAST { x } else { LAST };
        // Adding 2²³ rounds to a whole number and leaves it in the lowest bits, with operations that every level has: so a bin's
        // balances lie within half a width of its number.
        *bin = (x + 8_388_608.0).to_bits() & 0x3f;
    }
    for &bin in &bins[..balances.len()] {
        counts[bin as usize] += 1;
    }
}
