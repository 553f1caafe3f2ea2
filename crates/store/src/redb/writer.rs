//! The thread that writes. All requests go through one bounded queue. What waits in the queue is
//! written in one transaction, so the requests share the wait for the disk.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use ::redb::{Database, Durability, ReadableTable, StorageError, Table};
use carlo_types::Epoch;
use tokio::sync::{mpsc, oneshot};

use super::{ENTRIES, EPOCH, META};
use crate::ledger::{LedgerError, Write, check_epoch};

/// Requests in one transaction. A larger group would share the wait for the disk further, but the
/// first request would wait for the pages of the others.
const GROUP_REQUESTS_MAX: usize = 64;
/// Requests in the queue. Further callers wait for room.
const QUEUED_REQUESTS_MAX: usize = 256;

/// A request and the channel for its answer: the epoch that leads, if the request succeeded.
pub(super) struct Request {
    pub(super) operation: Operation,
    pub(super) reply: oneshot::Sender<Result<Epoch, LedgerError>>,
}

pub(super) enum Operation {
    /// Start a new epoch.
    Lead,
    /// Apply these writes, if this epoch leads.
    Commit { epoch: Epoch, writes: Vec<Write> },
}

/// Starts the thread. It ends when every sender is gone and the queue is empty.
pub(super) fn start(database: Arc<Database>) -> io::Result<(mpsc::Sender<Request>, JoinHandle<()>)> {
    let (sender, mut requests) = mpsc::channel(QUEUED_REQUESTS_MAX);
    let thread = thread::Builder::new().name("ledger-writer".to_owned()).spawn(move || {
        let mut group = Vec::with_capacity(GROUP_REQUESTS_MAX);
        while requests.blocking_recv_many(&mut group, GROUP_REQUESTS_MAX) > 0 {
            write_group(&database, &mut group);
        }
    })?;
    Ok((sender, thread))
}

/// Writes a group and answers each of its requests. Leaves `group` empty.
fn write_group(database: &Database, group: &mut Vec<Request>) {
    let outcomes = write(database, group).map_err(|source| {
        tracing::error!(error = %source, requests = group.len(), "the ledger failed to commit");
        LedgerError::storage("commit", source)
    });
    for (index, request) in group.drain(..).enumerate() {
        let answer = match &outcomes {
            Ok(outcomes) => outcomes[index].clone(),
            Err(error) => Err(error.clone()),
        };
        // The caller may be gone.
        let _ = request.reply.send(answer);
    }
}

/// The outcome of each request, in order, once everything they wrote is on disk. A fenced request
/// writes nothing and doesn't affect the others.
fn write(database: &Database, group: &[Request]) -> Result<Vec<Result<Epoch, LedgerError>>, ::redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // Without it redb reads the whole file when it opens it after a crash.
    transaction.set_quick_repair(true);

    let mut outcomes = Vec::with_capacity(group.len());
    {
        let mut meta = transaction.open_table(META)?;
        let mut entries = transaction.open_table(ENTRIES)?;
        let mut current = Epoch(meta.get(EPOCH)?.map_or(0, |epoch| epoch.value()));
        for request in group {
            outcomes.push(match &request.operation {
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
