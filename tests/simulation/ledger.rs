//! The coordinator's ledger in a simulation: the real memory or redb ledger, as slow as a disk,
//! with injected failures, on storage that outlives the coordinator.

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

/// The runtime whose threads read. A host's own runtime would stop its clock until it noticed that
/// such a thread is done, and that moment depends on the machine.
static READERS: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime without drivers can be built"));

/// Storage that outlives the coordinator.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// A ledger that all coordinators share, as with etcd.
    Shared(Arc<MemoryLedger>),
    /// The disk under a redb file.
    Disk(Disk),
    /// An etcd with elections.
    Etcd(Arc<SimEtcd>),
}

/// A ledger, as one process of a coordinator sees it.
pub(crate) struct SimLedger {
    inner: Arc<dyn Ledger>,
    random: Mutex<ChaCha8Rng>,
    trace: Trace,
    sabotage: Option<Sabotage>,
    /// The latest epoch that ever led in this storage.
    latest: Arc<AtomicU64>,
    unwritten: Option<Arc<Unwritten>>,
}

/// Commits that were acknowledged before they were made. They are lost with the coordinator.
pub(crate) struct Unwritten {
    ledger: Arc<dyn Ledger>,
    commits: Mutex<Vec<(Epoch, Vec<Write>)>>,
}

impl Unwritten {
    /// For commits to `ledger`, which are made at intervals.
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

    /// Queues a commit.
    pub(crate) fn take(&self, epoch: Epoch, writes: Vec<Write>) {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).push((epoch, writes));
    }

    /// Makes the queued commits.
    pub(crate) fn write(&self) {
        for (epoch, writes) in self.commits.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // Nobody waits for the result any more.
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

    /// How long the storage takes: some milliseconds, sometimes much longer.
    fn delay(&self) -> Duration {
        let mut random = self.random.lock().expect("nothing panics while it is held");
        let slow = random.random_ratio(1, 40);
        Duration::from_millis(random.random_range(if slow { 50..800 } else { 0..6 }))
    }
}

#[async_trait]
impl Ledger for SimLedger {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    async fn lead(&self) -> Result<Epoch, LedgerError> {
        tokio::time::sleep(self.delay()).await;
        // Blocks until the real ledger's threads are done. Simulated time stands still meanwhile.
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

/// A checkpoint is deleted only with its job, or if it is unusable. Without a faulty worker every
/// checkpoint is usable.
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
