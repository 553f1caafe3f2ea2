//! The fold of a job: its merged partial results, and the checkpoints at which it may stop early.
//!
//! A job with a target standard error has checkpoints at 65,536 simulations, at each doubling of
//! that number, and at its end. It ends at the first checkpoint at which the standard error over
//! **all** simulations before it meets the target, so the result doesn't depend on the order of the
//! reports. The checkpoints cut the blocks into segments, and no lease crosses a checkpoint. A
//! segment has a fold of its own until it and all segments before it are whole, that is, completely
//! simulated. A job without a target has one segment.

use std::collections::BTreeMap;

use carlo_types::merge::stopping_error;
use carlo_types::{BLOCK_SIMULATIONS, BlockRange, JobSpec, Merge};

use crate::record::Part;

/// The number of blocks before the first checkpoint.
const FIRST_BLOCKS: u64 = 65_536 / BLOCK_SIMULATIONS;

/// The segments of a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segments {
    simulations: u64,
    whole: BlockRange,
    target: Option<f64>,
}

impl Segments {
    /// `None` for a job without simulations.
    pub fn new(simulations: u64, target: Option<f64>) -> Option<Self> {
        Some(Self { simulations, whole: BlockRange::whole(simulations)?, target })
    }

    pub(crate) fn whole(self) -> BlockRange {
        self.whole
    }

    /// The number of the segment that contains `block`, from 0.
    fn number_of(self, block: u64) -> u32 {
        match self.target {
            Some(_) if block >= FIRST_BLOCKS => (block / FIRST_BLOCKS).ilog2() + 1,
            _ => 0,
        }
    }

    /// The segment with this number; `None` beyond the last one.
    fn segment(self, number: u32) -> Option<BlockRange> {
        if self.target.is_none() {
            return (number == 0).then_some(self.whole);
        }
        let end = FIRST_BLOCKS.checked_shl(number)?;
        let start = if number == 0 { 0 } else { end / 2 };
        BlockRange::new(start, end.min(self.whole.end()))
    }

    /// The segment that contains `block`.
    pub(crate) fn around(self, block: u64) -> Option<BlockRange> {
        self.segment(self.number_of(block))
    }

    /// The number of simulations after which the target is certainly met. The worst case is a
    /// success probability of ½.
    fn enough(self) -> f64 {
        self.target.map_or(f64::INFINITY, |target| 0.25 / (target * target))
    }
}

/// The partial results of a job.
#[derive(Debug, Clone)]
pub struct Fold<P> {
    segments: Segments,
    /// The number of the first segment that is not whole.
    current: u32,
    /// The fold of all segments before `current`.
    prefix: Option<P>,
    /// The folds of `current` and later segments, as far as they have partial results.
    tail: BTreeMap<u32, P>,
    complete: bool,
}

impl<P: Merge + Clone> Fold<P> {
    /// A fold without partial results.
    pub fn new(segments: Segments) -> Self {
        Self { segments, current: 0, prefix: None, tail: BTreeMap::new(), complete: false }
    }

    pub(crate) fn segments(&self) -> Segments {
        self.segments
    }

    /// Whether `partial` can belong to the same job as the partial results so far. Must be called
    /// before a partial result from a worker or from the ledger is added.
    pub(crate) fn fits(&self, partial: &P) -> bool {
        self.prefix.iter().chain(self.tail.values()).all(|part| part.fits(partial))
    }

    /// Adds the partial result of `range`, which must lie within one segment.
    pub fn add(&mut self, range: BlockRange, partial: P) {
        self.put(self.segments.number_of(range.start()), partial);
        self.advance();
    }

    fn put(&mut self, number: u32, partial: P) {
        match self.tail.get_mut(&number) {
            Some(fold) => fold.merge(&partial),
            None => drop(self.tail.insert(number, partial)),
        }
    }

    /// Moves whole segments into the prefix, up to the first checkpoint at which the job is
    /// complete.
    fn advance(&mut self) {
        while !self.complete
            && let Some(segment) = self.segments.segment(self.current)
            && let Some(fold) = self.tail.get(&self.current)
            && fold.simulations() == segment.simulations(self.segments.simulations)
        {
            let fold = self.tail.remove(&self.current).expect("it was just there");
            match &mut self.prefix {
                Some(prefix) => prefix.merge(&fold),
                None => self.prefix = Some(fold),
            }
            self.current += 1;
            let met = match (&self.prefix, self.segments.target) {
                (Some(prefix), Some(target)) => {
                    stopping_error(prefix.successes(), prefix.simulations()) <= target
                }
                _ => false,
            };
            self.complete = met || segment.end() == self.segments.whole.end();
        }
    }

    /// The first segment that is not whole; `None` if the job is complete.
    pub fn pending(&self) -> Option<BlockRange> {
        self.segments.segment(self.current).filter(|_| !self.complete)
    }

    /// The number of the first segment that is not whole.
    pub(crate) fn current(&self) -> u32 {
        self.current
    }

    /// Whether `range` lies beyond the first segment that is not whole, so that an early stop may
    /// leave it out.
    pub(crate) fn is_ahead(&self, range: BlockRange) -> bool {
        self.segments.number_of(range.start()) > self.current
    }

    /// Whether the job is complete. Its result is then the prefix.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The fold of a complete job.
    pub fn into_prefix(self) -> Option<P> {
        self.prefix
    }

    /// The number of simulations of all partial results.
    pub(crate) fn simulations(&self) -> u64 {
        self.prefix.iter().chain(self.tail.values()).map(Merge::simulations).sum()
    }

    /// The number of months that were computed for each simulation, according to the partial
    /// results; `None` while there are none.
    pub(crate) fn months(&self, spec: &JobSpec) -> Option<u32> {
        self.prefix.iter().chain(self.tail.values()).map(|part| part.months(spec)).max()
    }

    /// All partial results, merged; `None` while there are none.
    pub fn merged(&self) -> Option<P> {
        let mut parts = self.prefix.iter().chain(self.tail.values());
        let mut merged = parts.next()?.clone();
        parts.for_each(|part| merged.merge(part));
        Some(merged)
    }

    /// The end (exclusive) of the blocks that may be leased now. That is the end of the segment
    /// after the first one that is not whole, or of the latter if it is certainly the last segment
    /// that is needed.
    pub(crate) fn horizon(&self) -> u64 {
        let simulations = self.segments.simulations;
        let Some(current) = self.segments.segment(self.current) else { return 0 };
        let certain = current.indices(simulations).end as f64 >= self.segments.enough();
        let next = if certain { None } else { self.segments.segment(self.current + 1) };
        next.unwrap_or(current).end()
    }

    /// The number of simulations that the job will probably need, estimated from its results so
    /// far.
    pub(crate) fn expected_simulations(&self) -> u64 {
        let simulations = self.segments.simulations;
        let Some(target) = self.segments.target else { return simulations };
        let found = self.prefix.as_ref().or_else(|| self.tail.values().next());
        let needed = match found.map(|fold| (fold.successes() as f64, fold.simulations() as f64)) {
            Some((successes, n)) => successes / n * (1.0 - successes / n) / (target * target),
            None => self.segments.enough(),
        };
        (self.current..)
            .map_while(|number| self.segments.segment(number))
            .map(|segment| segment.indices(simulations).end)
            .find(|end| *end as f64 >= needed)
            .unwrap_or(simulations)
    }

    /// The partial results for a checkpoint.
    pub(crate) fn parts(&self) -> Vec<Part<P>> {
        let part = |range: Option<BlockRange>, partial: &P| {
            range.map(|range| Part { range, partial: partial.clone() })
        };
        let before = self.current.checked_sub(1).and_then(|last| self.segments.segment(last));
        let prefix = self
            .prefix
            .as_ref()
            .and_then(|fold| part(before.and_then(|last| BlockRange::new(0, last.end())), fold));
        let tail = self.tail.iter().filter_map(|(number, fold)| part(self.segments.segment(*number), fold));
        prefix.into_iter().chain(tail).collect()
    }

    /// The fold of a checkpoint; `None` if its parts contradict the blocks that are `done`.
    pub(crate) fn restore(segments: Segments, done: &[BlockRange], parts: Vec<Part<P>>) -> Option<Self> {
        let mut fold = Self::new(segments);
        let mut end = 0;
        for Part { range, partial } in parts {
            let number = segments.number_of(range.start());
            let last = segments.number_of(range.end() - 1);
            let bounds = BlockRange::new(segments.segment(number)?.start(), segments.segment(last)?.end())?;
            let inside = |block: &BlockRange| {
                BlockRange::new(block.start().max(range.start()), block.end().min(range.end()))
            };
            let counted: u64 =
                done.iter().filter_map(inside).map(|range| range.simulations(segments.simulations)).sum();
            if bounds != range || range.start() < end || partial.simulations() != counted {
                return None;
            }
            end = range.end();
            if last > number {
                // Only the prefix may span several segments, and all of them are whole.
                if number != 0 || counted != range.simulations(segments.simulations) {
                    return None;
                }
                fold.prefix = Some(partial);
                fold.current = last + 1;
            } else {
                fold.put(number, partial);
            }
        }
        fold.advance();
        let counted: u64 = done.iter().map(|range| range.simulations(segments.simulations)).sum();
        (fold.simulations() == counted).then_some(fold)
    }
}

#[cfg(test)]
mod tests;
