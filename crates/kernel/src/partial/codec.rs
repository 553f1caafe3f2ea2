//! The encoding of partial results. It is canonical, because digests are computed from the bytes:
//! equal partial results have equal bytes, and any other bytes are refused. A partial result that
//! met a limit of the model has one more byte, which digests leave out.
//!
//! The format is Postcard, with histograms as runs: the number of empty bins before a run, and then
//! its counts, each as the difference to the previous one. Neighbouring counts differ little, so
//! most of a lease's thousands of bins take a byte or two.

use carlo_types::limits::{PARTIAL_BYTES_MAX, SIMULATIONS_MAX, TIMELINE_MONTHS_MAX};
use carlo_types::results::{PLAN_SCENARIOS, SCENARIOS};
use serde::{Deserialize, Serialize};

use super::Partial;
use crate::balances::{self, BalanceCounts, BalanceScale};
use crate::chart::{self, Scale};
use crate::grid::{BINS, FIXED_MAX, Grid};
use crate::lifetime::tally::{BINS_MAX, Counts, FirstShort, PathCounts, SpendingCounts, Sums};
use crate::notable::{AIMS, Notable, Seen};
use crate::paired::PairedCounts;
use crate::sensitivity::ScenarioCounts;
use crate::variants::{VARIANTS_MAX, VariantCounts};

/// The last byte of a partial result that met a limit of the model.
const LIMITED: u8 = 1;
/// The number of empty bins that end a run. Fewer are written as counts of 0.
const GAP: usize = 4;

/// The bytes are not a valid partial result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a partial result: {0}")]
pub struct DecodeError(&'static str);

const NOT_CANONICAL: DecodeError = DecodeError("not in the canonical form");

/// The part before the histogram.
#[derive(Serialize, Deserialize)]
struct Head {
    center: u32,
    scale: u32,
    simulations: u64,
    successes: u64,
    least: u32,
    most: u32,
    sum: i128,
    squares: u128,
}

/// The part between the histogram and that of the fan chart.
#[derive(Serialize, Deserialize)]
struct Extras {
    sensitivity: ScenarioBytes,
    scales: Vec<(u32, u32)>,
    aims: [u32; AIMS],
    /// Bits of balances, and indices.
    notable: Option<[(u32, u64); 2 + AIMS]>,
    variants: Vec<(Option<u64>, PairedCounts)>,
}

/// The counts of the scenarios: first all that were gained, then all that were lost.
#[derive(Serialize, Deserialize)]
struct ScenarioBytes {
    simulations: u64,
    successes: u64,
    gained: [u64; SCENARIOS.len()],
    lost: [u64; SCENARIOS.len()],
}

impl From<&ScenarioCounts> for ScenarioBytes {
    fn from(counts: &ScenarioCounts) -> Self {
        let ScenarioCounts { simulations, successes, pairs } = *counts;
        let (gained, lost) = (pairs.map(|pairs| pairs.gained), pairs.map(|pairs| pairs.lost));
        Self { simulations, successes, gained, lost }
    }
}

impl From<ScenarioBytes> for ScenarioCounts {
    fn from(bytes: ScenarioBytes) -> Self {
        let ScenarioBytes { simulations, successes, gained, lost } = bytes;
        let pairs = std::array::from_fn(|i| PairedCounts { gained: gained[i], lost: lost[i] });
        Self { simulations, successes, pairs }
    }
}

#[derive(Serialize)]
struct Run {
    /// Empty bins since the last run.
    gap: u32,
    /// The differences of the counts to the previous one; for the first count, to 0.
    steps: Vec<i64>,
}

impl Partial {
    /// The bytes of the partial result.
    ///
    /// # Panics
    ///
    /// Never: writing numbers to memory can't fail.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.encode_counts();
        if self.is_limited {
            bytes.push(LIMITED);
        }
        bytes
    }

    /// The bytes from which digests are computed.
    pub(crate) fn encode_counts(&self) -> Vec<u8> {
        let (center, scale) = self.grid.to_bits();
        let head = Head {
            center,
            scale,
            simulations: self.simulations,
            successes: self.successes,
            least: self.least.to_bits(),
            most: self.most.to_bits(),
            sum: self.sum,
            squares: self.squares,
        };
        let scales = self.scales.iter().map(|scale| scale.to_bits()).collect();
        let variants = self.variants.iter().map(|counts| counts.to_bits()).collect();
        let Notable { aims, seen } = self.notable;
        let notable = seen.map(|seen| seen.map(|seen| (seen.balance, seen.index)));
        let sensitivity = (&self.sensitivity).into();
        let extras = Extras { sensitivity, scales, aims, notable, variants };
        let mut bytes = postcard::to_stdvec(&(head, runs(&self.bins), extras, runs(&self.chart)))
            .expect("writing numbers to memory can't fail");
        for balances in self.variants.iter().filter_map(|counts| counts.balances.as_ref()) {
            let BalanceCounts { scale, sum, below, bins } = *balances;
            let balances: BalanceBytes = (scale.to_bits(), sum, below, bins);
            bytes.extend(postcard::to_stdvec(&balances).expect("writing numbers to memory can't fail"));
        }
        if !self.plan.is_empty() {
            bytes.extend(encode_plan(&self.plan));
        }
        bytes
    }

    /// Reads [`Partial::encode`]'s bytes, which may come from anyone.
    ///
    /// # Errors
    ///
    /// If there are too many bytes, or they are not in the canonical form, or the content is
    /// inconsistent.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > PARTIAL_BYTES_MAX {
            return Err(DecodeError("too many bytes"));
        }
        let mut bytes = bytes;
        let head: Head = take(&mut bytes)?;
        let bins = take_bins(&mut bytes, BINS)?;
        let extras: Extras = take(&mut bytes)?;
        let scales = extras.scales.iter().map(|&(low, width)| Scale::from_bits(low, width));
        let scales = scales.collect::<Option<Vec<_>>>().ok_or(DecodeError("impossible scale"))?;
        if extras.variants.len() > VARIANTS_MAX {
            return Err(DecodeError("too many variants"));
        }
        let mut partial = Self {
            grid: Grid::from_bits(head.center, head.scale).ok_or(DecodeError("impossible grid"))?,
            simulations: head.simulations,
            successes: head.successes,
            least: f32::from_bits(head.least),
            most: f32::from_bits(head.most),
            sum: head.sum,
            squares: head.squares,
            bins,
            sensitivity: extras.sensitivity.into(),
            chart: take_bins(&mut bytes, scales.len() * chart::BINS)?,
            scales,
            variants: take_variants(extras.variants, &mut bytes)?,
            notable: Notable {
                aims: extras.aims,
                seen: extras.notable.map(|seen| seen.map(|(balance, index)| Seen { balance, index })),
            },
            plan: if matches!(bytes, [] | [LIMITED]) { Counts::default() } else { take_counts(&mut bytes)? },
            is_limited: false,
        };
        if bytes == [LIMITED] {
            (partial.is_limited, bytes) = (true, &[]);
        }
        if !bytes.is_empty() {
            return Err(DecodeError("further bytes after a partial result"));
        }
        partial.check()?;
        Ok(partial)
    }

    /// Whether all stops of the chart have the same number of simulations, within the limit.
    fn chart_is_possible(&self) -> bool {
        let mut stops = vec![0_u64; self.scales.len()];
        for &(bin, count) in &self.chart {
            let stop = &mut stops[usize::from(bin) / chart::BINS];
            *stop = stop.saturating_add(count);
        }
        stops.iter().all(|&count| count == stops[0] && count <= chart::SIMULATIONS.min(self.simulations))
    }

    /// Whether the notable simulations can be among the counted ones.
    fn notable_is_possible(&self) -> bool {
        let aims = self.notable.aims.iter().all(|&aim| f32::from_bits(aim).is_finite());
        aims && match &self.notable.seen {
            None => self.simulations == 0,
            Some(seen) => {
                let possible = |seen: &Seen| {
                    (self.least..=self.most).contains(&seen.balance())
                        && seen.balance != (-0.0_f32).to_bits()
                        && seen.index < SIMULATIONS_MAX
                };
                let extremes = [seen[0].balance(), seen[1].balance()] == [self.least, self.most];
                self.simulations > 0 && extremes && seen.iter().all(possible)
            }
        }
    }

    /// Checks that the content is consistent.
    fn check(&self) -> Result<(), DecodeError> {
        let n = self.simulations;
        let counted = self.bins.iter().try_fold(0_u64, |sum, &(_, count)| sum.checked_add(count));
        let sum_max = u128::from(n) * u128::from(FIXED_MAX.cast_unsigned());
        let extremes = if n == 0 {
            self.least == f32::INFINITY && self.most == f32::NEG_INFINITY
        } else {
            let possible = |x: f32| x.is_finite() && x.to_bits() != (-0.0_f32).to_bits();
            possible(self.least) && possible(self.most) && self.least <= self.most
        };
        let variants = self.variants.iter().all(|counts| counts.is_possible(n, self.successes));
        let rules = [
            (n <= SIMULATIONS_MAX, "too many simulations"),
            (self.successes <= n, "more successes than simulations"),
            (counted == Some(n), "counts that don't add up to the simulations"),
            (extremes, "impossible extremes"),
            (self.sensitivity.is_possible() && self.sensitivity.simulations <= n, "impossible scenarios"),
            (self.scales.is_empty() == self.chart.is_empty(), "a chart without its scale"),
            (self.scales.len() <= chart::STOPS_MAX, "too many stops"),
            (self.chart_is_possible(), "impossible chart"),
            (self.notable_is_possible(), "impossible simulations"),
            (self.plan.is_possible(n), "impossible counts of a plan"),
            (self.plan.scenarios.len() <= PLAN_SCENARIOS.len(), "too many scenarios"),
            (variants, "impossible variants"),
            (n > SIMULATIONS_MAX || self.sum.unsigned_abs() <= sum_max, "impossible sum"),
            (
                n > SIMULATIONS_MAX || self.squares <= sum_max * u128::from(FIXED_MAX.cast_unsigned()),
                "impossible sum of squares",
            ),
        ];
        rules.into_iter().try_for_each(|(holds, fault)| if holds { Ok(()) } else { Err(DecodeError(fault)) })
    }
}

/// The counts of a variant's balances: scale, sum, those below the bins, bins.
type BalanceBytes = ((u32, u32, i8), i128, u64, [u64; balances::BINS]);

/// The variants. Those without a value are followed by the counts of their balances.
fn take_variants(
    variants: Vec<(Option<u64>, PairedCounts)>,
    bytes: &mut &[u8],
) -> Result<Vec<VariantCounts>, DecodeError> {
    let variant = |(value, pairs): (Option<u64>, _)| {
        let balances = if value.is_none() { Some(take_balances(bytes)?) } else { None };
        VariantCounts::from_bits((value, pairs), balances).ok_or(DecodeError("impossible value"))
    };
    variants.into_iter().map(variant).collect()
}

fn take_balances(bytes: &mut &[u8]) -> Result<BalanceCounts, DecodeError> {
    let (scale, sum, below, bins): BalanceBytes = take(bytes)?;
    let scale = BalanceScale::from_bits(scale).ok_or(DecodeError("impossible scale"))?;
    Ok(BalanceCounts { scale, sum, below, bins })
}

/// The counts of a plan without its histograms.
#[derive(Serialize, Deserialize)]
struct PlanHead {
    path: Option<(Sums, u32, u16, Option<FirstShort>)>,
    spending: Option<(u64, Sums)>,
    horizon: bool,
    scenarios: Vec<PairedCounts>,
}

fn encode_plan(counts: &Counts) -> Vec<u8> {
    let path = counts.path.as_ref();
    let spending = counts.spending.as_ref();
    let head = PlanHead {
        path: path.map(|path| (path.deepest, path.largest, path.aim, path.notable)),
        spending: spending.map(|spending| (spending.cut, spending.mean)),
        horizon: counts.horizon.is_some(),
        scenarios: counts.scenarios.clone(),
    };
    let mut bytes = postcard::to_stdvec(&head).expect("writing numbers to memory can't fail");
    let histograms = [
        path.map(|path| &path.first_short),
        spending.map(|spending| &spending.lowest),
        counts.horizon.as_ref(),
    ];
    for bins in histograms.into_iter().flatten() {
        bytes.extend(postcard::to_stdvec(&runs(bins)).expect("writing numbers to memory can't fail"));
    }
    bytes
}

fn take_counts(bytes: &mut &[u8]) -> Result<Counts, DecodeError> {
    let PlanHead { path, spending, horizon, scenarios } = take(bytes)?;
    let months = TIMELINE_MONTHS_MAX as usize + 1;
    let mut counts = Counts { scenarios, ..Counts::default() };
    if let Some((deepest, largest, aim, notable)) = path {
        let first_short = take_bins(bytes, months)?;
        counts.path = Some(PathCounts { first_short, deepest, largest, aim, notable });
    }
    if let Some((cut, mean)) = spending {
        let lowest = take_bins(bytes, BINS_MAX)?;
        counts.spending = Some(SpendingCounts { cut, lowest, mean });
    }
    if horizon {
        counts.horizon = Some(take_bins(bytes, months)?);
    }
    if counts.is_empty() { Err(NOT_CANONICAL) } else { Ok(counts) }
}

fn runs(bins: &[(u16, u64)]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let (mut next, mut last) = (0_usize, 0_i64);
    for &(bin, count) in bins {
        let (bin, count) = (usize::from(bin), count.cast_signed());
        match runs.last_mut() {
            Some(run) if bin < next + GAP => {
                for _ in next..bin {
                    run.steps.push(-last);
                    last = 0;
                }
                run.steps.push(count - last);
            }
            _ => {
                let gap = u32::try_from(bin - next).expect("below the number of bins");
                runs.push(Run { gap, steps: vec![count] });
            }
        }
        (next, last) = (bin + 1, count);
    }
    runs
}

/// Reads a value from the front, if it is in the canonical form.
fn take<T: Serialize + for<'de> Deserialize<'de>>(bytes: &mut &[u8]) -> Result<T, DecodeError> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|_| DecodeError("malformed"))?;
    let spelling = postcard::to_stdvec(&value).map_err(|_| DecodeError("malformed"))?;
    if spelling != bytes[..bytes.len() - rest.len()] {
        return Err(NOT_CANONICAL);
    }
    *bytes = rest;
    Ok(value)
}

/// Reads the bins of runs from the front. A coordinator reads those of thousands of leases per
/// second, so one pass reads them and checks that they are in the form that [`runs`] writes.
struct Runs<'a>(&'a [u8]);

/// Reads runs of bins below `most` from the front.
fn take_bins(bytes: &mut &[u8], most: usize) -> Result<Vec<(u16, u64)>, DecodeError> {
    let mut runs = Runs(bytes);
    let bins = runs.bins(most)?;
    *bytes = runs.0;
    Ok(bins)
}

impl Runs<'_> {
    /// The counts, in bins below `most`.
    fn bins(&mut self, most: usize) -> Result<Vec<(u16, u64)>, DecodeError> {
        let mut bins = Vec::new();
        let mut next = 0_u64;
        for run in 0..self.number()? {
            let gap = self.number()?;
            if run > 0 && gap < GAP as u64 {
                return Err(NOT_CANONICAL);
            }
            next = next.saturating_add(gap);
            let steps = self.number()?;
            // A bin takes at least one byte, so this limits the memory.
            let room = usize::try_from(steps).unwrap_or(usize::MAX).min(self.0.len()).min(most);
            bins.reserve(room);
            let (mut count, mut empty) = (0_i64, 0);
            for step in 0..steps {
                count = count
                    .checked_add(self.step()?)
                    .filter(|&count| count >= 0)
                    .ok_or(DecodeError("impossible count"))?;
                if next >= most as u64 {
                    return Err(DecodeError("a bin that doesn't exist"));
                }
                if count > 0 {
                    bins.push((
                        u16::try_from(next).expect("below the number of bins"),
                        count.cast_unsigned(),
                    ));
                    empty = 0;
                } else {
                    empty += 1;
                    if step == 0 || empty == GAP {
                        return Err(NOT_CANONICAL);
                    }
                }
                next += 1;
            }
            if steps == 0 || empty > 0 {
                return Err(NOT_CANONICAL);
            }
        }
        Ok(bins)
    }

    /// A number of up to 64 bits: seven bits per byte, least significant first, in as few bytes as
    /// possible. Nearly all have one or two bytes.
    #[inline]
    fn number(&mut self) -> Result<u64, DecodeError> {
        match *self.0 {
            [byte @ ..0x80, ref rest @ ..] => {
                self.0 = rest;
                Ok(byte.into())
            }
            [low, high @ 1..0x80, ref rest @ ..] => {
                self.0 = rest;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => self.long_number(),
        }
    }

    #[cold]
    fn long_number(&mut self) -> Result<u64, DecodeError> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let (&byte, rest) = self.0.split_first().ok_or(DecodeError("malformed"))?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError("malformed"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { Err(NOT_CANONICAL) } else { Ok(value) };
            }
            shift += 7;
            if shift > 63 {
                return Err(DecodeError("malformed"));
            }
        }
    }

    /// A signed number, with its sign in the lowest bit.
    #[inline]
    fn step(&mut self) -> Result<i64, DecodeError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }
}
