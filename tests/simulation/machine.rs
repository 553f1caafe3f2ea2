//! A worker's machine in a simulation: the real kernel, block by block, each block taking as long
//! as this machine's speed says. Some blocks are poison to it.

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

/// What the rest of the world knows of a worker's machine, and does to it.
#[derive(Debug)]
pub(crate) struct Condition {
    /// Whether its process is frozen.
    pub(crate) frozen: watch::Sender<bool>,
    /// What a block takes more than usual.
    pub(crate) slowness: AtomicU32,
    /// It is without memory: the process is to be killed.
    pub(crate) is_dying: AtomicBool,
    /// What asks its worker to leave.
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

/// The attempts that have met poison, by the seed of the job.
#[derive(Debug, Default)]
pub(crate) struct Poisoned(StdMutex<BTreeMap<u64, BTreeSet<(Epoch, LeaseId)>>>);

impl Poisoned {
    /// Whether this part meets `poison`, which all parts of a lease do or none.
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

/// Some threads of one speed.
pub(crate) struct SimMachine {
    threads: usize,
    parts: mpsc::UnboundedSender<Part>,
    random: ChaCha8Rng,
}

impl SimMachine {
    /// The machine of a worker.
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

/// A thread: the oldest part, then the next.
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
                    // Nothing more comes of this process.
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

    fn random(&mut self) -> u128 {
        self.random.random()
    }
}
