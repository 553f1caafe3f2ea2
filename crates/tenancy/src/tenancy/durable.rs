//! Restores the state from durable records, and collects changes for them.

use std::collections::BTreeMap;

use carlo_types::{BatchId, JobId, Money, Timestamp};

use super::Tenancy;
use crate::budget::Budget;
use crate::records::{Change, Record, RecordId};
use crate::terms::Terms;

/// Why records can't be from one tenancy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants and their fields")]
pub enum Contradiction {
    /// Two records have the same identity, or two keys the same secret.
    #[error("two records are alike: {0:?}")]
    Twice(RecordId),
    #[error("the open job {job} is of {batch}, which has no budget")]
    NoBudget { job: JobId, batch: BatchId },
    #[error("the open job {job} and its batch {batch} are of different users or periods")]
    OtherBill { job: JobId, batch: BatchId },
    #[error("{0} is past its budget")]
    PastCap(BatchId),
}

impl Tenancy {
    /// Restores the tenancy from its records, in any order. Terms are not recorded: the current
    /// ones apply, but open jobs keep their price.
    pub fn restore(terms: Terms, records: impl IntoIterator<Item = Record>) -> Result<Self, Contradiction> {
        let mut tenancy = Self::new(terms);
        let mut charges = BTreeMap::new();
        for record in records {
            let id = record.id();
            let is_new = match record {
                Record::Key(key) => matches!(tenancy.keys.insert(key), Ok(None)),
                Record::JoinToken(token) => {
                    // As many as there are were kept, whatever the time is now.
                    matches!(tenancy.join_tokens.insert(token, Timestamp(0)), Ok(None))
                }
                Record::Usage(user, period, usage) => {
                    let is_new = tenancy.accounts.usage(&user, period).is_none();
                    *tenancy.accounts.usage_mut(&user, period).0 = usage;
                    is_new
                }
                Record::Charge(charge) => charges.insert(charge.job, charge).is_none(),
                Record::Budget(mut budget) => {
                    // These are derived from the charges.
                    (budget.open, budget.open_jobs) = (Money::ZERO, 0);
                    tenancy.budgets.insert(budget.batch, budget).is_none()
                }
            };
            if !is_new {
                return Err(Contradiction::Twice(id));
            }
        }
        for (job, charge) in charges {
            if let Some(batch) = charge.batch {
                let budget = tenancy.budget(batch).ok_or(Contradiction::NoBudget { job, batch })?;
                if (&budget.user, budget.period) != (&charge.user, charge.period) {
                    return Err(Contradiction::OtherBill { job, batch });
                }
            }
            tenancy.open(charge);
        }
        let is_past = |budget: &&Budget| budget.cap.is_some_and(|cap| budget.spent.cost > cap);
        match tenancy.budgets.values().find(is_past) {
            Some(budget) => Err(Contradiction::PastCap(budget.batch)),
            None => Ok(tenancy),
        }
    }

    /// The changes since the last call, each record once. They must be committed, together with the
    /// records of the same events, before any caller is answered. If that fails the tenancy must be
    /// restored from what is durable.
    #[must_use]
    pub fn take_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .map(|id| self.record(&id).map_or_else(|| Change::Delete(id), Change::Put))
            .collect()
    }

    /// The current record with this identity.
    fn record(&self, id: &RecordId) -> Option<Record> {
        match id {
            RecordId::Key(id) => self.key(*id).cloned().map(Record::Key),
            RecordId::Usage(user, period) => {
                let usage = self.accounts.usage(user, *period)?.clone();
                Some(Record::Usage(user.clone(), *period, usage))
            }
            RecordId::Charge(job) => self.charge(*job).cloned().map(Record::Charge),
            RecordId::Budget(batch) => self.budget(*batch).cloned().map(Record::Budget),
            RecordId::JoinToken(id) => self.join_tokens.get(*id).cloned().map(Record::JoinToken),
        }
    }
}
