//! What work is measured in and what it costs.
//!
//! A token is 1,000,000 simulated months: simulations × months of the timeline, rounded up for each job; sensitivity and
//! trajectory are not counted. A job costs its tokens times the price of a token that held when it was admitted. It pays for
//! what had been simulated when it ended, however it ended: complete (perhaps early), failed or cancelled.
//!
//! What a job may cost is held for it from its admission on, see [`Charge`]; who may spend how much is decided in
//! [`crate::tenancy`].

use carlo_types::{BatchId, JobId, JobSpec, OwnerId};

use crate::budget::Budget;
use crate::money::Money;
use crate::period::Period;

/// Simulated months that make one token.
pub const TOKEN_MONTHS: u64 = 1_000_000;

/// The tokens of `simulations` over `months` months. A job that passed its checks has at most 1.2 × 10⁹.
pub fn tokens(simulations: u64, months: u32) -> u64 {
    let tokens = (u128::from(simulations) * u128::from(months)).div_ceil(u128::from(TOKEN_MONTHS));
    u64::try_from(tokens).unwrap_or(u64::MAX)
}

/// The size of a job, as far as its cost follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// How many simulations it asks for.
    pub simulations: u64,
    /// How many months each of them has.
    pub months: u32,
}

impl Work {
    /// The size of the job of this specification.
    pub fn of(spec: &JobSpec) -> Self {
        Self { simulations: spec.simulations, months: spec.months() }
    }

    /// The tokens of all of it.
    pub fn tokens(self) -> u64 {
        tokens(self.simulations, self.months)
    }
}

/// What an open job may cost: made at its admission, gone when it is settled. As long as it exists the job's end has not been
/// counted, so settling twice counts once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Which job.
    pub job: JobId,
    /// Who pays.
    pub user: OwnerId,
    /// The batch that the job is of.
    pub batch: Option<BatchId>,
    /// The period that the job was admitted in. It is counted, held and billed there, however late it starts or ends.
    pub period: Period,
    /// The job's size.
    pub work: Work,
    /// The price of a token.
    pub price: Money,
    /// Whether the job may run, so that its cost is reserved from its batch's budget. A job without batch may run from its
    /// admission on.
    pub reserved: bool,
}

impl Charge {
    /// What the job costs when it runs to its last simulation: never less than it will cost.
    pub fn estimate(&self) -> Money {
        self.price * self.work.tokens()
    }

    /// What it costs after `simulations` of it. What was never reserved can't have run.
    pub(crate) fn settlement(&self, simulations: u64) -> (u64, Money) {
        let simulations = if self.reserved { simulations.min(self.work.simulations) } else { 0 };
        let tokens = tokens(simulations, self.work.months);
        (tokens, self.price * tokens)
    }
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Ended {
    Completed,
    Failed,
    Cancelled,
}

/// What a job came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Its tokens.
    pub tokens: u64,
    /// What was billed for them.
    pub cost: Money,
    /// The budget of its batch after that.
    pub budget: Option<Budget>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(simulations: u64, months: u32) -> Charge {
        Charge {
            job: JobId::from_random(1),
            user: OwnerId::new("ann"),
            batch: None,
            period: Period::default(),
            work: Work { simulations, months },
            price: Money::from_micros(100),
            reserved: true,
        }
    }

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
        let charge = charge(1_000_000_000_000, 1_200);
        assert_eq!(charge.estimate(), Money::from_whole_dollars(120_000));
        assert_eq!(charge.settlement(u64::MAX), (1_200_000_000, charge.estimate()));
    }

    #[test]
    fn a_job_pays_for_what_had_been_simulated() {
        let mut charge = charge(10_000_000, 10);
        assert_eq!(charge.settlement(0), (0, Money::ZERO));
        assert_eq!(charge.settlement(1), (1, Money::from_micros(100)));
        assert_eq!(charge.settlement(1_000_001), (11, Money::from_micros(1_100)));
        charge.reserved = false;
        assert_eq!(charge.settlement(1_000_001), (0, Money::ZERO));
    }
}
