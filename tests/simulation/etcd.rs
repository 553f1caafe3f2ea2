//! etcd in a simulation: entries, candidates and leases in memory, which outlive every coordinator.
//! A lease ends when its holder was silent for a while, because its host was killed, cut off from
//! etcd, or frozen. A frozen holder assumes that it leads until it wakes up.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carlo_store::{Key, Ledger, LedgerError, MemoryCandidate, MemoryElection, Write};
use carlo_types::Epoch;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::time::sleep;

use crate::ledger::{Unwritten, describe};
use crate::trace::Trace;
use crate::world::Sabotage;

/// The same as the real etcd's.
const TTL: Duration = Duration::from_secs(2);
const KEEP_ALIVE_EVERY: Duration = Duration::from_millis(500);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a coordinator checks whether it still leads.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The simulated etcd.
#[derive(Debug, Default)]
pub(crate) struct SimEtcd {
    pub(crate) election: MemoryElection,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When each lease was last renewed.
    leases: BTreeMap<u64, Duration>,
    /// Until when each coordinator is cut off from etcd.
    cut: BTreeMap<usize, Duration>,
    /// Until when each coordinator is frozen.
    frozen: BTreeMap<usize, Duration>,
}

fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

impl SimEtcd {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the leases that were not renewed in time; `now` is the simulated time.
    pub(crate) fn expire(&self, now: Duration) {
        let mut state = self.state();
        let leases = self.election.leases();
        state.leases.retain(|lease, _| leases.contains(lease));
        for lease in leases {
            if *state.leases.entry(lease).or_insert(now) + TTL < now {
                self.election.expire_lease(lease);
            }
        }
    }

    /// Cuts a coordinator off.
    pub(crate) fn cut(&self, coordinator: usize, until: Duration) {
        self.state().cut.insert(coordinator, until);
    }

    /// Freezes a coordinator's ledger: what the coordinator does meanwhile is not durable, and it
    /// doesn't know that.
    pub(crate) fn freeze(&self, coordinator: usize, until: Duration) {
        self.state().frozen.insert(coordinator, until);
    }

    /// Ends every cut and freeze.
    pub(crate) fn mend(&self) {
        let mut state = self.state();
        state.cut.clear();
        state.frozen.clear();
    }
}

/// etcd, as one process of a coordinator sees it.
pub(crate) struct SimCandidate {
    etcd: Arc<SimEtcd>,
    coordinator: usize,
    inner: Arc<MemoryCandidate>,
    random: Mutex<ChaCha8Rng>,
    trace: Trace,
    sabotage: Option<Sabotage>,
    epoch: Mutex<Epoch>,
    /// When its lease ends, as far as it knows.
    until: Arc<Mutex<Duration>>,
    unwritten: Option<Arc<Unwritten>>,
}

impl SimCandidate {
    pub(crate) fn new(
        etcd: &Arc<SimEtcd>,
        coordinator: usize,
        address: &str,
        random: ChaCha8Rng,
        trace: Trace,
        sabotage: Option<Sabotage>,
    ) -> Self {
        let inner = Arc::new(etcd.election.ledger(address));
        let unwritten = (sabotage == Some(Sabotage::AcknowledgeBeforeCommit))
            .then(|| Unwritten::of(Arc::clone(&inner) as Arc<dyn Ledger>));
        let candidate = Self {
            etcd: Arc::clone(etcd),
            coordinator,
            inner,
            random: Mutex::new(random),
            trace,
            sabotage,
            epoch: Mutex::default(),
            until: Arc::default(),
            unwritten,
        };
        candidate.keep_alive();
        candidate
    }

    /// Renews the lease as long as this process lives.
    fn keep_alive(&self) {
        let (etcd, coordinator) = (Arc::clone(&self.etcd), self.coordinator);
        let (inner, until) = (Arc::downgrade(&self.inner), Arc::downgrade(&self.until));
        tokio::spawn(async move {
            loop {
                if let (Some(inner), Some(until)) = (inner.upgrade(), until.upgrade()) {
                    let reaches = !etcd.is_cut(coordinator) && !etcd.is_frozen(coordinator);
                    let lease = inner.lease().filter(|lease| etcd.election.leases().contains(lease));
                    if let Some(lease) = lease.filter(|_| reaches) {
                        etcd.state().leases.insert(lease, now());
                        *until.lock().unwrap_or_else(PoisonError::into_inner) = now() + TTL;
                    }
                } else {
                    return;
                }
                sleep(KEEP_ALIVE_EVERY).await;
            }
        });
    }

    /// Waits some milliseconds, or while the coordinator is frozen until it wakes up.
    async fn delay(&self) {
        let ms = self.random.lock().expect("nothing panics while it is held").random_range(0..6);
        sleep(Duration::from_millis(ms)).await;
        while self.etcd.is_frozen(self.coordinator) {
            sleep(LOOK_EVERY).await;
        }
    }

    /// Whether etcd can be reached. Requests are lost while the coordinator is cut off.
    async fn reach(&self, doing: &'static str) -> Result<(), LedgerError> {
        self.delay().await;
        if !self.etcd.is_cut(self.coordinator) {
            return Ok(());
        }
        sleep(ANSWER_TIMEOUT).await;
        Err(LedgerError::Storage { doing, source: Arc::new(io::Error::other("etcd doesn't answer")) })
    }

    fn epoch(&self) -> Epoch {
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SimEtcd {
    fn is_cut(&self, coordinator: usize) -> bool {
        self.state().cut.get(&coordinator).is_some_and(|until| now() < *until)
    }

    fn is_frozen(&self, coordinator: usize) -> bool {
        self.state().frozen.get(&coordinator).is_some_and(|until| now() < *until)
    }
}

#[async_trait]
impl Ledger for SimCandidate {
    fn kind(&self) -> &'static str {
        "etcd"
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn lead(&self) -> Result<Epoch, LedgerError> {
        self.reach("campaign").await?;
        let epoch = self.inner.lead().await?;
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = now() + TTL;
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = epoch;
        self.trace.note(format_args!("etcd: coordinator {} leads epoch {epoch}", self.coordinator));
        self.delay().await;
        Ok(epoch)
    }

    async fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> Result<(), LedgerError> {
        let words = describe(&writes);
        self.reach("commit").await?;
        if let Some(unwritten) = &self.unwritten {
            unwritten.take(epoch, writes);
            self.delay().await;
            return Ok(());
        }
        let outcome = if self.sabotage == Some(Sabotage::NoFencing) {
            let latest = self.etcd.election.entries().epoch();
            self.etcd.election.entries().commit(latest, writes).await
        } else {
            self.inner.commit(epoch, writes).await
        };
        match &outcome {
            Ok(()) => self.trace.note(format_args!("etcd: epoch {epoch} commits {words}")),
            Err(error) => self.trace.note(format_args!("etcd: epoch {epoch} fails with {words}: {error}")),
        }
        self.delay().await;
        outcome
    }

    fn holds(&self, epoch: Epoch) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        epoch == self.epoch() && (now() < until || self.etcd.is_frozen(self.coordinator))
    }

    async fn deposed(&self, epoch: Epoch) {
        while self.holds(epoch) {
            sleep(LOOK_EVERY).await;
        }
        self.trace.note(format_args!("etcd: epoch {epoch} knows that it is over"));
    }

    async fn resign(&self) {
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = Epoch(0);
        if self.reach("resign").await.is_ok() {
            self.inner.resign().await;
        }
    }

    async fn leader(&self) -> Result<Option<String>, LedgerError> {
        self.reach("ask who leads").await?;
        self.inner.leader().await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, LedgerError> {
        self.reach("read").await?;
        if let Some(unwritten) = &self.unwritten {
            unwritten.write();
        }
        self.inner.get(key).await
    }

    async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, LedgerError> {
        self.reach("read").await?;
        if let Some(unwritten) = &self.unwritten {
            unwritten.write();
        }
        self.inner.scan(prefix, after, limit).await
    }
}
