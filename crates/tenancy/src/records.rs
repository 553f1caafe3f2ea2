//! What must outlive the process. The caller decides how a record is encoded and where it lies.

use carlo_types::{BatchId, JobId, OwnerId};

use crate::budget::Budget;
use crate::keys::{Key, KeyId};
use crate::metering::Charge;
use crate::period::Period;
use crate::usage::Usage;

/// The name of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordId {
    /// A key.
    Key(KeyId),
    /// What a user has used in a period.
    Usage(OwnerId, Period),
    /// What an open job may cost.
    Charge(JobId),
    /// The budget of a batch.
    Budget(BatchId),
}

/// A record: a whole value, not a difference, so that writing it twice is writing it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A key.
    Key(Key),
    /// What a user has used in a period.
    Usage(OwnerId, Period, Usage),
    /// What an open job may cost.
    Charge(Charge),
    /// The budget of a batch.
    Budget(Budget),
}

impl Record {
    /// Its name.
    pub fn id(&self) -> RecordId {
        match self {
            Self::Key(key) => RecordId::Key(key.id),
            Self::Usage(user, period, _) => RecordId::Usage(user.clone(), *period),
            Self::Charge(charge) => RecordId::Charge(charge.job),
            Self::Budget(budget) => RecordId::Budget(budget.batch),
        }
    }
}

/// A change of the durable state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The record has this value from now on.
    Put(Record),
    /// There is no such record from now on, whether or not there was one.
    Delete(RecordId),
}
