//! The thread that writes. All requests go through one bounded queue. What waits in the queue is
//! written in one transaction, so the requests share the wait for the disk. The same thread
//! compacts the file, so that no transaction is open meanwhile.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ::redb::{CompactionError, Database, Durability, ReadableTable, StorageError, Table};
use carlo_types::Epoch;
use tokio::sync::{RwLock, mpsc, oneshot};

use super::{ENTRIES, EPOCH, META};
use crate::ledger::{Compaction, LedgerError, Write, check_epoch};

/// Requests in one transaction. A larger group would share the wait for the disk further, but the
/// first request would wait for the pages of the others.
const GROUP_REQUESTS_MAX: usize = 64;
/// Requests in the queue. Further callers wait for room.
const QUEUED_REQUESTS_MAX: usize = 256;

/// Smaller files are not compacted: there is little to gain.
const COMPACTED_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// Files that would probably take longer than this are not compacted either, because commits wait
/// meanwhile.
const COMPACTION_MAX: Duration = Duration::from_secs(1);
/// How fast files are compacted, until that has been measured.
const BYTES_PER_SECOND: f64 = 128.0 * 1024.0 * 1024.0;

/// A request and the channel for its answer.
pub(super) enum Request {
    /// The answer is the epoch that leads, if the request succeeded.
    Write { operation: Operation, reply: oneshot::Sender<Result<Epoch, LedgerError>> },
    /// Compact the file; only if that is worth it, unless it is forced.
    Compact { is_forced: bool, reply: oneshot::Sender<Result<Option<Compaction>, LedgerError>> },
}

pub(super) enum Operation {
    /// Start a new epoch.
    Lead,
    /// Apply these writes, if this epoch leads.
    Commit { epoch: Epoch, writes: Vec<Write> },
}

/// Starts the thread. It ends when every sender is gone and the queue is empty.
pub(super) fn start(
    database: Arc<RwLock<Database>>,
    path: Option<PathBuf>,
) -> io::Result<(mpsc::Sender<Request>, JoinHandle<()>)> {
    let (sender, mut requests) = mpsc::channel(QUEUED_REQUESTS_MAX);
    let mut writer = Writer { database, path, written_bytes: u64::MAX, bytes_per_second: BYTES_PER_SECOND };
    let thread = thread::Builder::new().name("ledger-writer".to_owned()).spawn(move || {
        let mut group = Vec::with_capacity(GROUP_REQUESTS_MAX);
        while requests.blocking_recv_many(&mut group, GROUP_REQUESTS_MAX) > 0 {
            writer.serve(&mut group);
        }
    })?;
    Ok((sender, thread))
}

struct Writer {
    database: Arc<RwLock<Database>>,
    /// The ledger's file; `None` if it isn't in a file.
    path: Option<PathBuf>,
    /// Bytes that were written since the last compaction, which is as much space as may have become
    /// unused. Unknown, and taken for a lot, until the first compaction.
    written_bytes: u64,
    /// How fast the last compaction was.
    bytes_per_second: f64,
}

type WriteRequest = (Operation, oneshot::Sender<Result<Epoch, LedgerError>>);

impl Writer {
    /// Serves a group of requests and leaves it empty.
    fn serve(&mut self, group: &mut Vec<Request>) {
        let (mut writes, mut compactions) = (Vec::with_capacity(group.len()), Vec::new());
        for request in group.drain(..) {
            match request {
                Request::Write { operation, reply } => writes.push((operation, reply)),
                Request::Compact { is_forced, reply } => compactions.push((is_forced, reply)),
            }
        }
        if !writes.is_empty() {
            self.write_group(writes);
        }
        for (is_forced, reply) in compactions {
            // The caller may be gone.
            let _ = reply.send(self.compact(is_forced));
        }
    }

    /// Writes a group and answers each of its requests.
    fn write_group(&mut self, group: Vec<WriteRequest>) {
        let written = write(&self.database.blocking_read(), &group);
        let outcomes = written.map_err(|source| {
            tracing::error!(error = %source, requests = group.len(), "the ledger failed to commit");
            LedgerError::storage("commit", source)
        });
        for (index, (operation, reply)) in group.into_iter().enumerate() {
            let answer = match &outcomes {
                Ok(outcomes) => outcomes[index].clone(),
                Err(error) => Err(error.clone()),
            };
            if let (Operation::Commit { writes, .. }, Ok(_)) = (&operation, &answer) {
                let bytes: usize = writes.iter().map(Write::bytes).sum();
                self.written_bytes = self.written_bytes.saturating_add(bytes as u64);
            }
            // The caller may be gone.
            let _ = reply.send(answer);
        }
    }

    fn compact(&mut self, is_forced: bool) -> Result<Option<Compaction>, LedgerError> {
        let Some(path) = &self.path else { return Ok(None) };
        let bytes = || {
            let metadata = std::fs::metadata(path);
            metadata.map(|file| file.len()).map_err(|source| LedgerError::storage("measure its file", source))
        };
        let bytes_before = bytes()?;
        let is_worth_it = bytes_before >= COMPACTED_BYTES_MIN && self.written_bytes >= bytes_before / 2;
        let is_quick = bytes_before as f64 / self.bytes_per_second <= COMPACTION_MAX.as_secs_f64();
        let is_due = is_worth_it && is_quick;
        if !is_due && !is_forced {
            return Ok(None);
        }
        let began = Instant::now();
        match self.database.blocking_write().compact() {
            Ok(_) => {}
            // Somebody reads. Another time will do.
            Err(CompactionError::TransactionInProgress) => return Ok(None),
            Err(source) => return Err(LedgerError::storage("compact its file", source)),
        }
        let took = began.elapsed();
        self.written_bytes = 0;
        self.bytes_per_second = bytes_before as f64 / took.as_secs_f64().max(0.001);
        Ok(Some(Compaction { bytes_before, bytes_after: bytes()?, took }))
    }
}

/// The outcome of each request, in order, once everything they wrote is on disk. A fenced request
/// writes nothing and doesn't affect the others.
fn write(
    database: &Database,
    group: &[WriteRequest],
) -> Result<Vec<Result<Epoch, LedgerError>>, ::redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // Without it redb reads the whole file when it opens it after a crash.
    transaction.set_quick_repair(true);

    let mut outcomes = Vec::with_capacity(group.len());
    {
        let mut meta = transaction.open_table(META)?;
        let mut entries = transaction.open_table(ENTRIES)?;
        let mut current = Epoch(meta.get(EPOCH)?.map_or(0, |epoch| epoch.value()));
        for (operation, _) in group {
            outcomes.push(match operation {
                Operation::Lead => {
                    current.0 += 1;
                    meta.insert(EPOCH, current.0)?;
                    Ok(current)
                }
                Operation::Commit { epoch, writes } => {
                    let leads = check_epoch(*epoch, current);
                    if leads.is_ok() {
                        make(&mut entries, writes)?;
                    }
                    leads.map(|()| current)
                }
            });
        }
    }
    if outcomes.iter().any(Result::is_ok) {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok(outcomes)
}

/// Applies the writes of one commit, in order.
fn make(entries: &mut Table<'_, &str, &[u8]>, writes: &[Write]) -> Result<(), StorageError> {
    for write in writes {
        match write {
            Write::Put(key, value) => entries.insert(key.as_str(), &**value)?,
            Write::Delete(key) => entries.remove(key.as_str())?,
        };
    }
    Ok(())
}
