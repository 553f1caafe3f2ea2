//! The coordinator's ledger in a simulation: the real memory or redb one, slow like a disk, failing
//! when told to, on storage that outlives the coordinator.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carlo_store::{Key, Ledger, LedgerError, MemoryLedger, RedbLedger, Write};
use carlo_types::Epoch;
use futures::executor::block_on;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::runtime::{Builder, Runtime};

use crate::disk::Disk;
use crate::etcd::SimEtcd;
use crate::trace::{Trace, fingerprint};
use crate::world::Sabotage;

/// How often a ledger that acknowledges too early commits.
const WRITE_BACK_EVERY: Duration = Duration::from_millis(400);

/// Whose threads read. A host's own runtime would not let its clock go on until it had noticed that
/// such a thread is done, and when that is depends on the machine.
static READERS: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime without drivers can be built"));

/// What outlives the coordinator.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// A ledger that is shared by all coordinators, as etcd would be.
    Shared(Arc<MemoryLedger>),
    /// The disk under a redb file.
    Disk(Disk),
    /// An etcd, for which coordinators campaign.
    Etcd(Arc<SimEtcd>),
}

/// A ledger as one life of a coordinator has it.
pub(crate) struct SimLedger {
    inner: Arc<dyn Ledger>,
    random: Mutex<ChaCha8Rng>,
    trace: Trace,
    sabotage: Option<Sabotage>,
    /// The latest epoch that was ever led in this storage.
    latest: Arc<AtomicU64>,
    unwritten: Option<Arc<Unwritten>>,
}

/// What was acknowledged before it was committed. It dies with the coordinator.
pub(crate) struct Unwritten {
    ledger: Arc<dyn Ledger>,
    commits: Mutex<Vec<(Epoch, Vec<Write>)>>,
}

impl Unwritten {
    /// For commits to `ledger`, which are made from time to time.
    pub(crate) fn of(ledger: Arc<dyn Ledger>) -> Arc<Self> {
        let unwritten = Arc::new(Self { ledger, commits: Mutex::default() });
        let later = Arc::downgrade(&unwritten);
        tokio::spawn(async move {
            while let Some(unwritten) = later.upgrade() {
                unwritten.write();
                drop(unwritten);
                tokio::time::sleep(WRITE_BACK_EVERY).await;
            }
        });
        unwritten
    }

    /// Takes a commit, for later.
    pub(crate) fn take(&self, epoch: Epoch, writes: Vec<Write>) {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).push((epoch, writes));
    }

    /// Makes the commits.
    pub(crate) fn write(&self) {
        for (epoch, writes) in self.commits.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // Nobody waits for the answer any more.
            let _ = block_on(self.ledger.commit(epoch, writes));
        }
    }
}

impl SimLedger {
    pub(crate) fn open(
        storage: &Storage,
        random: ChaCha8Rng,
        trace: Trace,
        sabotage: Option<Sabotage>,
        latest: Arc<AtomicU64>,
    ) -> Result<Self, LedgerError> {
        let inner: Arc<dyn Ledger> = match storage {
            Storage::Shared(ledger) => Arc::clone(ledger) as _,
            Storage::Disk(disk) => Arc::new(RedbLedger::over(disk.open())?),
            Storage::Etcd(_) => unreachable!("a candidate has its own ledger"),
        };
        let unwritten =
            (sabotage == Some(Sabotage::AcknowledgeBeforeCommit)).then(|| Unwritten::of(Arc::clone(&inner)));
        Ok(Self { inner, random: Mutex::new(random), trace, sabotage, latest, unwritten })
    }

    /// How long the storage takes: some milliseconds, at times much longer.
    fn delay(&self) -> Duration {
        let mut random = self.random.lock().expect("nothing panics while it is held");
        let slow = random.random_ratio(1, 40);
        Duration::from_millis(random.random_range(if slow { 50..800 } else { 0..6 }))
    }
}

#[async_trait]
impl Ledger for SimLedger {
    async fn lead(&self) -> Result<Epoch, LedgerError> {
        tokio::time::sleep(self.delay()).await;
        // The threads of the real ledger are waited for on the spot: simulated time stands still
        // meanwhile.
        let epoch = block_on(self.inner.lead())?;
        self.latest.store(epoch.0, Ordering::SeqCst);
        self.trace.note(format_args!("ledger: epoch {epoch} leads"));
        tokio::time::sleep(self.delay()).await;
        Ok(epoch)
    }

    async fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> Result<(), LedgerError> {
        let words = describe(&writes);
        if self.sabotage.is_none() {
            check(&writes);
        }
        if let Some(unwritten) = &self.unwritten {
            unwritten.take(epoch, writes);
            tokio::time::sleep(self.delay()).await;
            return Ok(());
        }
        let epoch = match self.sabotage {
            Some(Sabotage::NoFencing) => Epoch(self.latest.load(Ordering::SeqCst)),
            _ => epoch,
        };
        tokio::time::sleep(self.delay()).await;
        let outcome = block_on(self.inner.commit(epoch, writes));
        match &outcome {
            Ok(()) => self.trace.note(format_args!("ledger: epoch {epoch} commits {words}")),
            Err(error) => self.trace.note(format_args!("ledger: epoch {epoch} fails with {words}: {error}")),
        }
        tokio::time::sleep(self.delay()).await;
        outcome
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, LedgerError> {
        if let Some(unwritten) = &self.unwritten {
            unwritten.write();
        }
        let _elsewhere = READERS.enter();
        block_on(self.inner.get(key))
    }

    async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, LedgerError> {
        if let Some(unwritten) = &self.unwritten {
            unwritten.write();
        }
        let _elsewhere = READERS.enter();
        block_on(self.inner.scan(prefix, after, limit))
    }
}

/// A checkpoint goes with its job, or when it can't be used. Without a broken worker each can be.
fn check(writes: &[Write]) {
    let keys = |write: &Write| match write {
        Write::Put(key, _) | Write::Delete(key) => key.as_str().to_owned(),
    };
    let written: Vec<_> = writes.iter().map(keys).collect();
    for (key, write) in written.iter().zip(writes) {
        if let (Some(job), Write::Delete(_)) = (key.strip_prefix("checkpoint/"), write) {
            assert!(written.contains(&format!("job/{job}")), "{key} can't be used");
        }
    }
}

pub(crate) fn describe(writes: &[Write]) -> String {
    let word = |write: &Write| match write {
        Write::Put(key, value) => format!("{key}={}", fingerprint(value)),
        Write::Delete(key) => format!("-{key}"),
    };
    writes.iter().map(word).collect::<Vec<_>>().join(" ")
}
