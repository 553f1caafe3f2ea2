//! The plan of a seed: the machines, their storage, and the jobs, a few of which can't be computed.

use std::time::Duration;

use carlo_types::limits::RANGE_FAULTS_MAX;
use carlo_types::{BLOCK_SIMULATIONS, Draft, JobSpec};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A world before the run starts.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// One, or two of which one leads.
    pub(crate) coordinators: usize,
    pub(crate) storage: StoragePlan,
    pub(crate) workers: Vec<WorkerPlan>,
    pub(crate) jobs: Vec<JobPlan>,
    /// How long faults occur.
    pub(crate) chaos: Duration,
    pub(crate) broken: Option<Broken>,
}

/// A worker whose processor computes wrongly, also after restarts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Broken {
    pub(crate) worker: usize,
    pub(crate) flips: Flips,
}

/// Which of its reports are wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flips {
    /// A quarter. Every lease is checked in such a world, so no wrong result leaves the cluster. A
    /// check now and then could agree by chance, and nobody would know of the others.
    Sometimes,
    /// All of them from then on. A part of the leases is checked, so wrong results may leave the
    /// cluster, and are marked later.
    From(Duration),
}

/// How many times slower a slow machine is.
pub(crate) const SLOWNESS: u32 = 10;
/// The difference between the seeds of two jobs.
const SEEDS_OF_A_JOB: u64 = 1_000_000;

/// The coordinators' storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoragePlan {
    /// redb on a disk, for one coordinator.
    Disk,
    /// Memory, for one coordinator, or for several that are told which one leads.
    Memory,
    /// An etcd in memory, for several that campaign.
    Etcd,
}

/// A worker's machine.
#[derive(Debug, Clone)]
pub(crate) struct WorkerPlan {
    pub(crate) threads: usize,
    /// The time that a thread takes for a block.
    pub(crate) block: Duration,
}

/// A job that the client submits.
#[derive(Debug, Clone)]
pub(crate) struct JobPlan {
    pub(crate) at: Duration,
    pub(crate) draft: Draft,
    /// The seed of the first attempt to submit it. Each further attempt uses the next seed, so that
    /// they can be distinguished.
    pub(crate) seed: u64,
    pub(crate) priority: u32,
    /// How long after its acknowledgement it is cancelled, if at all.
    pub(crate) cancel_after: Option<Duration>,
    pub(crate) poison: Option<Poison>,
}

/// A block that can't be computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Poison {
    pub(crate) block: u64,
    pub(crate) effect: PoisonEffect,
    /// The number of attempts that fail; `None` for all.
    pub(crate) attempts: Option<u32>,
}

/// What happens to a worker that computes the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoisonEffect {
    /// The kernel panics.
    Fault,
    /// The worker dies at once, as if out of memory.
    Death,
}

impl Plan {
    /// The plan of a seed, with its own storage or the given one.
    pub(crate) fn new(mut random: ChaCha8Rng, storage: Option<StoragePlan>) -> Self {
        let drawn = StoragePlan::ALL[random.random_range(0..StoragePlan::ALL.len())];
        let storage = storage.unwrap_or(drawn);
        let mut plan = Self {
            coordinators: match storage {
                StoragePlan::Disk => 1,
                StoragePlan::Memory => random.random_range(1..=2),
                StoragePlan::Etcd => random.random_range(2..=3),
            },
            storage,
            workers: (0..random.random_range(2..=5)).map(|_| WorkerPlan::new(&mut random)).collect(),
            jobs: (1..=random.random_range(3..=8)).map(|number| JobPlan::new(number, &mut random)).collect(),
            chaos: Duration::from_millis(random.random_range(8_000..20_000)),
            broken: None,
        };
        // If two differ, a third one decides.
        if plan.workers.len() > 2 && random.random_ratio(1, 2) {
            let flips = if random.random() {
                Flips::Sometimes
            } else {
                Flips::From(Duration::from_millis(random.random_range(0..8_000)))
            };
            plan.broken = Some(Broken { worker: random.random_range(0..plan.workers.len()), flips });
        }
        plan
    }
}

impl StoragePlan {
    pub(crate) const ALL: [Self; 3] = [Self::Disk, Self::Memory, Self::Etcd];
}

impl Plan {
    /// The poison in the job with this seed.
    pub(crate) fn poison_of(&self, seed: u64) -> Option<Poison> {
        let number = seed / SEEDS_OF_A_JOB;
        self.jobs.iter().find(|job| job.seed / SEEDS_OF_A_JOB == number)?.poison
    }

    /// Whether a block kills every worker that computes it.
    pub(crate) fn is_deadly(&self) -> bool {
        let poisons = self.jobs.iter().filter_map(|job| job.poison);
        poisons.into_iter().any(|poison| poison.ends_job() && poison.effect == PoisonEffect::Death)
    }

    /// How long all jobs take without faults: on all workers, or with a broken one on the slowest.
    pub(crate) fn work(&self) -> Duration {
        let simulations = self.jobs.iter().filter_map(|job| job.draft.params.n_simulations);
        let blocks: u64 = simulations.map(|simulations| simulations.div_ceil(BLOCK_SIMULATIONS)).sum();
        let speeds = self.workers.iter().map(|worker| worker.threads as f64 / worker.block.as_secs_f64());
        // Where ranges are checked, the slowest worker may have to compute each of them, too.
        let speed = if self.broken.is_some() { speeds.fold(f64::MAX, f64::min) } else { speeds.sum() };
        Duration::from_secs_f64(blocks as f64 / speed)
    }
}

impl WorkerPlan {
    fn new(random: &mut ChaCha8Rng) -> Self {
        let block = Duration::from_millis(random.random_range(40..300));
        let slowness = if random.random_ratio(1, 6) { SLOWNESS } else { 1 };
        Self { threads: random.random_range(1..=2), block: block * slowness }
    }
}

impl Poison {
    /// For a job of this many simulations.
    fn new(simulations: u64, random: &mut ChaCha8Rng) -> Self {
        let forever: bool = random.random();
        Self {
            block: random.random_range(0..simulations.div_ceil(BLOCK_SIMULATIONS)),
            effect: if random.random() { PoisonEffect::Fault } else { PoisonEffect::Death },
            attempts: (!forever).then(|| random.random_range(1..RANGE_FAULTS_MAX)),
        }
    }

    /// Whether every attempt fails.
    pub(crate) fn ends_job(self) -> bool {
        self.attempts.is_none()
    }

    /// The message of the fault.
    pub(crate) fn words(self) -> String {
        format!("block {} is poison", self.block)
    }
}

impl JobPlan {
    fn new(number: u64, random: &mut ChaCha8Rng) -> Self {
        let blocks = if random.random_ratio(1, 3) { 24..60 } else { 1..16 };
        let simulations =
            random.random_range(blocks) * BLOCK_SIMULATIONS + random.random_range(0..BLOCK_SIMULATIONS);
        let mut draft = draft(simulations, random.random_range(1..=4));
        // From a target that the first checkpoint reaches to one that no checkpoint reaches.
        let target = random.random_ratio(1, 3).then(|| random.random_range(0.000_2..0.002));
        let poison = random.random_ratio(1, 5).then(|| Poison::new(simulations, random));
        // With an early stop the poisonous block might be skipped, so the job's end would be
        // undefined.
        draft.params.target_standard_error = target.filter(|_| poison.is_none());
        Self {
            at: Duration::from_millis(random.random_range(0..12_000)),
            draft,
            seed: number * SEEDS_OF_A_JOB,
            priority: random.random_range(0..=100),
            cancel_after: random
                .random_ratio(1, 6)
                .then(|| Duration::from_millis(random.random_range(0..5_000))),
            poison,
        }
    }

    /// A job of a dozen blocks, so that the broken worker gets leases.
    pub(crate) fn probe(number: u64) -> Self {
        Self { draft: draft(12 * BLOCK_SIMULATIONS, 1), ..Self::large(number) }
    }

    /// A job that keeps every worker busy for most of a run.
    pub(crate) fn large(number: u64) -> Self {
        Self {
            at: Duration::ZERO,
            draft: draft(150 * BLOCK_SIMULATIONS, 2),
            seed: number * SEEDS_OF_A_JOB,
            priority: 50,
            cancel_after: None,
            poison: None,
        }
    }

    /// The specification of the attempt with this number.
    pub(crate) fn attempt(&self, number: u64) -> JobSpec {
        self.draft.clone().check(self.seed + number).expect("the plan keeps to the limits")
    }
}

/// A household that reaches its goal about half of the time.
fn draft(simulations: u64, months: u32) -> Draft {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(1_000.0);
    draft.profile.monthly_spending = Some(2_000.0);
    draft.inputs.monthly_income = Some(3_000.0);
    draft.goal.target_amount = Some(1_000.0 + 900.0 * f64::from(months));
    draft.goal.timeline_months = Some(months.into());
    draft.params.n_simulations = Some(simulations);
    draft
}
