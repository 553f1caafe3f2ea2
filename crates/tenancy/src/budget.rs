//! How much of its user's monthly quota a batch holds: the estimates of its open jobs, but never
//! more than its cap leaves.
//!
//! The batch scheduler decides which jobs may start. This module only counts.

use carlo_types::{BatchId, Bill, Money, OwnerId};

use crate::period::Period;

/// The cap of a batch, with the estimated and actual costs of its jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Budget {
    pub batch: BatchId,
    /// The user who pays.
    pub user: OwnerId,
    /// The period in which the batch was admitted. All of its jobs are billed in it.
    pub period: Period,
    /// The most that may be billed.
    pub cap: Option<Money>,
    /// The cost of all jobs if each ran to its last simulation.
    pub estimated: Money,
    /// The cost of the jobs that have ended.
    pub spent: Bill,
    /// The estimates of the open jobs. Derived from the open charges, so records of the budget may
    /// leave it out.
    pub open: Money,
    /// The number of jobs that are not settled. Also derived from the open charges.
    pub open_jobs: usize,
}

impl Budget {
    /// The budget of a batch without open jobs.
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

    /// The amount reserved of the user's quota: the most that the batch may still cost.
    pub fn reserved(&self) -> Money {
        self.cap.map_or(self.open, |cap| cap.less(self.spent.cost).min(self.open))
    }

    pub(crate) fn open(&mut self, estimate: Money) {
        self.open = self.open.plus(estimate);
        self.open_jobs += 1;
    }

    /// Replaces a job's estimate with its bill.
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
    fn no_more_is_reserved_than_may_be_spent() {
        assert_eq!(budget(Some(15), 20).reserved(), Money::from_nanos(15));
        assert_eq!(budget(Some(25), 20).reserved(), Money::from_nanos(20));
        assert_eq!(budget(None, 20).reserved(), Money::from_nanos(20));
    }

    #[test]
    fn an_ended_job_gives_back_what_it_did_not_use() {
        let mut budget = budget(Some(15), 10);
        budget.open(Money::from_nanos(10));
        budget.settle(Money::from_nanos(10), Bill { tokens: 1, cost: Money::from_nanos(5) });
        assert_eq!((budget.reserved(), budget.open_jobs), (Money::from_nanos(10), 1));
        budget.settle(Money::from_nanos(10), Bill::default());
        assert_eq!((budget.reserved(), budget.spent.cost), (Money::ZERO, Money::from_nanos(5)));
    }
}
