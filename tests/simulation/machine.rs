//! A worker's machine in a simulation: the real kernel, block by block, where each block takes as
//! long as the machine's speed implies. Some blocks can't be computed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use carlo_service::CancellationToken;
use carlo_types::{Epoch, LeaseId, Load};
use carlo_worker::{Machine, Part};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::sync::{Mutex, mpsc, watch};

use crate::frost::Frost;
use crate::plan::{Poison, PoisonEffect};
use crate::world::World;

/// The state of a worker's machine, which the rest of the world reads and changes.
#[derive(Debug)]
pub(crate) struct Condition {
    /// Whether its process is frozen.
    pub(crate) frozen: watch::Sender<bool>,
    /// How many times longer than usual a block takes.
    pub(crate) slowness: AtomicU32,
    /// Out of memory: the process must be killed.
    pub(crate) is_dying: AtomicBool,
    /// Tells its worker to leave.
    pub(crate) shutdown: StdMutex<CancellationToken>,
}

impl Default for Condition {
    fn default() -> Self {
        Self {
            frozen: watch::Sender::new(false),
            slowness: AtomicU32::new(1),
            is_dying: AtomicBool::new(false),
            shutdown: StdMutex::default(),
        }
    }
}

/// The attempts that have met a poisonous block, by the job's seed.
#[derive(Debug, Default)]
pub(crate) struct Poisoned(StdMutex<BTreeMap<u64, BTreeSet<(Epoch, LeaseId)>>>);

impl Poisoned {
    /// Whether this part meets `poison`. Either all parts of a lease do or none.
    fn meets(&self, part: &Part, poison: Poison) -> bool {
        let range = part.lease().range;
        if !(range.start()..range.end()).contains(&poison.block) {
            return false;
        }
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let met = met.entry(part.spec().seed()).or_default();
        let attempt = (part.lease().epoch, part.lease().id);
        let is_left = poison.attempts.is_none_or(|attempts| met.len() < attempts as usize);
        met.contains(&attempt) || (is_left && met.insert(attempt))
    }
}

/// Threads of equal speed.
pub(crate) struct SimMachine {
    threads: usize,
    parts: mpsc::UnboundedSender<Part>,
    random: ChaCha8Rng,
}

impl SimMachine {
    pub(crate) fn new(world: &Arc<World>, worker: usize, random: ChaCha8Rng) -> Self {
        let threads = world.plan.workers[worker].threads;
        let (parts, queue) = mpsc::unbounded_channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            tokio::spawn(work(Arc::clone(world), worker, Arc::clone(&queue)));
        }
        Self { threads, parts, random }
    }
}

/// A thread: runs the oldest part, then the next.
async fn work(world: Arc<World>, worker: usize, queue: Arc<Mutex<mpsc::UnboundedReceiver<Part>>>) {
    let condition = &world.conditions[worker];
    let block = world.plan.workers[worker].block;
    let mut frost = Frost::of(&condition.frozen);
    loop {
        let next = queue.lock().await.recv().await;
        let Some(mut part) = next else { return };
        frost.thawed().await;
        let poison = world.plan.poison_of(part.spec().seed());
        if let Some(poison) = poison.filter(|poison| world.poisoned.meets(&part, *poison)) {
            let (epoch, lease) = (part.lease().epoch, part.lease().id);
            world.trace.note(format_args!("worker {worker} meets poison in {epoch}/{lease}"));
            match poison.effect {
                PoisonEffect::Fault => part.fail(poison.words()),
                PoisonEffect::Death => {
                    condition.is_dying.store(true, Ordering::Relaxed);
                    // This process does nothing more.
                    std::future::pending::<()>().await;
                }
            }
            continue;
        }
        while part.step() {
            tokio::time::sleep(block * condition.slowness.load(Ordering::Relaxed)).await;
            frost.thawed().await;
        }
        part.finish();
    }
}

impl Machine for SimMachine {
    fn threads(&self) -> usize {
        self.threads
    }

    fn compute(&mut self, part: Part) {
        self.parts.send(part).expect("the threads live as long as the machine");
    }

    fn load(&mut self) -> Load {
        Load::default()
    }

    /// The coordinator's clock is simulated, so this one has nothing to compare with it.
    fn wall_ms(&self) -> u64 {
        0
    }

    fn random(&mut self) -> u128 {
        self.random.random()
    }
}
