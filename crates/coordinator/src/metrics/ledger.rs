//! A ledger that measures its commits.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use carlo_store::{Compaction, Key, Ledger, LedgerError, Standby, Write};
use carlo_types::Epoch;

use super::Instruments;

pub(crate) struct MeasuredLedger {
    pub(crate) inner: Arc<dyn Ledger>,
    pub(crate) instruments: Arc<Instruments>,
}

#[tonic::async_trait]
impl Ledger for MeasuredLedger {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    async fn lead(&self) -> Result<Epoch, LedgerError> {
        self.inner.lead().await
    }

    async fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> Result<(), LedgerError> {
        let (began, count) = (Instant::now(), writes.len());
        let committed = self.inner.commit(epoch, writes).await;
        if committed.is_ok() {
            self.instruments.committed(began.elapsed(), count);
        } else {
            self.instruments.commit_errors.inc();
        }
        committed
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn holds(&self, epoch: Epoch) -> bool {
        self.inner.holds(epoch)
    }

    async fn deposed(&self, epoch: Epoch) {
        self.inner.deposed(epoch).await;
    }

    async fn resign(&self) {
        self.inner.resign().await;
    }

    async fn leader(&self) -> Result<Option<String>, LedgerError> {
        self.inner.leader().await
    }

    fn introduce(&self, facts: Bytes) {
        self.inner.introduce(facts);
    }

    async fn standbys(&self) -> Result<Vec<Standby>, LedgerError> {
        self.inner.standbys().await
    }

    fn size_bytes(&self) -> Option<u64> {
        self.inner.size_bytes()
    }

    async fn compact(&self) -> Result<Option<Compaction>, LedgerError> {
        self.inner.compact().await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, LedgerError> {
        self.inner.get(key).await
    }

    async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, LedgerError> {
        self.inner.scan(prefix, after, limit).await
    }
}
