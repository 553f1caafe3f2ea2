//! The amount of a user's quota that is reserved for an open job: a [`Charge`], created when the
//! job is admitted and removed when it is settled.

use carlo_types::{BatchId, JobId, Money, OwnerId, Work};

use crate::period::Period;

/// What an open job may cost. It exists until the job's end is counted, so settling twice counts
/// once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Charge {
    pub job: JobId,
    /// The user who pays.
    pub user: OwnerId,
    /// The job's batch, if it belongs to one.
    pub batch: Option<BatchId>,
    /// The period in which the job was admitted. It is counted, reserved and billed there, however
    /// late it starts or ends.
    pub period: Period,
    /// The job's size.
    pub work: Work,
    /// The price of a token.
    pub price: Money,
    /// Whether the job is a preview, which is no job to quotas.
    pub is_preview: bool,
}

impl Charge {
    /// What the job costs if it runs to its last simulation, which is the most it can cost.
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
