//! The ledger: durable entries, written by one leader at a time. The implementations are beside
//! this file. The coordinator decides what is written and when.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carlo_types::Epoch;

use crate::key::Key;

/// The largest value, in bytes. etcd refuses requests of 1.5 MiB, so a value of this size always
/// fits in one.
pub const VALUE_BYTES_MAX: usize = 512 * 1024;
/// The most writes in one commit.
pub const COMMIT_WRITES_MAX: usize = 16_384;
/// The most bytes in one commit, keys and values together.
pub const COMMIT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The most standbys that are listed.
pub const STANDBYS_MAX: usize = 64;

/// A coordinator that waits to lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standby {
    /// The address that the others see.
    pub address: String,
    /// What it says about itself, see [`Ledger::introduce`]; empty if it said nothing yet.
    pub facts: Bytes,
}

/// Durable entries with one writer at a time.
///
/// An operation may still be executed after its future was dropped.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Makes the caller the only writer: returns a new epoch, larger than every earlier one. The
    /// previous leader is fenced from now on. Where several coordinators share the ledger, it waits
    /// for its turn.
    async fn lead(&self) -> Result<Epoch, LedgerError>;

    /// Applies all of `writes` in order, or none of them, if `epoch` still leads. When it returns
    /// `Ok` they are durable and every later read sees them. An empty commit checks whether `epoch`
    /// still leads.
    ///
    /// [`LedgerError::Fenced`], [`LedgerError::ValueTooLarge`] and [`LedgerError::CommitTooLarge`]
    /// mean that nothing was written. After [`LedgerError::Storage`] or [`LedgerError::Closed`] the
    /// outcome is unknown: a leader must give up its epoch and read the ledger again.
    async fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> Result<(), LedgerError>;

    /// What keeps the entries: `redb`, `etcd` or `memory`.
    fn kind(&self) -> &'static str;

    /// Whether several coordinators share the ledger, each waiting for its turn to lead.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether `epoch` may still lead, as far as is known locally. `false` is final.
    fn holds(&self, _epoch: Epoch) -> bool {
        true
    }

    /// Resolves once `epoch` no longer [holds](Self::holds). Pending forever where nobody else can
    /// lead.
    async fn deposed(&self, _epoch: Epoch) {
        std::future::pending::<()>().await;
    }

    /// Gives up leading, or waiting for it, so that another coordinator needn't wait. Best effort:
    /// the next [`lead`](Self::lead) fences the epoch in any case.
    async fn resign(&self) {}

    /// The leader's address, if several coordinators share the ledger and one of them leads.
    async fn leader(&self) -> Result<Option<String>, LedgerError> {
        Ok(None)
    }

    /// Sets what the others learn about this coordinator while it waits to lead. The latest value
    /// is published, and it is gone together with the candidacy.
    fn introduce(&self, _facts: Bytes) {}

    /// The coordinators that wait to lead, the next leader first, at most
    /// [`STANDBYS_MAX`] of them.
    async fn standbys(&self) -> Result<Vec<Standby>, LedgerError> {
        Ok(Vec::new())
    }

    /// The size of the ledger's file, if it has one.
    fn size_bytes(&self) -> Option<u64> {
        None
    }

    /// Returns unused space of the ledger's file to the system, if there is much of it and that
    /// takes less than about a second. Commits and reads wait meanwhile, so callers choose a moment
    /// when nobody commits. Returns what was gained; `None` if nothing was tried.
    async fn compact(&self) -> Result<Option<Compaction>, LedgerError> {
        Ok(None)
    }

    /// The value of `key`, if it has an entry.
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, LedgerError>;

    /// The first `limit` entries whose keys begin with `prefix` and come after `after`, in
    /// ascending order of their keys. Each call reads one state of the ledger. A commit may come
    /// between two calls.
    async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, LedgerError>;
}

/// What a compaction has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Compaction {
    pub bytes_before: u64,
    pub bytes_after: u64,
    pub took: Duration,
}

/// One write of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets the value of a key.
    Put(Key, Bytes),
    /// Removes the entry of a key. It is no error if there is none.
    Delete(Key),
}

impl Write {
    /// The size of the key and the value.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Put(key, value) => key.as_str().len() + value.len(),
            Self::Delete(key) => key.as_str().len(),
        }
    }
}

/// Why an operation failed.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants and their fields")]
pub enum LedgerError {
    /// Another leader writes now. Nothing of this commit was written.
    #[error("this coordinator no longer leads: {}", leading(*current))]
    Fenced {
        /// The epoch that leads; 0 if none does at the moment.
        current: Epoch,
    },
    /// The configuration can't work, or the ledger rejects this user.
    #[error("failed to use the ledger at {at}: {reason}")]
    Refused { at: String, reason: String },
    #[error("the value of {key} has {bytes} bytes, above the limit of {VALUE_BYTES_MAX}")]
    ValueTooLarge { key: Key, bytes: usize },
    #[error(
        "a commit of {writes} writes and {bytes} bytes exceeds the limits \
         ({COMMIT_WRITES_MAX} writes, {COMMIT_BYTES_MAX} bytes)"
    )]
    CommitTooLarge { writes: usize, bytes: usize },
    #[error("the ledger {} is in use by another process", path.display())]
    InUse { path: PathBuf },
    #[error("failed to {doing} {}", path.display())]
    Open {
        path: PathBuf,
        /// Completes the words "failed to".
        doing: &'static str,
        source: Arc<dyn Error + Send + Sync>,
    },
    #[error("the file {} is not a carlo ledger, or it is damaged: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error(
        "the ledger {} has schema version {found}, and this carlo knows versions up to {known}: use the carlo that \
         wrote it, or a later one", path.display()
    )]
    Newer { path: PathBuf, found: u64, known: u64 },
    /// The storage failed. After a failed commit it is unknown whether it was written.
    #[error("the ledger failed to {doing}")]
    Storage {
        /// Completes the words "failed to".
        doing: &'static str,
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The ledger is closed, or its writer has ended. It is unknown whether a commit in progress
    /// was written.
    #[error("the ledger is closed")]
    Closed,
}

impl LedgerError {
    /// Whether a new [`Ledger::lead`] may succeed, here or elsewhere: this epoch has ended, or the
    /// storage doesn't answer.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Fenced { .. } | Self::Storage { .. } | Self::Closed)
    }

    pub(crate) fn open(path: &Path, doing: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Open { path: path.to_owned(), doing, source: Arc::new(source) }
    }

    pub(crate) fn storage(doing: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Storage { doing, source: Arc::new(source) }
    }
}

fn leading(current: Epoch) -> String {
    if current > Epoch(0) { format!("epoch {current} does") } else { "nobody does".to_owned() }
}

/// Checks that `epoch` leads. Before the first [`Ledger::lead`] none does, and `current` is 0.
pub(crate) fn check_epoch(epoch: Epoch, current: Epoch) -> Result<(), LedgerError> {
    if epoch == current && current > Epoch(0) { Ok(()) } else { Err(LedgerError::Fenced { current }) }
}

/// Checks `writes` against the limits that hold for every ledger.
pub(crate) fn check_limits(writes: &[Write]) -> Result<(), LedgerError> {
    let mut bytes = 0;
    for write in writes {
        if let Write::Put(key, value) = write
            && value.len() > VALUE_BYTES_MAX
        {
            return Err(LedgerError::ValueTooLarge { key: key.clone(), bytes: value.len() });
        }
        bytes += write.bytes();
    }
    if writes.len() > COMMIT_WRITES_MAX || bytes > COMMIT_BYTES_MAX {
        return Err(LedgerError::CommitTooLarge { writes: writes.len(), bytes });
    }
    Ok(())
}
