//! The limits of calls for single simulations.

use carlo_types::limits::SIMULATIONS_MAX;

/// The most numbers of one call: 4 GB.
pub const NUMBERS_MAX: u64 = 1_000_000_000;

/// The request exceeds a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// An index is beyond the largest one.
    #[error("first + count must be at most {SIMULATIONS_MAX}")]
    Index,
    /// The numbers might not fit into memory.
    #[error("count × numbers of each must be at most {NUMBERS_MAX}, and {count} × {each} is more")]
    Numbers {
        /// The requested number of simulations.
        count: u64,
        /// The number of numbers of each simulation.
        each: usize,
    },
}

/// The number of numbers that these simulations have, if it is within the limits.
pub(crate) fn numbers(first: u64, count: u64, each: usize) -> Result<usize, TooLarge> {
    if first.checked_add(count).is_none_or(|end| end > SIMULATIONS_MAX) {
        return Err(TooLarge::Index);
    }
    let numbers = count.checked_mul(each as u64).filter(|&numbers| numbers <= NUMBERS_MAX);
    numbers.and_then(|numbers| usize::try_from(numbers).ok()).ok_or(TooLarge::Numbers { count, each })
}
