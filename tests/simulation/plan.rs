//! What a seed stands for: which machines there are, what they store on, and which jobs are asked for.

use std::time::Duration;

use carlo_types::{BLOCK_SIMULATIONS, Draft, JobSpec};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// One world, before anything happens in it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// One, or two of which one leads.
    pub(crate) coordinators: usize,
    pub(crate) storage: StoragePlan,
    pub(crate) workers: Vec<WorkerPlan>,
    pub(crate) jobs: Vec<JobPlan>,
    /// For how long things go wrong.
    pub(crate) chaos: Duration,
}

/// What coordinators stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoragePlan {
    /// redb on a disk, for one coordinator.
    Disk,
    /// Memory, for one coordinator, or for several that are told who leads.
    Memory,
    /// An etcd in memory, for several that campaign for it.
    Etcd,
}

/// A worker's machine.
#[derive(Debug, Clone)]
pub(crate) struct WorkerPlan {
    pub(crate) threads: usize,
    /// What a thread takes for a block.
    pub(crate) block: Duration,
}

/// A job that the client wants.
#[derive(Debug, Clone)]
pub(crate) struct JobPlan {
    /// When it is submitted.
    pub(crate) at: Duration,
    pub(crate) draft: Draft,
    /// The seed of the first attempt to submit it. Every further attempt has the next one, so that they can be told apart.
    pub(crate) seed: u64,
    pub(crate) priority: u32,
    /// How long after its acknowledgement it is cancelled, if at all.
    pub(crate) cancel_after: Option<Duration>,
}

impl Plan {
    pub(crate) fn new(mut random: ChaCha8Rng) -> Self {
        let storage = [StoragePlan::Disk, StoragePlan::Memory, StoragePlan::Etcd][random.random_range(0..3)];
        Self {
            coordinators: match storage {
                StoragePlan::Disk => 1,
                StoragePlan::Memory => random.random_range(1..=2),
                StoragePlan::Etcd => random.random_range(2..=3),
            },
            storage,
            workers: (0..random.random_range(2..=5)).map(|_| WorkerPlan::new(&mut random)).collect(),
            jobs: (1..=random.random_range(3..=8)).map(|number| JobPlan::new(number, &mut random)).collect(),
            chaos: Duration::from_millis(random.random_range(8_000..20_000)),
        }
    }
}

impl Plan {
    /// How long all jobs take on all workers if nothing goes wrong.
    pub(crate) fn work(&self) -> Duration {
        let simulations = self.jobs.iter().filter_map(|job| job.draft.params.simulations);
        let blocks: u64 = simulations.map(|simulations| simulations.div_ceil(BLOCK_SIMULATIONS)).sum();
        let speeds = self.workers.iter().map(|worker| worker.threads as f64 / worker.block.as_secs_f64());
        Duration::from_secs_f64(blocks as f64 / speeds.sum::<f64>())
    }
}

impl WorkerPlan {
    fn new(random: &mut ChaCha8Rng) -> Self {
        let slow = random.random_ratio(1, 6);
        let block = if slow { 600..1_500 } else { 40..300 };
        Self { threads: random.random_range(1..=2), block: Duration::from_millis(random.random_range(block)) }
    }
}

impl JobPlan {
    fn new(number: u64, random: &mut ChaCha8Rng) -> Self {
        let blocks = if random.random_ratio(1, 3) { 24..60 } else { 1..16 };
        let simulations =
            random.random_range(blocks) * BLOCK_SIMULATIONS + random.random_range(0..BLOCK_SIMULATIONS);
        let mut draft = draft(simulations, random.random_range(1..=4));
        // From one that the first checkpoint meets to one that none does.
        let target = random.random_ratio(1, 3).then(|| random.random_range(0.000_2..0.002));
        draft.params.target_standard_error = target;
        Self {
            at: Duration::from_millis(random.random_range(0..12_000)),
            draft,
            seed: number * 1_000_000,
            priority: random.random_range(0..=100),
            cancel_after: random
                .random_ratio(1, 6)
                .then(|| Duration::from_millis(random.random_range(0..5_000))),
        }
    }

    /// A job that keeps every worker busy for most of a run.
    pub(crate) fn large(number: u64) -> Self {
        Self {
            at: Duration::ZERO,
            draft: draft(150 * BLOCK_SIMULATIONS, 2),
            seed: number * 1_000_000,
            priority: 50,
            cancel_after: None,
        }
    }

    /// What the attempt of this number asks for.
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
    draft.params.simulations = Some(simulations);
    draft
}
