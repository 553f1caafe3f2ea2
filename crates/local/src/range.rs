//! Which simulations a call may ask for one by one.

use carlo_types::limits::SIMULATIONS_MAX;

/// The most numbers of one call: 4 GB.
pub const NUMBERS_MAX: u64 = 1_000_000_000;

/// More was asked for than one call gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// There is no such simulation.
    #[error("first + count must be at most {SIMULATIONS_MAX}")]
    Index,
    /// It would not fit into memory.
    #[error("count × numbers of each must be at most {NUMBERS_MAX}, and {count} × {each} is more")]
    Numbers {
        /// Simulations that were asked for.
        count: u64,
        /// Numbers of each.
        each: usize,
    },
}

/// How many numbers these simulations have, if that is within bounds.
pub(crate) fn numbers(first: u64, count: u64, each: usize) -> Result<usize, TooLarge> {
    if first.checked_add(count).is_none_or(|end| end > SIMULATIONS_MAX) {
        return Err(TooLarge::Index);
    }
    let numbers = count.checked_mul(each as u64).filter(|&numbers| numbers <= NUMBERS_MAX);
    numbers.and_then(|numbers| usize::try_from(numbers).ok()).ok_or(TooLarge::Numbers { count, each })
}
