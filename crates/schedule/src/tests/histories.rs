//! Random histories from a seed: everything that can happen to a cluster, in any order. All
//! invariants are checked after each step. At the end there are no more faults, and every job that
//! wasn't cancelled and didn't fail must be complete, with each of its simulations counted once.
//!
//! `CARLO_TEST_SEED=n` runs one seed. The seed of a failure is printed.

use std::collections::BTreeSet;
use std::time::Duration;

use carlo_types::merge::stopping_error;
use carlo_types::{
    BLOCK_SIMULATIONS, BatchId, JobId, JobSpec, Lease, Load, Merge, Money, NodeId, OwnerId, Timestamp,
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::marks::Marks;
use super::world::{World, facts, failure, job, node, report, spec, was_accepted};
use crate::{BatchRecord, BatchState, Command, Config, JobState, OwnerLimits, RetentionLimits};

const SEEDS: u64 = 16;
const STEPS: usize = 1_500;
const NODES: u128 = 8;

/// Prints the seed if the test fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("reproduce with CARLO_TEST_SEED={}", self.0);
        }
    }
}

struct History {
    world: World,
    rng: ChaCha8Rng,
    /// Messages in transit from workers.
    mail: Vec<Command<Marks>>,
    faulty: BTreeSet<JobId>,
    cancelled: BTreeSet<JobId>,
    batches: Vec<BatchId>,
    cancelled_batches: BTreeSet<BatchId>,
    breakage: Breakage,
}

/// A machine that begins to compute wrongly, all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breakage {
    No,
    /// After so many further steps.
    In(usize),
    /// Since then; and whether a wrong report has counted.
    Yes(bool),
}

/// The numbers of the nodes on the machine that breaks. They have one name.
const BROKEN: [u128; 2] = [2, 3];

fn name(number: u128) -> String {
    format!("worker {}", number / 2)
}

impl History {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let config = Config {
            jobs_per_owner: [None, Some(1), Some(3)][rng.random_range(0..3)],
            running_jobs_max: rng.random_range(1..20),
            checkpoints_per_tick_max: rng.random_range(1..4),
            leases_per_node: rng.random_range(1..4),
            accepted_reports_max: rng.random_range(1..50),
            ageing: Duration::from_millis(rng.random_range(1..5_000)),
            ..Config::default()
        };
        Self {
            world: World::new(config),
            rng,
            mail: Vec::new(),
            faulty: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            batches: Vec::new(),
            cancelled_batches: BTreeSet::new(),
            breakage: Breakage::No,
        }
    }

    fn any_node(&mut self) -> NodeId {
        node(self.rng.random_range(1..=NODES))
    }

    /// A history in which a machine breaks, and a part of all leases is checked.
    fn with_breakage(seed: u64) -> Self {
        let mut history = Self::new(seed);
        let breaks_in = history.rng.random_range(0..STEPS / 2);
        history.breakage = Breakage::In(breaks_in);
        let config = &mut history.world.config;
        config.spot_check_share = [0.02, 0.2, 1.0][history.rng.random_range(0..3)];
        config.spot_checks_max = history.rng.random_range(1..100);
        history.world.restart();
        history
    }

    fn step(&mut self) {
        match self.breakage {
            Breakage::In(0) => {
                self.breakage = Breakage::Yes(false);
                // What it computed before and reports later would vouch for it.
                let is_sound = |message: &Command<Marks>| !is_of_broken(message);
                self.mail.retain(is_sound);
            }
            Breakage::In(steps) => self.breakage = Breakage::In(steps - 1),
            Breakage::No | Breakage::Yes(_) => {}
        }
        match self.rng.random_range(0..104) {
            0..4 => self.submit(),
            4..6 => self.submit_batch(),
            6..12 => {
                let number = self.rng.random_range(1..=NODES);
                // A worker that joins again may still deliver its results.
                if self.rng.random_bool(0.5) {
                    self.world.leases.remove(&node(number));
                }
                let command = Command::Join { node: node(number), facts: facts(&name(number)) };
                self.apply(command);
            }
            12..14 => {
                let node = self.any_node();
                self.apply(Command::Lose { node, why: "the network is cut".to_owned() });
            }
            14..50 => self.compute(),
            50..75 => self.deliver(),
            75..80 => self.beat(),
            80..90 => self.pass_time(),
            90..92 => {
                let id = job(self.rng.random_range(1..=self.world.submitted + 1));
                if self.world.apply(Command::Cancel { job: id, reason: None }).is_ok() {
                    self.cancelled.insert(id);
                }
            }
            92..93 => {
                let node = self.any_node();
                self.apply(Command::Drain { node });
            }
            93..96 => {
                let node = self.any_node();
                self.apply(Command::Undrain { node });
            }
            96..97 => {
                let node = self.any_node();
                self.apply(Command::Leave { node });
            }
            97..98 => self.crash(),
            98..99 => {
                let owner = OwnerId::new(["a", "b", "c"][self.rng.random_range(0..3)]);
                let jobs_at_once = [None, Some(1), Some(2)][self.rng.random_range(0..3)];
                let weight = f64::from(self.rng.random_range(1..4));
                let jobs = [None, Some(30)][self.rng.random_range(0..2)];
                let retention = RetentionLimits { kept_for: None, jobs };
                let limits =
                    self.rng.random_bool(0.8).then_some(OwnerLimits { jobs_at_once, weight, retention });
                self.apply(Command::Limit { owner, limits });
            }
            99..100 => self.cancel_batch(),
            100..102 => {
                let job = job(self.rng.random_range(1..=self.world.submitted + 1));
                let priority = [0, 50, 51, 100, 101][self.rng.random_range(0..5)];
                self.apply(Command::Reprioritize { job, priority });
            }
            102..103 => {
                let job = job(self.rng.random_range(1..=self.world.submitted + 1));
                self.apply(Command::Forget { job });
            }
            103..104 if self.rng.random_bool(0.1) && !self.batches.is_empty() => {
                let batch = self.batches[self.rng.random_range(0..self.batches.len())];
                self.apply(Command::ForgetBatch { batch });
            }
            _ => drop(self.world.tick()),
        }
    }

    /// Commands may be refused here, but must not break an invariant.
    fn apply(&mut self, command: Command<Marks>) {
        drop(self.world.apply(command));
    }

    fn submit(&mut self) {
        let simulations = 1 << self.rng.random_range(0..23);
        let simulations = self.rng.random_range(simulations..simulations * 2);
        let target = self.rng.random_bool(0.4).then(|| self.rng.random_range(0.0003..0.002));
        let owner = ["a", "b", "c"][self.rng.random_range(0..3)];
        let priority = [0, 50, 50, 51, 100][self.rng.random_range(0..5)];
        self.world.submit_as(owner, priority, &spec(simulations, target));
    }

    fn submit_batch(&mut self) {
        let count = self.rng.random_range(1..8);
        let sizes: Vec<u64> = (0..count).map(|_| self.rng.random_range(1..400_000)).collect();
        let owner = OwnerId::new(["a", "b", "c"][self.rng.random_range(0..3)]);
        let (parallel_jobs, fail_fast) = (self.rng.random_range(1..5), self.rng.random_bool(0.2));
        // A token is a million simulations of 12 months, and costs a billionth of a dollar.
        let cap = self.rng.random_bool(0.6).then(|| Money::from_nanos(self.rng.random_range(5..20)));
        let id = self.world.submit_batch(&sizes, |batch| {
            (batch.owner, batch.parallel_jobs, batch.fail_fast) = (owner, parallel_jobs, fail_fast);
            batch.budget_cap = cap;
        });
        self.batches.push(id);
    }

    fn cancel_batch(&mut self) {
        if self.batches.is_empty() {
            return;
        }
        let batch = self.batches[self.rng.random_range(0..self.batches.len())];
        let with_running = self.rng.random_bool(0.5);
        if self.world.apply(Command::CancelBatch { batch, reason: None, with_running }).is_ok() {
            self.cancelled_batches.insert(batch);
        }
    }

    /// A worker finishes one of its leases, mostly the first, and sends the report.
    fn compute(&mut self) {
        let node = self.any_node();
        let held = self.world.leases.get(&node).map_or(0, Vec::len);
        if held == 0 {
            return;
        }
        let place = if self.rng.random_bool(0.8) { 0 } else { self.rng.random_range(0..held) };
        let (lease, spec) = self.world.leases[&node][place].clone();
        let took = Duration::from_micros(self.rng.random_range(0..50_000));
        let mut message = self.reported(node, lease, &spec, took);
        match self.rng.random_range(0..1_000) {
            0..10 => {
                self.faulty.insert(lease.job);
                message = failure(node, lease, "out of memory");
            }
            10..15 => {
                self.faulty.insert(lease.job);
                if let Command::Report { partial, .. } = &mut message {
                    *partial = Marks::default();
                }
            }
            _ => {}
        }
        self.mail.push(message);
    }

    /// The report of a lease, with wrong bits if the machine is broken.
    fn reported(&mut self, node: NodeId, lease: Lease, spec: &JobSpec, took: Duration) -> Command<Marks> {
        let mut message = report(node, lease, spec, took);
        let is_broken = matches!(self.breakage, Breakage::Yes(_)) && is_of_broken(&message);
        if let Command::Report { partial, .. } = &mut message {
            partial.errors = if is_broken { self.rng.random_range(1..u64::MAX) } else { 0 };
        }
        message
    }

    /// A message arrives, not always the oldest, and sometimes repeatedly.
    fn deliver(&mut self) {
        if self.mail.is_empty() {
            return;
        }
        let place = self.rng.random_range(0..self.mail.len());
        let message = self.mail.swap_remove(place);
        if self.rng.random_bool(0.15) {
            self.mail.push(message.clone());
        }
        let is_wrong = matches!(&message, Command::Report { partial, .. } if partial.errors > 0);
        if let Ok(effects) = self.world.apply(message)
            && is_wrong
            && was_accepted(&effects)
        {
            self.breakage = Breakage::Yes(true);
        }
    }

    fn beat(&mut self) {
        for number in 1..=NODES {
            let progress = self.world.leases.get(&node(number)).into_iter().flatten();
            let progress = progress.map(|(lease, _)| (lease.id, self.rng.random_range(0..9))).collect();
            self.apply(Command::Heartbeat { node: node(number), load: Load::default(), progress });
        }
    }

    fn pass_time(&mut self) {
        let seconds = if self.rng.random_bool(0.02) { 4.0 } else { 0.3 };
        let time = Duration::from_secs_f64(self.rng.random_range(0.0..seconds));
        self.world.wait(time);
        if self.rng.random_bool(0.05) {
            // The calendar is set.
            self.world.now.wall = Timestamp(self.rng.random_range(0..2_000_000_000_000));
        }
        self.world.tick();
    }

    /// The coordinator dies between commands, or after a command whose records were not committed.
    fn crash(&mut self) {
        if self.rng.random_bool(0.5)
            && let Some(message) = self.mail.pop()
        {
            let lost = self.world.scheduler.apply(message.clone(), self.world.now);
            drop(lost);
            self.mail.push(message);
        }
        self.world.restart();
    }

    /// Runs healthy workers until no job is open.
    fn finish(&mut self) {
        for number in 1..=NODES {
            self.world.apply(Command::Join { node: node(number), facts: facts("healthy") }).unwrap();
        }
        self.world.leases.values_mut().for_each(Vec::clear);
        for number in 1..=NODES {
            self.world.apply(Command::Join { node: node(number), facts: facts("healthy") }).unwrap();
        }
        for _ in 0..100_000 {
            if self.world.scheduler.open_jobs == 0 {
                return;
            }
            self.world.wait(Duration::from_millis(20));
            for number in 1..=NODES {
                self.world.beat(node(number));
                self.world.report_first(node(number), Duration::from_millis(20));
            }
            self.world.tick();
        }
        panic!("jobs are still open: {:?}", self.world.scheduler.cluster(self.world.now));
    }

    /// Runs workers until no job is open, and until the broken machine was found if a wrong report
    /// of it has counted.
    fn finish_with_breakage(&mut self) {
        self.mail.clear();
        self.world.leases.clear();
        for number in 1..=NODES {
            self.apply(Command::UndrainName { name: name(number) });
        }
        for number in 1..=NODES {
            self.world.apply(Command::Join { node: node(number), facts: facts(&name(number)) }).unwrap();
        }
        for _ in 0..100_000 {
            let is_found = self.breakage != Breakage::Yes(true)
                || self.world.ledger.verdicts.values().any(|verdict| verdict.name == name(BROKEN[0]));
            if self.world.scheduler.open_jobs == 0 {
                if is_found {
                    return;
                }
                self.world.submit(20 * BLOCK_SIMULATIONS);
            }
            self.world.wait(Duration::from_millis(20));
            for number in 1..=NODES {
                let node = node(number);
                self.world.beat(node);
                if let Some((lease, spec)) = self.world.first_lease(node) {
                    let message = self.reported(node, lease, &spec, Duration::from_millis(20));
                    self.mail.push(message);
                    self.deliver();
                    self.mail.clear();
                }
            }
            self.world.tick();
        }
        panic!("jobs are still open: {:?}", self.world.scheduler.cluster(self.world.now));
    }

    /// Checks that every complete job has the right result, or is known to be doubtful. Returns the
    /// number of wrong results.
    fn check_doubts(&self) -> usize {
        let mut wrong = 0;
        for (id, result) in &self.world.ledger.results {
            let doubts = self.world.scheduler.doubts(&result.shares);
            if result.fold != expected(&result.spec) {
                wrong += 1;
                assert!(!doubts.is_empty(), "{id} is wrong and unmarked: {:?}", result.shares);
            }
            let mut names = doubts.iter().map(|verdict| verdict.name.as_str());
            assert!(names.all(|other| other == name(BROKEN[0])), "only the broken machine is suspected");
        }
        for verdict in self.world.ledger.verdicts.values() {
            assert_eq!(verdict.name, name(BROKEN[0]), "{}", verdict.reason);
        }
        wrong
    }

    /// Checks the end of each job.
    fn check(&self) {
        let mut complete = 0;
        for number in 1..=self.world.submitted {
            let id = job(number);
            let Some(record) = self.world.ledger.jobs.iter().find(|record| record.id == id) else {
                // It was forgotten.
                continue;
            };
            match record.state {
                JobState::Complete => {
                    complete += 1;
                    let result = &self.world.ledger.results[&id];
                    assert_eq!(result.fold, expected(&record.spec), "{id}");
                    assert_eq!(record.simulations_done, result.fold.simulations());
                    assert_eq!(record.stopped_early, record.simulations_done < record.spec.simulations());
                    let shares: u64 = result.shares.iter().map(|share| share.simulations).sum();
                    assert_eq!(shares, record.simulations_done, "{id}");
                    assert_eq!(record.workers_used as usize, result.shares.len(), "{id}");
                }
                JobState::Cancelled => {
                    let by_batch = record.batch.is_some() && record.error.is_some();
                    assert!(self.cancelled.contains(&id) || by_batch, "{id} was cancelled by nobody");
                }
                JobState::Failed => {
                    let error = record.error.as_deref().unwrap();
                    assert!(self.faulty.contains(&id) || error.contains("workers were lost"), "{error}");
                }
                state => panic!("{id} is still {state:?}"),
            }
            assert!(!self.world.ledger.checkpoints.contains_key(&id));
        }
        for batch in self.world.ledger.batches.values() {
            self.check_batch(batch);
        }
        assert!(complete > 5, "too few jobs complete in this history for it to test anything");
    }

    /// Checks the end of each batch.
    fn check_batch(&self, batch: &BatchRecord) {
        let view = self.world.scheduler.batch(batch.id).unwrap();
        assert_eq!(view.state == BatchState::Cancelled, self.cancelled_batches.contains(&batch.id));
        assert!(batch.ended_at.is_some());
        assert!(batch.budget_cap.is_none_or(|cap| view.spent.cost <= cap), "{} is past its cap", batch.id);
        let is_calm = view.counts.failed == 0 && !batch.is_cancelled;
        if is_calm && batch.budget_cap.is_none() {
            let by_hand = batch.jobs.iter().filter(|job| self.cancelled.contains(&job.job)).count();
            assert_eq!(view.counts.cancelled as usize, by_hand, "only a caller cancels jobs of {}", batch.id);
        }
        if view.counts.complete < u32::try_from(batch.jobs.len()).unwrap() {
            assert!(batch.error.is_some() || !self.cancelled.is_empty(), "{} says why", batch.id);
        }
    }
}

/// The correct fold of a job, computed without a scheduler.
fn expected(spec: &JobSpec) -> Marks {
    let n = spec.simulations();
    let mut checkpoint = 65_536;
    loop {
        let simulations = checkpoint.min(n);
        let fold = Marks::first(simulations.div_ceil(BLOCK_SIMULATIONS), n);
        let met = spec
            .params
            .target_standard_error
            .is_some_and(|target| stopping_error(fold.successes(), fold.simulations()) <= target);
        if met || simulations == n {
            return fold;
        }
        checkpoint *= 2;
    }
}

fn run(seed: u64) {
    let seed = Seed(seed);
    let mut history = History::new(seed.0);
    for _ in 0..STEPS {
        history.step();
    }
    history.finish();
    history.check();
}

#[test]
fn whatever_happens_every_job_ends_with_its_simulations_counted_once() {
    match std::env::var("CARLO_TEST_SEED") {
        Ok(seed) => run(seed.parse().unwrap()),
        Err(_) => (0..SEEDS).for_each(run),
    }
}

fn is_of_broken(message: &Command<Marks>) -> bool {
    let (Command::Report { node: of, .. } | Command::Fail { node: of, .. }) = message else { return false };
    BROKEN.map(node).contains(of)
}

fn run_with_breakage(seed: u64, change: impl FnOnce(&mut World)) -> (usize, Breakage) {
    let seed = Seed(seed);
    let mut history = History::with_breakage(seed.0);
    change(&mut history.world);
    for _ in 0..STEPS {
        history.step();
    }
    history.finish_with_breakage();
    (history.check_doubts(), history.breakage)
}

#[test]
fn no_wrong_result_of_a_broken_machine_stays_unmarked() {
    let seeds = match std::env::var("CARLO_TEST_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..SEEDS).collect(),
    };
    let ends: Vec<_> = seeds.iter().map(|seed| run_with_breakage(*seed, |_| {})).collect();
    if seeds.len() > 1 {
        let broken = ends.iter().filter(|(_, breakage)| *breakage == Breakage::Yes(true)).count();
        assert!(broken > seeds.len() / 4, "too few histories with wrong reports to test anything");
        let wrong: usize = ends.iter().map(|(wrong, _)| wrong).sum();
        assert!(wrong > 0, "no result was wrong, so the marks were not tested");
    }
}

#[test]
fn the_same_history_gives_the_same_state() {
    let end = |seed| {
        let mut history = History::new(seed);
        (0..500).for_each(|_| history.step());
        (format!("{:?}", history.world.scheduler), history.rng.next_u64())
    };
    assert_eq!(end(3), end(3));
}
