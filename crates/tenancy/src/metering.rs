//! What is held of a user's month for an open job: a [`Charge`], made at the job's admission and
//! gone once it is settled.

use carlo_types::{BatchId, JobId, Money, OwnerId, Work};

use crate::period::Period;

/// What an open job may cost. As long as it exists the job's end has not been counted, so settling
/// twice counts once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The job.
    pub job: JobId,
    /// The user who pays.
    pub user: OwnerId,
    /// The batch that the job belongs to.
    pub batch: Option<BatchId>,
    /// The period that the job was admitted in. It is counted, held and billed there, however late
    /// it starts or ends.
    pub period: Period,
    /// The job's size.
    pub work: Work,
    /// The price of a token.
    pub price: Money,
}

impl Charge {
    /// What the job costs when it runs to its last simulation: never less than it will cost.
    pub fn estimate(&self) -> Money {
        self.price * self.work.tokens()
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
