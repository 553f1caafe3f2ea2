//! What work is measured in and what it costs.
//!
//! A token is 1,000,000 simulated months: simulations × months of the timeline, rounded up for each
//! job; sensitivity and trajectory are not counted. A job that compares plans, or solves for a
//! number of one, computes the months of the other plans, too, and is charged for them. A job costs
//! its tokens times the price of a token when it was admitted. It pays for what had been
//! simulated when it ended, however it ended: complete (perhaps early), failed or cancelled.

use crate::money::Money;
use crate::spec::JobSpec;

/// Simulated months that make one token.
pub const TOKEN_MONTHS: u64 = 1_000_000;

/// The tokens of `simulations` over `months` months. A job that passed its checks has at most 1.2 ×
/// 10⁹.
pub fn tokens(simulations: u64, months: u32) -> u64 {
    let tokens = (u128::from(simulations) * u128::from(months)).div_ceil(u128::from(TOKEN_MONTHS));
    u64::try_from(tokens).unwrap_or(u64::MAX)
}

/// The size of a job, as far as its cost follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Simulations that it asks for.
    pub simulations: u64,
    /// Months that are computed for each of them.
    pub months: u32,
}

impl Work {
    /// The size of the job of this specification.
    pub fn of(spec: &JobSpec) -> Self {
        Self { simulations: spec.simulations(), months: spec.months() }
    }

    /// The tokens of all of it.
    pub fn tokens(self) -> u64 {
        tokens(self.simulations, self.months)
    }

    /// What `simulations` of it come to at this price of a token; never more than all of it.
    pub fn bill(self, simulations: u64, price: Money) -> Bill {
        let tokens = tokens(simulations.min(self.simulations), self.months);
        Bill { tokens, cost: price * tokens }
    }
}

/// What a job has come to, or several jobs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bill {
    /// Tokens.
    pub tokens: u64,
    /// What is charged for them.
    pub cost: Money,
}

impl Bill {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { tokens: self.tokens.saturating_add(other.tokens), cost: self.cost.plus(other.cost) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_million_simulated_months_rounded_up() {
        for (simulations, months, wanted) in [
            (0, 1_200, 0),
            (1, 1, 1),
            (1_000_000, 1, 1),
            (1_000_001, 1, 2),
            (100_000, 10, 1),
            (333_334, 3, 2),
            (1_000_000_000_000, 1_200, 1_200_000_000),
            (u64::MAX, u32::MAX, u64::MAX),
        ] {
            assert_eq!(tokens(simulations, months), wanted, "{simulations} × {months}");
        }
    }

    #[test]
    fn the_largest_job_costs_what_it_should_to_the_cent() {
        let work = Work { simulations: 1_000_000_000_000, months: 1_200 };
        let bill = work.bill(u64::MAX, Money::from_micros(100));
        assert_eq!(bill, Bill { tokens: 1_200_000_000, cost: Money::from_whole_dollars(120_000) });
    }

    #[test]
    fn a_job_pays_for_what_had_been_simulated() {
        let work = Work { simulations: 10_000_000, months: 10 };
        for (simulations, tokens, micros) in [(0, 0, 0), (1, 1, 100), (1_000_001, 11, 1_100)] {
            let bill = work.bill(simulations, Money::from_micros(100));
            assert_eq!(bill, Bill { tokens, cost: Money::from_micros(micros) });
        }
    }
}
