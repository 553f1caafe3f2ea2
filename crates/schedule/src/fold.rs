//! The fold of a job: the merged partial results, and where an early stop may happen.
//!
//! A job with a target standard error has checkpoints at 65,536 simulations and at every doubling
//! up to all of them. It ends at the first of them at which the standard error over **all**
//! simulations before it meets the target. So the blocks are cut into segments at these
//! checkpoints; a lease never crosses one, and each segment is folded on its own until it is whole
//! and every one before it is. A job without a target is one segment.

use std::collections::BTreeMap;

use carlo_types::merge::stopping_error;
use carlo_types::{BLOCK_SIMULATIONS, BlockRange, JobSpec, Merge};

use crate::record::Part;

/// Blocks before the first checkpoint.
const FIRST_BLOCKS: u64 = 65_536 / BLOCK_SIMULATIONS;

/// Where a job's checkpoints lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segments {
    simulations: u64,
    whole: BlockRange,
    target: Option<f64>,
}

impl Segments {
    /// Of a job of `simulations` simulations; `None` for a job of none.
    pub fn new(simulations: u64, target: Option<f64>) -> Option<Self> {
        Some(Self { simulations, whole: BlockRange::whole(simulations)?, target })
    }

    pub(crate) fn whole(self) -> BlockRange {
        self.whole
    }

    /// The number of the segment that `block` lies in.
    fn number_of(self, block: u64) -> u32 {
        match self.target {
            Some(_) if block >= FIRST_BLOCKS => (block / FIRST_BLOCKS).ilog2() + 1,
            _ => 0,
        }
    }

    /// The segment of this number; `None` beyond the last.
    fn segment(self, number: u32) -> Option<BlockRange> {
        if self.target.is_none() {
            return (number == 0).then_some(self.whole);
        }
        let end = FIRST_BLOCKS.checked_shl(number)?;
        let start = if number == 0 { 0 } else { end / 2 };
        BlockRange::new(start, end.min(self.whole.end()))
    }

    /// The segment that `block` lies in.
    pub(crate) fn around(self, block: u64) -> Option<BlockRange> {
        self.segment(self.number_of(block))
    }

    /// Simulations after which the target is met whatever is found: a success probability of ½ is
    /// the worst.
    fn enough(self) -> f64 {
        self.target.map_or(f64::INFINITY, |target| 0.25 / (target * target))
    }
}

/// The partial results of a job.
#[derive(Debug, Clone)]
pub struct Fold<P> {
    segments: Segments,
    /// The first segment that is not whole.
    current: u32,
    /// The fold of every segment before `current`.
    prefix: Option<P>,
    /// The folds of the segments from `current` on that have any.
    tail: BTreeMap<u32, P>,
    complete: bool,
}

impl<P: Merge + Clone> Fold<P> {
    /// Of a job that nothing is known of yet.
    pub fn new(segments: Segments) -> Self {
        Self { segments, current: 0, prefix: None, tail: BTreeMap::new(), complete: false }
    }

    pub(crate) fn segments(&self) -> Segments {
        self.segments
    }

    /// Whether `partial` can be of the same job as what is here. Ask before adding what came from
    /// outside.
    pub(crate) fn fits(&self, partial: &P) -> bool {
        self.prefix.iter().chain(self.tail.values()).all(|part| part.fits(partial))
    }

    /// Adds the partial result of `range`, which lies within one segment.
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

    /// The first segment that is not whole; nothing once the job is complete.
    pub fn pending(&self) -> Option<BlockRange> {
        self.segments.segment(self.current).filter(|_| !self.complete)
    }

    /// The first segment that is not whole, by its number.
    pub(crate) fn current(&self) -> u32 {
        self.current
    }

    /// Whether `range` lies beyond the first segment that isn't whole, so that an early stop may
    /// leave it out.
    pub(crate) fn is_ahead(&self, range: BlockRange) -> bool {
        self.segments.number_of(range.start()) > self.current
    }

    /// Whether the prefix is the answer.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The fold of a complete job.
    pub fn into_prefix(self) -> Option<P> {
        self.prefix
    }

    /// Simulations of the fold.
    pub(crate) fn simulations(&self) -> u64 {
        self.prefix.iter().chain(self.tail.values()).map(Merge::simulations).sum()
    }

    /// Months that were computed for each simulation, as its parts say; `None` while there are
    /// none.
    pub(crate) fn months(&self, spec: &JobSpec) -> Option<u32> {
        self.prefix.iter().chain(self.tail.values()).map(|part| part.months(spec)).max()
    }

    /// Everything so far, merged.
    pub(crate) fn merged(&self) -> Option<P> {
        let mut parts = self.prefix.iter().chain(self.tail.values());
        let mut merged = parts.next()?.clone();
        parts.for_each(|part| merged.merge(part));
        Some(merged)
    }

    /// The block before which leases may be given now: the end of the first segment that isn't
    /// whole, and of the next one too unless the former is certainly the last that is needed.
    pub(crate) fn horizon(&self) -> u64 {
        let simulations = self.segments.simulations;
        let Some(current) = self.segments.segment(self.current) else { return 0 };
        let certain = current.indices(simulations).end as f64 >= self.segments.enough();
        let next = if certain { None } else { self.segments.segment(self.current + 1) };
        next.unwrap_or(current).end()
    }

    /// How many simulations the job will probably take, by what has been found so far.
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

    /// What a checkpoint keeps.
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

    /// The fold of a checkpoint with these blocks done; `None` if the parts don't say just that.
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
                // Only the prefix spans segments, and it is whole.
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
