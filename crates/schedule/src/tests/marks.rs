//! A partial result that records which blocks were merged into it, so that counting a block twice
//! is noticed.

use std::collections::BTreeMap;

use carlo_types::{BlockRange, JobSpec, Merge};

/// The simulated blocks of a job.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Marks {
    /// Runs of blocks: the first block, and the end (exclusive).
    pub(crate) blocks: BTreeMap<u64, u64>,
    simulations: u64,
    successes: u64,
    /// The job's number of simulations. Marks of jobs with another number don't fit.
    asked: u64,
    /// Wrong bits that a broken worker has added.
    pub(crate) errors: u64,
    /// Months that were computed for each simulation, where that isn't what the job says.
    pub(crate) months: Option<u32>,
}

impl Marks {
    /// A worker's result for `range` of a job of `simulations`.
    pub(crate) fn of(range: BlockRange, simulations: u64) -> Self {
        let block = |start| BlockRange::new(start, start + 1).unwrap().simulations(simulations);
        // Between 20 % and 40 % succeed, depending on the block.
        let successes = |start: u64| block(start) * (20 + start * 7 % 21) / 100;
        Self {
            blocks: BTreeMap::from([(range.start(), range.end())]),
            simulations: range.simulations(simulations),
            successes: (range.start()..range.end()).map(successes).sum(),
            asked: simulations,
            errors: 0,
            months: None,
        }
    }

    /// The first `blocks` blocks, each simulated once.
    pub(crate) fn first(blocks: u64, simulations: u64) -> Self {
        Self::of(BlockRange::new(0, blocks).unwrap(), simulations)
    }
}

impl Merge for Marks {
    fn fits(&self, other: &Self) -> bool {
        self.asked == other.asked
    }

    fn merge(&mut self, other: &Self) {
        for (&start, &end) in &other.blocks {
            let (mut start, mut end) = (start, end);
            if let Some((&before, &until)) = self.blocks.range(..=start).next_back() {
                assert!(until <= start, "block {start} is counted twice");
                if until == start {
                    self.blocks.remove(&before);
                    start = before;
                }
            }
            if let Some((&after, &until)) = self.blocks.range(start..).next() {
                assert!(end <= after, "block {after} is counted twice");
                if after == end {
                    self.blocks.remove(&after);
                    end = until;
                }
            }
            self.blocks.insert(start, end);
        }
        self.simulations += other.simulations;
        self.successes += other.successes;
        self.errors = self.errors.wrapping_add(other.errors);
    }

    fn simulations(&self) -> u64 {
        self.simulations
    }

    fn successes(&self) -> u64 {
        self.successes
    }

    fn months(&self, spec: &JobSpec) -> u32 {
        self.months.unwrap_or(spec.months())
    }
}
