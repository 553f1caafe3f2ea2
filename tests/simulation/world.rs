//! A simulated world: its hosts and what they share. Its faults are in `chaos`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use carlo_coordinator::{Environment, Settings};
use carlo_kernel::Partial;
use carlo_schedule::Scheduler;
use carlo_service::CancellationToken;
use carlo_store::{Ledger, LedgerError, MemoryLedger};
use carlo_types::Timestamp;
use carlo_wire::Coordinators;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use turmoil::Sim;

use crate::chaos::Chaos;
use crate::disk::Disk;
use crate::etcd::SimCandidate;
use crate::frost::Frost;
use crate::ledger::{SimLedger, Storage};
use crate::machine::{Condition, Poisoned, SimMachine};
use crate::plan::{Broken, Flips, JobPlan, Plan, StoragePlan};
use crate::trace::Trace;
use crate::{client, flipper, forger, net};

/// How long a world may take, in addition to the work itself, to finish its jobs once there are no
/// more faults, apart from a frozen worker.
const PATIENCE: Duration = Duration::from_mins(1);
/// Workers that a range may cost in a world with a deadly block: more than it can cost by chance.
/// In other worlds workers are lost all the time, but not because of a range.
const LOSSES_MAX: u32 = 24;
/// How many times all work may be done: a submission whose answer was lost is a job too, and some
/// ranges are computed again.
const WORK_AGAIN: u32 = 3;
/// The calendar at the start: 2026-01-01.
const CALENDAR_MS: u64 = 1_767_225_600_000;
/// How the error begins if the coordinator can't use its ledger.
const UNREADABLE: [&str; 2] = ["failed to read the ledger's entry", "failed to take up the ledger"];
/// The violation of a run that does not end.
pub(crate) const ENDLESS: &str = "it doesn't come to an end";
/// The step of the simulated clock.
const TICK: Duration = Duration::from_millis(2);

/// A guard that is switched off, to see whether a run notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// The ledger acknowledges a commit before it is durable.
    AcknowledgeBeforeCommit,
    /// The ledger accepts the writes of a deposed leader.
    NoFencing,
    /// The epoch of a report isn't checked, only its lease's number.
    NoEpochCheck,
    /// The attempt of a report isn't checked, only its node and job.
    NoAttemptCheck,
    /// No report is checked by another node, and one worker computes wrongly.
    NoSpotChecks,
}

impl Sabotage {
    pub(crate) const ALL: [Self; 5] = [
        Self::AcknowledgeBeforeCommit,
        Self::NoFencing,
        Self::NoEpochCheck,
        Self::NoAttemptCheck,
        Self::NoSpotChecks,
    ];

    /// Whether it shows with this storage. A single coordinator has no other leader to be fenced
    /// by, and with memory the coordinators are told which one leads.
    pub(crate) fn shows_with(self, storage: StoragePlan) -> bool {
        self != Self::NoFencing || storage == StoragePlan::Etcd
    }

    /// Whether the forger does it, between the workers and the coordinator.
    pub(crate) fn is_forgery(self) -> bool {
        matches!(self, Self::NoEpochCheck | Self::NoAttemptCheck)
    }
}

/// The phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Jobs are submitted, and faults occur.
    Work,
    /// The client has seen the end of every job that it submitted.
    Settled,
    /// The coordinator was restarted once more, and the client checks everything again.
    Audit,
}

/// What the hosts of a world share.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) sabotage: Option<Sabotage>,
    pub(crate) trace: Trace,
    pub(crate) storage: Storage,
    /// The coordinator that should lead.
    pub(crate) leader: AtomicUsize,
    /// The error of the calendar, in milliseconds.
    pub(crate) calendar: AtomicI64,
    /// The condition of each worker's machine.
    pub(crate) conditions: Vec<Condition>,
    pub(crate) poisoned: Poisoned,
    /// The number of reports with a flipped bit.
    pub(crate) flipped: AtomicU64,
    phase: Mutex<Phase>,
    latest_epoch: Arc<AtomicU64>,
    /// The number of processes started so far. Each has its own randomness.
    lives: AtomicU64,
}

impl World {
    fn new(seed: u64, storage: Option<StoragePlan>, sabotage: Option<Sabotage>) -> Self {
        let mut plan = Plan::new(random(seed, "plan", 0), storage);
        if sabotage.is_some_and(Sabotage::is_forgery) {
            plan.jobs = vec![JobPlan::large(1), JobPlan::large(2)];
        }
        plan.broken = match sabotage {
            None => plan.broken,
            Some(Sabotage::NoSpotChecks) => Some(Broken { worker: 0, flips: Flips::Sometimes }),
            Some(_) => None,
        };
        let storage = match plan.storage {
            StoragePlan::Disk => Storage::Disk(Disk::new(random(seed, "disk", 0))),
            StoragePlan::Memory => Storage::Shared(Arc::new(MemoryLedger::new())),
            StoragePlan::Etcd => Storage::Etcd(Arc::default()),
        };
        Self {
            seed,
            sabotage,
            trace: Trace::default(),
            storage,
            leader: AtomicUsize::new(0),
            calendar: AtomicI64::new(0),
            conditions: plan.workers.iter().map(|_| Condition::default()).collect(),
            poisoned: Poisoned::default(),
            flipped: AtomicU64::new(0),
            phase: Mutex::new(Phase::Work),
            latest_epoch: Arc::default(),
            lives: AtomicU64::new(0),
            plan,
        }
    }

    /// Randomness for a purpose. `number` distinguishes several generators with the same purpose.
    pub(crate) fn random(&self, purpose: &str, number: u64) -> ChaCha8Rng {
        random(self.seed, purpose, number)
    }

    fn next_life(&self, purpose: &str) -> ChaCha8Rng {
        self.random(purpose, self.lives.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    /// The URLs of the coordinators.
    pub(crate) fn coordinators(&self) -> Vec<String> {
        (0..self.plan.coordinators).map(|index| net::url(&coordinator(index))).collect()
    }

    /// Whether wrong results may leave the cluster and be marked later.
    pub(crate) fn marks_later(&self) -> bool {
        self.plan.broken.is_some_and(|broken| broken.flips != Flips::Sometimes)
    }

    /// The hosts that a worker connects to.
    pub(crate) fn worker_endpoints(&self, worker: usize) -> Vec<String> {
        if self.plan.broken.is_some_and(|broken| broken.worker == worker) {
            vec![flipper::HOST.to_owned()]
        } else if self.sabotage.is_some_and(Sabotage::is_forgery) {
            vec![forger::HOST.to_owned()]
        } else {
            (0..self.plan.coordinators).map(coordinator).collect()
        }
    }
}

fn random(seed: u64, purpose: &str, number: u64) -> ChaCha8Rng {
    let mut stream = DefaultHasher::new();
    (purpose, number).hash(&mut stream);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream.finish());
    random
}

/// The name of a coordinator's host.
pub(crate) fn coordinator(index: usize) -> String {
    format!("coordinator-{index}")
}

/// The name of a worker's host.
pub(crate) fn worker(index: usize) -> String {
    format!("worker-{index}")
}

/// The coordinator's environment.
struct Surroundings {
    world: Arc<World>,
    random: Mutex<ChaCha8Rng>,
}

impl Environment for Surroundings {
    fn wall(&self) -> Timestamp {
        let elapsed = turmoil::sim_elapsed().unwrap_or_default();
        let ms = CALENDAR_MS + u64::try_from(elapsed.as_millis()).expect("runs are short");
        Timestamp(ms.saturating_add_signed(self.world.calendar.load(Ordering::Relaxed)))
    }

    fn random(&self) -> u128 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    /// A forged report must reach the guard that is tested, and no other.
    fn checks_reports(&self) -> bool {
        !self.world.sabotage.is_some_and(Sabotage::is_forgery)
    }

    fn audit(&self, scheduler: &Scheduler<Partial>) {
        scheduler.verify();
    }
}

/// A coordinator's host. It leads whenever it should, and starts again when it ends. Coordinators
/// that campaign aren't told when to lead.
async fn run_coordinator(world: Arc<World>, index: usize) -> turmoil::Result {
    let mut pauses = world.next_life("pauses");
    let campaigns = matches!(world.storage, Storage::Etcd(_));
    loop {
        while !campaigns && world.leader.load(Ordering::Relaxed) != index {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ended = tokio::select! {
            biased;
            ended = lead(Arc::clone(&world), index) => ended,
            // A deposed leader notices late: until then only the ledger stops it.
            () = deposed(&world, index, Duration::from_millis(pauses.random_range(0..3_000))), if !campaigns => Ok(()),
        };
        let words = ended.err().map_or_else(|| "in peace".to_owned(), |error| error.to_string());
        world.trace.note(format_args!("coordinator {index} ended: {words}"));
        // Storage fails and recovers. What was written must always be readable.
        if UNREADABLE.iter().any(|begin| words.starts_with(begin)) {
            return Err(words.into());
        }
        tokio::time::sleep(Duration::from_millis(pauses.random_range(50..1_500))).await;
    }
}

async fn lead(world: Arc<World>, index: usize) -> turmoil::Result {
    let address = net::url(&coordinator(index));
    let ledger = ledger(&world, index, &address)?;
    let environment = Surroundings { world: Arc::clone(&world), random: Mutex::new(world.next_life("ids")) };
    let mut settings = Settings::default();
    settings.scheduler.range_losses_max = if world.plan.is_deadly() { LOSSES_MAX } else { u32::MAX };
    settings.scheduler.spot_check_share = match world.plan.broken.map(|broken| broken.flips) {
        _ if world.sabotage == Some(Sabotage::NoSpotChecks) => 0.0,
        Some(Flips::Sometimes) => 1.0,
        Some(Flips::From(_)) => 0.3,
        None => 0.05,
    };
    if settings.scheduler.spot_check_share == 1.0 {
        // No report counts without a check, even if nobody else is there for a long time.
        settings.scheduler.spot_check_nodes_min = 1;
        settings.scheduler.spot_check_patience = Duration::MAX;
    }
    let incoming = net::listen().await?;
    let never = CancellationToken::new();
    carlo_coordinator::serve(settings, ledger, Arc::new(environment), address, incoming, never).await?;
    Ok(())
}

fn ledger(world: &World, index: usize, address: &str) -> Result<Arc<dyn Ledger>, LedgerError> {
    let (random, trace) = (world.next_life("ledger"), world.trace.clone());
    if let Storage::Etcd(etcd) = &world.storage {
        return Ok(Arc::new(SimCandidate::new(etcd, index, address, random, trace, world.sabotage)));
    }
    let latest = Arc::clone(&world.latest_epoch);
    Ok(Arc::new(SimLedger::open(&world.storage, random, trace, world.sabotage, latest)?))
}

/// Resolves some time after another coordinator should lead.
async fn deposed(world: &World, index: usize, late: Duration) {
    while world.leader.load(Ordering::Relaxed) == index {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(late).await;
}

/// A worker's host.
async fn run_worker(world: Arc<World>, index: usize) -> turmoil::Result {
    let machine = SimMachine::new(&world, index, world.next_life("worker"));
    let condition = &world.conditions[index];
    let urls: Vec<_> = world.worker_endpoints(index).iter().map(|host| net::url(host)).collect();
    let coordinators = Coordinators::connecting(&urls, net::connect_freezing(condition.frozen.clone()))?;
    let shutdown = CancellationToken::new();
    *condition.shutdown.lock().unwrap_or_else(PoisonError::into_inner) = shutdown.clone();
    let config = carlo_worker::Config { name: Some(worker(index)), ..carlo_worker::Config::new(urls) };
    let working = carlo_worker::work(config, &coordinators, Box::new(machine), shutdown);
    let ended = Frost::of(&condition.frozen).hold(working).await;
    world.trace.note(format_args!("worker {index} left"));
    Ok(ended?)
}

/// Set by a panic anywhere in the process, because tokio catches panics of spawned tasks.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Makes every panic end the run.
pub(crate) fn watch_for_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICKED.store(true, Ordering::SeqCst);
        usual(panic);
    }));
}

/// Runs the world of `seed`, on its own storage or the given one. Returns its trace and what was
/// wrong.
pub(crate) fn run(
    seed: u64,
    storage: Option<StoragePlan>,
    sabotage: Option<Sabotage>,
) -> (Trace, Result<(), String>) {
    let world = Arc::new(World::new(seed, storage, sabotage));
    let mut sim = build(&world);
    let mut chaos = Chaos::new(&world);
    // In a world with a broken worker, work is done twice, or begins again.
    let again = if world.plan.broken.is_some() { 3 * WORK_AGAIN } else { WORK_AGAIN };
    let patience = PATIENCE + again * world.plan.work();
    let mut deadline = world.plan.chaos + patience;
    let outcome = loop {
        chaos.act(&mut sim);
        match sim.step() {
            _ if PANICKED.load(Ordering::SeqCst) => break Err("something panicked".to_owned()),
            Ok(false) if sim.elapsed() > deadline => break Err(ENDLESS.to_owned()),
            Ok(false) => {}
            Ok(true) => break Ok(()),
            Err(error) => break Err(error.to_string()),
        }
        if world.phase() == Phase::Settled && chaos.all_was_said(sim.elapsed()) {
            chaos.last_restart(&mut sim);
            deadline = sim.elapsed() + patience;
            world.enter(Phase::Audit);
        }
    };
    (world.trace.clone(), outcome)
}

fn build(world: &Arc<World>) -> Sim<'static> {
    let mut sim = turmoil::Builder::new()
        .rng_seed(world.seed)
        .tick_duration(TICK)
        .simulation_duration(Duration::from_hours(1))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(20))
        .enable_random_order()
        .tcp_capacity(1_024)
        .build();
    for index in 0..world.plan.coordinators {
        let world = Arc::clone(world);
        sim.host(coordinator(index), move || run_coordinator(Arc::clone(&world), index));
    }
    if let Some(sabotage) = world.sabotage.filter(|sabotage| sabotage.is_forgery()) {
        let world = Arc::clone(world);
        sim.host(forger::HOST, move || forger::run(Arc::clone(&world), sabotage));
    }
    if let Some(broken) = world.plan.broken {
        let world = Arc::clone(world);
        sim.host(flipper::HOST, move || flipper::run(Arc::clone(&world), broken));
    }
    for index in 0..world.plan.workers.len() {
        let world = Arc::clone(world);
        sim.host(worker(index), move || run_worker(Arc::clone(&world), index));
    }
    sim.client(client::HOST, client::run(Arc::clone(world)));
    sim
}
