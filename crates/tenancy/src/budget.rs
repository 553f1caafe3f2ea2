//! The budget of a batch: what its jobs may cost, have reserved and have spent.
//!
//! ```text
//!              admit                reserve               settle
//!   (nothing) ───────► waiting ───────────────► reserved ───────► spent
//!                          └── settle: never ran, costs nothing
//! ```
//!
//! A job moves its estimate from `waiting` to `reserved` when it starts, if `spent + reserved` stays within the cap; when it ends,
//! its estimate leaves `reserved` and its cost, which is never more, is added to `spent`. So `spent + reserved ≤ cap` always
//! holds, and nothing is ever billed past the cap.

use carlo_types::{BatchId, OwnerId};

use crate::money::Money;
use crate::period::Period;
use crate::refusal::Refusal;

/// What a batch's jobs may cost and have cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Which batch.
    pub batch: BatchId,
    /// Who pays.
    pub user: OwnerId,
    /// The period that the batch was admitted in, and that all of its jobs are billed in.
    pub period: Period,
    /// The most that may be billed.
    pub cap: Option<Money>,
    /// What all of its jobs would cost if each ran to its last simulation.
    pub estimated: Money,
    /// What its ended jobs have cost.
    pub spent: Money,
    /// Their tokens.
    pub tokens: u64,
    /// The estimates of its jobs that may run. Follows from the open charges, so a record of the budget can leave it out.
    pub reserved: Money,
    /// The estimates of its jobs that wait for their start. Follows from the open charges, too.
    pub waiting: Money,
    /// How many of its jobs have not been settled. Follows from the open charges, too.
    pub open_jobs: usize,
}

impl Budget {
    /// The budget of a batch of which no job is open yet.
    pub(crate) fn new(
        batch: BatchId,
        user: OwnerId,
        period: Period,
        cap: Option<Money>,
        estimated: Money,
    ) -> Self {
        let (spent, reserved, waiting) = (Money::ZERO, Money::ZERO, Money::ZERO);
        Self { batch, user, period, cap, estimated, spent, tokens: 0, reserved, waiting, open_jobs: 0 }
    }

    /// What may still be spent: the cap less what was. `None` without a cap.
    pub fn remaining(&self) -> Option<Money> {
        self.cap.map(|cap| cap.less(self.spent))
    }

    /// What is held of the user's month: the most that the batch may still come to cost.
    pub fn held(&self) -> Money {
        let open = self.reserved.plus(self.waiting);
        self.remaining().map_or(open, |remaining| remaining.min(open))
    }

    /// Adds an open job.
    pub(crate) fn open(&mut self, estimate: Money, reserved: bool) {
        let sum = if reserved { &mut self.reserved } else { &mut self.waiting };
        *sum = sum.plus(estimate);
        self.open_jobs += 1;
    }

    /// Reserves the estimate of a waiting job.
    pub(crate) fn reserve(&mut self, estimate: Money) -> Result<(), Refusal> {
        let reserved = self.reserved.plus(estimate);
        if let Some(cap) = self.cap
            && self.spent.plus(reserved) > cap
        {
            return Err(Refusal::OverBudget { cap, needed: self.spent.plus(reserved) });
        }
        self.reserved = reserved;
        self.waiting = self.waiting.less(estimate);
        Ok(())
    }

    /// Replaces the estimate of a job by what it has cost.
    pub(crate) fn settle(&mut self, estimate: Money, reserved: bool, tokens: u64, cost: Money) {
        let sum = if reserved { &mut self.reserved } else { &mut self.waiting };
        *sum = sum.less(estimate);
        self.open_jobs = self.open_jobs.saturating_sub(1);
        self.spent = self.spent.plus(cost);
        self.tokens = self.tokens.saturating_add(tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(cap: Option<u128>, waiting: u128) -> Budget {
        let (user, waiting) = (OwnerId::new("ann"), Money::from_nanos(waiting));
        let cap = cap.map(Money::from_nanos);
        let mut budget = Budget::new(BatchId::from_random(1), user, Period::default(), cap, waiting);
        budget.open(waiting, false);
        budget
    }

    #[test]
    fn a_batch_runs_at_exactly_its_budget_and_not_a_step_beyond() {
        let mut budget = budget(Some(30), 40);
        for _ in 0..3 {
            budget.reserve(Money::from_nanos(10)).unwrap();
        }
        let before = budget.clone();
        let refusal = budget.reserve(Money::from_nanos(10)).unwrap_err();
        let (cap, needed) = (Money::from_nanos(30), Money::from_nanos(40));
        assert_eq!(refusal, Refusal::OverBudget { cap, needed });
        assert!(refusal.to_string().contains("$0.00000003"), "{refusal}");
        assert_eq!(budget, before, "a refused reservation changes nothing");
    }

    #[test]
    fn what_a_job_does_not_use_others_may() {
        let mut budget = budget(Some(15), 20);
        budget.reserve(Money::from_nanos(10)).unwrap();
        budget.reserve(Money::from_nanos(10)).unwrap_err();
        budget.settle(Money::from_nanos(10), true, 1, Money::from_nanos(5));
        assert_eq!((budget.remaining(), budget.held()), (Some(Money::from_nanos(10)), Money::from_nanos(10)));
        budget.reserve(Money::from_nanos(10)).unwrap();
    }

    #[test]
    fn no_more_is_held_than_may_be_spent() {
        assert_eq!(budget(Some(15), 20).held(), Money::from_nanos(15));
        assert_eq!(budget(Some(25), 20).held(), Money::from_nanos(20));
        assert_eq!(budget(None, 20).held(), Money::from_nanos(20));
        assert_eq!(budget(None, 20).remaining(), None);
    }

    #[test]
    fn a_job_that_never_ran_gives_back_what_waited_for_it() {
        let mut budget = budget(None, 20);
        budget.settle(Money::from_nanos(20), false, 0, Money::ZERO);
        assert_eq!((budget.held(), budget.spent), (Money::ZERO, Money::ZERO));
    }
}
