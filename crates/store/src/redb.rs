//! The embedded ledger: one redb database in one file, for a single coordinator. This file reads.
//! The thread in `writer` does all writing, and `file` creates, opens and checks the database.

mod file;
#[cfg(test)]
mod tests;
mod writer;

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use ::redb::backends::InMemoryBackend;
use ::redb::{Database, ReadTransaction, ReadableDatabase, StorageBackend, TableDefinition};
use async_trait::async_trait;
use bytes::Bytes;
use carlo_types::Epoch;
use tokio::sync::{RwLock, mpsc, oneshot};

use self::writer::{Operation, Request};
use crate::key::Key;
use crate::ledger::{Compaction, Ledger, LedgerError, Write, check_limits};

/// The entries, by key.
const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");
/// Numbers about the ledger itself: [`SCHEMA`] and [`EPOCH`].
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// In [`META`]: the version of this layout of tables.
const SCHEMA: &str = "schema";
/// In [`META`]: the epoch that leads; absent before the first one.
const EPOCH: &str = "epoch";
/// The version of the tables that this code reads and writes.
const SCHEMA_VERSION: u64 = 1;

/// A ledger in one file. Only one process can have it open.
///
/// A commit is on disk before it is acknowledged, and commits that wait at the same time share one
/// write. Dropping the ledger finishes what is queued, which takes some milliseconds, and closes
/// the file.
#[derive(Debug)]
pub struct RedbLedger {
    /// Locked for writing during a compaction alone, for which redb wants nobody else to use it.
    database: Arc<RwLock<Database>>,
    /// The ledger's file; `None` if it isn't in a file.
    path: Option<PathBuf>,
    /// `None` only during `drop`.
    requests: Option<mpsc::Sender<Request>>,
    /// `None` only during `drop`.
    writer: Option<JoinHandle<()>>,
}

impl RedbLedger {
    /// Opens the ledger at `path`, or creates it: missing directories with mode 0700, the file with
    /// mode 0600. Blocks while it reads and checks the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        let database = file::open(path)?;
        tracing::info!(path = %path.display(), "ledger open");
        Self::serve(database, Some(path.to_owned()))
    }

    /// A ledger in memory, for a cluster that lives as long as one command.
    pub fn temporary() -> Result<Self, LedgerError> {
        Self::over(InMemoryBackend::new())
    }

    /// A ledger over other storage, such as a failing disk in tests. Creates the ledger if the
    /// storage is empty.
    pub fn over(storage: impl StorageBackend) -> Result<Self, LedgerError> {
        Self::serve(file::open_over(storage)?, None)
    }

    fn serve(database: Database, path: Option<PathBuf>) -> Result<Self, LedgerError> {
        let database = Arc::new(RwLock::new(database));
        let (requests, writer) = writer::start(Arc::clone(&database), path.clone())
            .map_err(|source| LedgerError::storage("start its writer thread", source))?;
        Ok(Self { database, path, requests: Some(requests), writer: Some(writer) })
    }

    async fn request(&self, operation: Operation) -> Result<Epoch, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Write { operation, reply }).await?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }

    async fn send(&self, request: Request) -> Result<(), LedgerError> {
        let requests = self.requests.as_ref().expect("only drop takes the sender");
        requests.send(request).await.map_err(|_| LedgerError::Closed)
    }

    /// Compacts the file if that is worth it, or in any case if it is forced.
    async fn request_compaction(&self, is_forced: bool) -> Result<Option<Compaction>, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Compact { is_forced, reply }).await?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }

    /// Runs `read` over one state of the database, on a thread that may block. The thread owns the
    /// transaction but not the database, so a read whose caller is gone doesn't keep a dropped
    /// ledger open.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, ::redb::Error> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let began = self.database.read().await.begin_read();
        let transaction = began.map_err(|source| LedgerError::storage("begin a read", source))?;
        match tokio::task::spawn_blocking(move || read(&transaction)).await {
            Ok(answer) => answer.map_err(|source| LedgerError::storage("read", source)),
            Err(ended) if ended.is_panic() => Err(LedgerError::storage("read", ended)),
            Err(_runtime_is_shutting_down) => Err(LedgerError::Closed),
        }
    }
}

impl Drop for RedbLedger {
    fn drop(&mut self) {
        // Without a sender the writer ends after what is queued. Then `database` is the last owner
        // and closes the file.
        drop(self.requests.take());
        if let Some(Err(_)) = self.writer.take().map(JoinHandle::join) {
            tracing::error!("the ledger's writer thread panicked");
        }
    }
}

#[async_trait]
impl Ledger for RedbLedger {
    fn kind(&self) -> &'static str {
        "redb"
    }

    fn size_bytes(&self) -> Option<u64> {
        Some(std::fs::metadata(self.path.as_ref()?).ok()?.len())
    }

    async fn lead(&self) -> Result<Epoch, LedgerError> {
        self.request(Operation::Lead).await
    }

    async fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> Result<(), LedgerError> {
        check_limits(&writes)?;
        self.request(Operation::Commit { epoch, writes }).await.map(|_| ())
    }

    async fn compact(&self) -> Result<Option<Compaction>, LedgerError> {
        self.request_compaction(false).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, LedgerError> {
        let key = key.clone();
        self.read(move |transaction| {
            let found = transaction.open_table(ENTRIES)?.get(key.as_str())?;
            Ok(found.map(|value| Bytes::copy_from_slice(value.value())))
        })
        .await
    }

    async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, LedgerError> {
        let prefix = prefix.to_owned();
        let after = after.cloned();
        self.read(move |transaction| {
            let start = match &after {
                Some(after) if after.as_str() >= prefix.as_str() => Bound::Excluded(after.as_str()),
                _ => Bound::Included(prefix.as_str()),
            };
            let mut page = Vec::new();
            for entry in transaction.open_table(ENTRIES)?.range::<&str>((start, Bound::Unbounded))? {
                let (key, value) = entry?;
                if page.len() == limit || !key.value().starts_with(&prefix) {
                    break;
                }
                let key =
                    Key::new(key.value()).map_err(|error| ::redb::Error::Corrupted(error.to_string()))?;
                page.push((key, Bytes::copy_from_slice(value.value())));
            }
            Ok(page)
        })
        .await
    }
}
