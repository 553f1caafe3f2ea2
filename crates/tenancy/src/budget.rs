//! What a batch holds of its user's month: the estimates of its open jobs, but never more than what
//! its cap leaves.
//!
//! Which of its jobs may start is decided where batches are scheduled; here it is only counted.

use carlo_types::{BatchId, Bill, Money, OwnerId};

use crate::period::Period;

/// The cap of a batch, and what its jobs may cost and have cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// The batch.
    pub batch: BatchId,
    /// The user who pays.
    pub user: OwnerId,
    /// The period that the batch was admitted in, and that all of its jobs are billed in.
    pub period: Period,
    /// The most that may be billed.
    pub cap: Option<Money>,
    /// What all of its jobs would cost if each ran to its last simulation.
    pub estimated: Money,
    /// What its ended jobs have cost.
    pub spent: Bill,
    /// The estimates of its open jobs. Follows from the open charges, so a record of the budget can
    /// leave it out.
    pub open: Money,
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
        let spent = Bill::default();
        Self { batch, user, period, cap, estimated, spent, open: Money::ZERO, open_jobs: 0 }
    }

    /// What is held of the user's month: the most that the batch may still come to cost.
    pub fn held(&self) -> Money {
        self.cap.map_or(self.open, |cap| cap.less(self.spent.cost).min(self.open))
    }

    /// Adds an open job.
    pub(crate) fn open(&mut self, estimate: Money) {
        self.open = self.open.plus(estimate);
        self.open_jobs += 1;
    }

    /// Replaces the estimate of a job by what it has come to.
    pub(crate) fn settle(&mut self, estimate: Money, bill: Bill) {
        self.open = self.open.less(estimate);
        self.open_jobs = self.open_jobs.saturating_sub(1);
        self.spent = self.spent.plus(bill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(cap: Option<u128>, open: u128) -> Budget {
        let user = OwnerId::new("ann");
        let (cap, open) = (cap.map(Money::from_nanos), Money::from_nanos(open));
        let mut budget = Budget::new(BatchId::from_random(1), user, Period::default(), cap, open);
        budget.open(open);
        budget
    }

    #[test]
    fn no_more_is_held_than_may_be_spent() {
        assert_eq!(budget(Some(15), 20).held(), Money::from_nanos(15));
        assert_eq!(budget(Some(25), 20).held(), Money::from_nanos(20));
        assert_eq!(budget(None, 20).held(), Money::from_nanos(20));
    }

    #[test]
    fn an_ended_job_gives_back_what_it_did_not_use() {
        let mut budget = budget(Some(15), 10);
        budget.open(Money::from_nanos(10));
        budget.settle(Money::from_nanos(10), Bill { tokens: 1, cost: Money::from_nanos(5) });
        assert_eq!((budget.held(), budget.open_jobs), (Money::from_nanos(10), 1));
        budget.settle(Money::from_nanos(10), Bill::default());
        assert_eq!((budget.held(), budget.spent.cost), (Money::ZERO, Money::from_nanos(5)));
    }
}
