//! The ledger: entries that survive, written by one leader at a time. Implementations stand beside this file; what is
//! written, and when, is decided by the coordinator.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use carlo_types::Epoch;

use crate::key::Key;

/// The largest value, in bytes. etcd refuses requests of 1.5 MiB, so a value of this size always fits in one.
pub const VALUE_BYTES_MAX: usize = 512 * 1024;
/// The most writes of one commit.
pub const COMMIT_WRITES_MAX: usize = 16_384;
/// The most bytes of one commit, keys and values together.
pub const COMMIT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Durable entries with one writer at a time.
///
/// An operation whose future is dropped before it is ready may still happen.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Becomes the only writer: returns a new epoch, larger than every earlier one. Whoever wrote before is fenced from
    /// now on. Where several coordinators share the ledger, it waits for its turn.
    async fn lead(&self) -> Result<Epoch, LedgerError>;

    /// Makes all of `writes`, in their order, or none of them, if `epoch` still leads. When it returns `Ok` they are
    /// durable and every later read sees them. An empty commit asks whether `epoch` still leads.
    ///
    /// [`LedgerError::Fenced`] and the refusals of a commit that is too large mean that nothing was written. After
    /// [`LedgerError::Storage`] or [`LedgerError::Closed`] nobody knows: a leader must give up its epoch and read again.
    async fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> Result<(), LedgerError>;

    /// Whether several coordinators share it, each waiting for its turn to lead.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether `epoch` may still lead, as far as that can be told without asking anybody. `false` is final.
    fn holds(&self, _epoch: Epoch) -> bool {
        true
    }

    /// Resolves once `epoch` no longer [holds](Self::holds). Never, where nobody else can lead.
    async fn deposed(&self, _epoch: Epoch) {
        std::future::pending::<()>().await;
    }

    /// Gives up leading, or waiting for it, so that another one needn't wait. Best effort; the epoch is fenced either way by the
    /// next [`lead`](Self::lead).
    async fn resign(&self) {}

    /// The address of whoever leads, where several coordinators share the ledger and one of them leads.
    async fn leader(&self) -> Result<Option<String>, LedgerError> {
        Ok(None)
    }

    /// How many other coordinators wait for their turn to lead.
    async fn standbys(&self) -> Result<u64, LedgerError> {
        Ok(0)
    }

    /// How large its file is, where it has one.
    fn size_bytes(&self) -> Option<u64> {
        None
    }

    /// The value of `key`, if there is an entry.
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, LedgerError>;

    /// The first `limit` of the entries whose keys begin with `prefix` and come after `after`, in ascending order of
    /// their keys. Each call sees one state of the ledger; a commit may come between two calls.
    async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, LedgerError>;
}

/// One change of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// The key has this value from now on.
    Put(Key, Bytes),
    /// The key has no entry from now on, whether or not it had one.
    Delete(Key),
}

impl Write {
    /// Its size: that of the key, and of the value if it has one.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Put(key, value) => key.as_str().len() + value.len(),
            Self::Delete(key) => key.as_str().len(),
        }
    }
}

/// Why a ledger did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// Another leader writes now; nothing of this commit was written.
    #[error("this coordinator no longer leads: {}", leading(*current))]
    Fenced {
        /// The epoch that leads; 0 where none does at the moment.
        current: Epoch,
    },
    /// What the ledger was configured with can't work.
    #[error("failed to use the ledger at {at}: {reason}")]
    Refused {
        /// Where.
        at: String,
        /// Why.
        reason: String,
    },
    /// A value is larger than [`VALUE_BYTES_MAX`].
    #[error("the value of {key} has {bytes} bytes, more than the {VALUE_BYTES_MAX} that a ledger takes")]
    ValueTooLarge {
        /// Whose value.
        key: Key,
        /// Its size.
        bytes: usize,
    },
    /// A commit is larger than [`COMMIT_WRITES_MAX`] or [`COMMIT_BYTES_MAX`].
    #[error(
        "a commit of {writes} writes and {bytes} bytes is more than a ledger takes at once \
         ({COMMIT_WRITES_MAX} writes, {COMMIT_BYTES_MAX} bytes)"
    )]
    CommitTooLarge {
        /// Its writes.
        writes: usize,
        /// Its size: keys and values.
        bytes: usize,
    },
    /// The ledger's file is open elsewhere.
    #[error("the ledger {} is in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The ledger's file or its directory can't be opened or made.
    #[error("failed to {doing} {}", path.display())]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// What was being done, to finish the words "failed to".
        doing: &'static str,
        /// What the system said.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The file is something else, or is damaged.
    #[error("the file {} is not a carlo ledger, or it is damaged: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The ledger was written by a later version of carlo.
    #[error(
        "the ledger {} has schema version {found}, and this carlo knows versions up to {known}: use the carlo that \
         wrote it, or a later one", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: u64,
        /// The latest version known here.
        known: u64,
    },
    /// The storage failed. If it failed during a commit, whether that was kept is not known.
    #[error("the ledger failed to {doing}")]
    Storage {
        /// What was being done, to finish the words "failed to".
        doing: &'static str,
        /// What the storage said.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The ledger is closed, or its writer has ended. Whether a commit under way was kept is not known.
    #[error("the ledger is closed")]
    Closed,
}

impl LedgerError {
    /// Whether it may work later, or elsewhere, with a new [`Ledger::lead`]: this epoch has ended, or the storage doesn't answer.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Fenced { .. } | Self::Storage { .. } | Self::Closed)
    }

    /// A failure to open or make the ledger at `path`.
    pub(crate) fn open(path: &Path, doing: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Open { path: path.to_owned(), doing, source: Arc::new(source) }
    }

    /// A failure of the storage while it did what finishes the words "failed to".
    pub(crate) fn storage(doing: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Storage { doing, source: Arc::new(source) }
    }
}

fn leading(current: Epoch) -> String {
    if current > Epoch(0) { format!("epoch {current} does") } else { "nobody does".to_owned() }
}

/// Whether `epoch` is the one that leads. Before the first [`Ledger::lead`] none does, and `current` is 0.
pub(crate) fn check_epoch(epoch: Epoch, current: Epoch) -> Result<(), LedgerError> {
    if epoch == current && current > Epoch(0) { Ok(()) } else { Err(LedgerError::Fenced { current }) }
}

/// Whether a commit of `writes` is within the limits that hold for every ledger.
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
