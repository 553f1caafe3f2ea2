//! A ledger in memory, for tests and simulations. Tests restart a coordinator by sharing the ledger
//! with the next one, and can make commits fail. Nothing here is durable.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use carlo_types::Epoch;

use crate::key::Key;
use crate::ledger::{Ledger, LedgerError, Write, check_epoch, check_limits};

/// How a commit fails. In both cases the caller gets [`LedgerError::Storage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// Nothing is written.
    Lost,
    /// Everything is written, but reported as failed.
    Unacknowledged,
}

/// A ledger in memory.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    epoch: Epoch,
    entries: BTreeMap<Key, Bytes>,
    faults: VecDeque<CommitFault>,
}

impl MemoryLedger {
    /// An empty ledger without a leader.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next commit fail. Further calls fail the commits after it. A commit that is
    /// refused for another reason does not count.
    pub fn fail_next_commit(&self, fault: CommitFault) {
        self.state().faults.push_back(fault);
    }

    /// The epoch that leads.
    pub fn epoch(&self) -> Epoch {
        self.state().epoch
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere can't leave the state half changed: nothing below panics during a
        // change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn lead(&self) -> Result<Epoch, LedgerError> {
        let mut state = self.state();
        state.epoch.0 += 1;
        Ok(state.epoch)
    }

    async fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> Result<(), LedgerError> {
        check_limits(&writes)?;
        let mut state = self.state();
        check_epoch(epoch, state.epoch)?;
        let fault = state.faults.pop_front();
        if fault != Some(CommitFault::Lost) {
            for write in writes {
                match write {
                    Write::Put(key, value) => state.entries.insert(key, value),
                    Write::Delete(key) => state.entries.remove(&key),
                };
            }
        }
        match fault {
            Some(_) => Err(LedgerError::storage("commit", io::Error::other("a fault was injected"))),
            None => Ok(()),
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, LedgerError> {
        Ok(self.state().entries.get(key).cloned())
    }

    async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, LedgerError> {
        let start = match after {
            Some(after) if after.as_str() >= prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(prefix),
        };
        let entries = &self.state().entries;
        let found = entries.range::<str, _>((start, Bound::Unbounded));
        let found = found.take_while(|(key, _)| key.as_str().starts_with(prefix)).take(limit);
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    crate::conformance_tests!(async || Arc::new(MemoryLedger::new()));

    async fn commit_of_one(
        ledger: &MemoryLedger,
        fault: CommitFault,
    ) -> (Result<(), LedgerError>, Option<Bytes>) {
        let epoch = ledger.lead().await.unwrap();
        let key = Key::new("a").unwrap();
        ledger.fail_next_commit(fault);
        let answer = ledger.commit(epoch, vec![Write::Put(key.clone(), Bytes::from_static(b"1"))]).await;
        (answer, ledger.get(&key).await.unwrap())
    }

    #[tokio::test]
    async fn a_lost_commit_is_not_there_and_an_unacknowledged_one_is() {
        let ledger = MemoryLedger::new();
        let (answer, found) = commit_of_one(&ledger, CommitFault::Lost).await;
        assert!(matches!(answer, Err(LedgerError::Storage { .. })), "{answer:?}");
        assert_eq!(found, None);

        let (answer, found) = commit_of_one(&ledger, CommitFault::Unacknowledged).await;
        assert!(matches!(answer, Err(LedgerError::Storage { .. })), "{answer:?}");
        assert_eq!(found, Some(Bytes::from_static(b"1")));
    }
}
