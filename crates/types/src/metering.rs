//! The unit of work and its cost.
//!
//! A token is 1,000,000 simulated months: simulations × months of the timeline, rounded up for each
//! job; sensitivity and trajectory are not counted. A job that compares plans, or solves for a
//! number of one, computes the months of the other plans, too, and is charged for them. A job costs
//! its tokens times the price of a token when it was admitted. Billed are the simulations up to its
//! end, whether it is complete (perhaps early), failed or cancelled.

use crate::money::Money;
use crate::spec::JobSpec;

/// The number of simulated months in a token.
pub const TOKEN_MONTHS: u64 = 1_000_000;

/// The tokens of `simulations` over `months` months. Valid jobs have at most 1.2 × 10⁹.
pub fn tokens(simulations: u64, months: u32) -> u64 {
    let tokens = (u128::from(simulations) * u128::from(months)).div_ceil(u128::from(TOKEN_MONTHS));
    u64::try_from(tokens).unwrap_or(u64::MAX)
}

/// The size of a job, from which its cost follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// The number of simulations in the request.
    pub simulations: u64,
    /// The number of computed months of each simulation.
    pub months: u32,
}

impl Work {
    /// The size of a job with this specification.
    pub fn of(spec: &JobSpec) -> Self {
        Self { simulations: spec.simulations(), months: spec.months() }
    }

    /// The tokens of the whole work.
    pub fn tokens(self) -> u64 {
        tokens(self.simulations, self.months)
    }

    /// The bill for `simulations` at this price of a token; never more than for the whole work.
    pub fn bill(self, simulations: u64, price: Money) -> Bill {
        let tokens = tokens(simulations.min(self.simulations), self.months);
        Bill { tokens, cost: price * tokens }
    }
}

/// The bill of a job or of several jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bill {
    /// Tokens.
    pub tokens: u64,
    /// The cost.
    pub cost: Money,
}

impl Bill {
    /// The sum of both bills.
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
