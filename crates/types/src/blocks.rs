//! Blocks: the division of a job's simulations by their indices.

use std::fmt;

/// The number of simulations in a block. Only a job's last block may have fewer.
pub const BLOCK_SIMULATIONS: u64 = 16_384;

/// The number of blocks of a job of `simulations` simulations.
pub fn blocks_of(simulations: u64) -> u64 {
    simulations.div_ceil(BLOCK_SIMULATIONS)
}

/// A range of blocks from `start` (inclusive) to `end` (exclusive). Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockRange {
    start: u64,
    end: u64,
}

impl BlockRange {
    /// The blocks from `start` (inclusive) to `end` (exclusive); `None` if there are none.
    pub fn new(start: u64, end: u64) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// All blocks of a job of `simulations` simulations; `None` without simulations.
    pub fn whole(simulations: u64) -> Option<Self> {
        Self::new(0, blocks_of(simulations))
    }

    /// The first block.
    pub fn start(self) -> u64 {
        self.start
    }

    /// The block after the last one.
    pub fn end(self) -> u64 {
        self.end
    }

    /// The number of blocks, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a range of blocks is never empty")]
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// The indices of the simulations in these blocks, in a job of `simulations` simulations.
    pub fn indices(self, simulations: u64) -> std::ops::Range<u64> {
        let index = |block: u64| block.saturating_mul(BLOCK_SIMULATIONS).min(simulations);
        index(self.start)..index(self.end)
    }

    /// The number of simulations in these blocks, in a job of `simulations` simulations.
    pub fn simulations(self, simulations: u64) -> u64 {
        let indices = self.indices(simulations);
        indices.end - indices.start
    }

    /// Splits the range into its first `blocks` blocks and the rest.
    pub fn split(self, blocks: u64) -> (Self, Option<Self>) {
        let middle = self.start.saturating_add(blocks.max(1)).min(self.end);
        (Self { start: self.start, end: middle }, Self::new(middle, self.end))
    }

    /// Whether the range contains all blocks of `other`.
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

impl fmt::Display for BlockRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_block_holds_the_rest() {
        let whole = BlockRange::whole(BLOCK_SIMULATIONS + 5).unwrap();
        assert_eq!(whole.len(), 2);
        let (first, last) = whole.split(1);
        assert_eq!(first.simulations(BLOCK_SIMULATIONS + 5), BLOCK_SIMULATIONS);
        assert_eq!(last.unwrap().simulations(BLOCK_SIMULATIONS + 5), 5);
    }

    #[test]
    fn a_range_of_no_blocks_does_not_exist() {
        assert_eq!(BlockRange::new(3, 3), None);
        assert_eq!(BlockRange::whole(0), None);
        assert_eq!(BlockRange::new(1, 4).unwrap().split(9), (BlockRange::new(1, 4).unwrap(), None));
    }
}
