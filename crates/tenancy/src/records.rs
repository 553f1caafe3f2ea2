//! The durable records. The caller encodes and stores them.

use carlo_types::{BatchId, JobId, OwnerId};

use crate::budget::Budget;
use crate::join_tokens::{JoinToken, JoinTokenId};
use crate::keys::{Key, KeyId};
use crate::metering::Charge;
use crate::period::Period;
use crate::usage::Usage;

/// The identity of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum RecordId {
    Key(KeyId),
    Usage(OwnerId, Period),
    Charge(JobId),
    Budget(BatchId),
    /// A join token.
    JoinToken(JoinTokenId),
}

/// A record: a whole value, not a difference, so that writing it twice has no further effect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Record {
    Key(Key),
    Usage(OwnerId, Period, Usage),
    Charge(Charge),
    Budget(Budget),
    /// A join token.
    JoinToken(JoinToken),
}

impl Record {
    /// Its identity.
    pub fn id(&self) -> RecordId {
        match self {
            Self::Key(key) => RecordId::Key(key.id),
            Self::Usage(user, period, _) => RecordId::Usage(user.clone(), *period),
            Self::Charge(charge) => RecordId::Charge(charge.job),
            Self::Budget(budget) => RecordId::Budget(budget.batch),
            Self::JoinToken(token) => RecordId::JoinToken(token.id),
        }
    }
}

/// A change of the durable state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Sets the record to this value.
    Put(Record),
    /// Removes the record. It is no error if there is none.
    Delete(RecordId),
}
