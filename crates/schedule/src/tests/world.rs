//! A stand-in for the coordinator, its ledger and its workers, in simulated time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use carlo_types::{
    BatchId, Draft, Epoch, Fault, JobId, JobSpec, Lease, LeaseId, Load, Money, NodeFacts, NodeId, Now,
    OwnerId, Timestamp,
};

use super::marks::Marks;
use crate::{
    BatchRecord, Checkpoint, Command, Config, Effect, JobRecord, JobState, JobView, NewBatch, Outcome,
    Record, ResultRecord, Scheduler, SealKey, StoredJob, Trust, Verdict,
};

/// The months of every job in these tests.
const MONTHS: u32 = 12;
/// The price of a token.
pub(crate) const PRICE: Money = Money::from_nanos(1);

pub(crate) fn spec(simulations: u64, target: Option<f64>) -> Arc<JobSpec> {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(1000.0);
    draft.profile.monthly_spending = Some(2000.0);
    draft.inputs.monthly_income = Some(3000.0);
    draft.goal.target_amount = Some(5000.0);
    draft.goal.timeline_months = Some(MONTHS.into());
    draft.params.n_simulations = Some(simulations);
    draft.params.target_standard_error = target;
    Arc::new(draft.check(7).unwrap())
}

pub(crate) fn seal_key() -> SealKey {
    SealKey::new([7; 32])
}

pub(crate) fn job(number: u128) -> JobId {
    JobId::from_random(number)
}

pub(crate) fn node(number: u128) -> NodeId {
    NodeId::from_random(number)
}

pub(crate) fn facts(name: &str) -> NodeFacts {
    NodeFacts {
        hostname: name.to_owned(),
        name: name.to_owned(),
        threads: 2,
        instruction_set: "portable".to_owned(),
        version: "0".to_owned(),
        model_version: 1,
        protocol_version: 1,
    }
}

/// The committed records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) jobs: Vec<JobRecord>,
    pub(crate) checkpoints: BTreeMap<JobId, Checkpoint<Marks>>,
    pub(crate) results: BTreeMap<JobId, ResultRecord<Marks>>,
    pub(crate) drains: Vec<String>,
    pub(crate) batches: BTreeMap<BatchId, BatchRecord>,
    pub(crate) trust: BTreeMap<NodeId, Trust>,
    pub(crate) verdicts: BTreeMap<u64, Verdict>,
}

impl Ledger {
    pub(crate) fn commit(&mut self, records: Vec<Record<Marks>>) {
        for record in records {
            match record {
                Record::Job(record) => {
                    if record.state.is_ended() {
                        self.checkpoints.remove(&record.id);
                    }
                    match self.jobs.iter_mut().find(|job| job.id == record.id) {
                        Some(job) => *job = record,
                        None => self.jobs.push(record),
                    }
                }
                Record::Checkpoint { job, checkpoint } => drop(self.checkpoints.insert(job, checkpoint)),
                Record::Result(result) => drop(self.results.insert(result.job, result)),
                Record::Forget { job, .. } => {
                    self.jobs.retain(|record| record.id != job);
                    self.results.remove(&job);
                }
                Record::Batch(batch) => drop(self.batches.insert(batch.id, batch)),
                Record::ForgetBatch { batch, .. } => drop(self.batches.remove(&batch)),
                Record::Drain { name, draining } => {
                    self.drains.retain(|drained| *drained != name);
                    self.drains.extend(draining.then_some(name));
                }
                Record::Trust { node, trust: Some(trust) } => drop(self.trust.insert(node, trust)),
                Record::Trust { node, trust: None } => drop(self.trust.remove(&node)),
                Record::Verdict(verdict) => drop(self.verdicts.insert(verdict.number, verdict)),
                Record::ForgetVerdict { number } => drop(self.verdicts.remove(&number)),
            }
        }
    }

    pub(crate) fn job(&self, id: JobId) -> &JobRecord {
        self.jobs.iter().find(|job| job.id == id).expect("the job was committed")
    }

    /// A scheduler of a new epoch, restored from the committed records.
    pub(crate) fn restore(&self, config: &Config, epoch: Epoch, now: Now) -> Scheduler<Marks> {
        let mut scheduler = Scheduler::new(config.clone(), epoch, seal_key());
        for record in &self.jobs {
            let checkpoint = self.checkpoints.get(&record.id).cloned();
            let outcome = scheduler.restore(StoredJob { record: record.clone(), checkpoint }, now).unwrap();
            assert_eq!(outcome, Outcome::default());
        }
        for batch in self.batches.values() {
            let outcome = scheduler.restore_batch(batch.clone(), now).unwrap();
            assert_eq!(outcome, Outcome::default(), "what was committed is settled");
        }
        self.drains.iter().for_each(|name| scheduler.restore_drain(name));
        self.trust.iter().for_each(|(node, trust)| scheduler.restore_trust(*node, trust));
        self.verdicts.values().for_each(|verdict| scheduler.restore_verdict(verdict.clone()));
        scheduler.verify();
        scheduler
    }
}

/// A scheduler with a ledger, which carries out the effects of commands.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) scheduler: Scheduler<Marks>,
    pub(crate) ledger: Ledger,
    pub(crate) now: Now,
    /// The active leases of each node, oldest first.
    pub(crate) leases: BTreeMap<NodeId, Vec<(Lease, Arc<JobSpec>)>>,
    pub(crate) submitted: u128,
    /// The invariants are checked after every so many commands.
    pub(crate) verify_every: u32,
    commands: u32,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            scheduler: Scheduler::new(config.clone(), Epoch(1), seal_key()),
            config,
            ledger: Ledger::default(),
            now: Now { elapsed: Duration::ZERO, wall: Timestamp(1_000_000) },
            leases: BTreeMap::new(),
            submitted: 0,
            verify_every: 1,
            commands: 0,
        }
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now.elapsed += time;
        self.now.wall.0 += u64::try_from(time.as_millis()).unwrap();
    }

    /// Applies a command, commits its records, and carries out its effects. Returns the effects.
    pub(crate) fn apply(&mut self, command: Command<Marks>) -> Result<Vec<Effect>, Fault> {
        let result = self.scheduler.apply(command, self.now);
        self.commands += 1;
        if self.commands.is_multiple_of(self.verify_every) {
            self.scheduler.verify();
        }
        let outcome = result?;
        self.ledger.commit(outcome.records);
        for effect in &outcome.effects {
            self.follow(effect);
        }
        Ok(outcome.effects)
    }

    fn follow(&mut self, effect: &Effect) {
        match effect {
            Effect::Grant { node, lease, spec } => {
                self.leases.entry(*node).or_default().push((*lease, Arc::clone(spec)));
            }
            Effect::Revoke { node, lease } => self.drop_lease(*node, self.scheduler.epoch(), *lease),
            Effect::Acknowledge { node, lease, epoch, .. } => self.drop_lease(*node, *epoch, *lease),
            Effect::Disconnect { node, .. } => drop(self.leases.remove(node)),
            Effect::Ended { .. }
            | Effect::Changed { .. }
            | Effect::BatchChanged { .. }
            | Effect::Contested { .. }
            | Effect::Quarantined { .. }
            | Effect::Drained { .. } => {}
        }
    }

    fn drop_lease(&mut self, node: NodeId, epoch: Epoch, lease: LeaseId) {
        if let Some(leases) = self.leases.get_mut(&node) {
            leases.retain(|(other, _)| (other.epoch, other.id) != (epoch, lease));
        }
    }

    pub(crate) fn submit_as(&mut self, owner: &str, priority: u8, spec: &Arc<JobSpec>) -> JobId {
        self.submitted += 1;
        let id = job(self.submitted);
        let command = Command::Submit {
            job: id,
            owner: OwnerId::new(owner),
            spec: Arc::clone(spec),
            priority,
            price: PRICE,
            is_preview: false,
        };
        self.apply(command).unwrap();
        id
    }

    /// Submits a batch of jobs with these numbers of simulations. `change` sets further options.
    pub(crate) fn submit_batch(
        &mut self,
        simulations: &[u64],
        change: impl FnOnce(&mut NewBatch),
    ) -> BatchId {
        let first = self.submitted + 1;
        self.submitted += simulations.len() as u128;
        let id = BatchId::from_random(first);
        let jobs = (first..).map(job).zip(simulations.iter().map(|simulations| spec(*simulations, None)));
        let mut batch = NewBatch {
            id,
            owner: OwnerId::new("owner"),
            priority: 50,
            fail_fast: false,
            parallel_jobs: 3,
            budget_cap: None,
            metadata_json: String::new(),
            price: PRICE,
            jobs: jobs.collect(),
        };
        change(&mut batch);
        self.apply(Command::SubmitBatch(batch)).unwrap();
        id
    }

    pub(crate) fn submit(&mut self, simulations: u64) -> JobId {
        self.submit_as("owner", 50, &spec(simulations, None))
    }

    pub(crate) fn join(&mut self, number: u128) -> NodeId {
        self.join_with(number, facts("").threads)
    }

    /// Like [`join`](Self::join), with a number of threads. Until the node's speed is known, its
    /// leases have as many blocks as it has threads.
    pub(crate) fn join_with(&mut self, number: u128, threads: u32) -> NodeId {
        let id = node(number);
        self.leases.remove(&id);
        let facts = NodeFacts { threads, ..facts(&format!("worker {number}")) };
        self.apply(Command::Join { node: id, facts }).unwrap();
        id
    }

    pub(crate) fn tick(&mut self) -> Vec<Effect> {
        self.apply(Command::Tick).unwrap()
    }

    pub(crate) fn beat(&mut self, node: NodeId) {
        self.apply(Command::Heartbeat { node, load: Load::default(), progress: Vec::new() }).unwrap();
    }

    /// The node's oldest lease.
    pub(crate) fn first_lease(&self, node: NodeId) -> Option<(Lease, Arc<JobSpec>)> {
        self.leases.get(&node)?.first().cloned()
    }

    /// The node reports its oldest lease, which took this long. Returns whether the report was
    /// accepted; `None` if the node has no lease.
    pub(crate) fn report_first(&mut self, node: NodeId, took: Duration) -> Option<bool> {
        let (lease, spec) = self.first_lease(node)?;
        let effects = self.apply(report(node, lease, &spec, took)).unwrap();
        Some(was_accepted(&effects))
    }

    pub(crate) fn view(&self, job: JobId) -> JobView {
        self.scheduler.job(job, self.now).unwrap()
    }

    pub(crate) fn state(&self, job: JobId) -> JobState {
        self.view(job).state
    }

    /// Replaces the scheduler with a new one, restored from the committed records.
    pub(crate) fn restart(&mut self) {
        let epoch = Epoch(self.scheduler.epoch().0 + 1);
        self.scheduler = self.ledger.restore(&self.config, epoch, self.now);
    }
}

/// The correct report of a lease.
pub(crate) fn report(node: NodeId, lease: Lease, spec: &JobSpec, took: Duration) -> Command<Marks> {
    let partial = Marks::of(lease.range, spec.simulations());
    Command::Report { node, lease, partial, computed_in: took }
}

pub(crate) fn failure(node: NodeId, lease: Lease, message: &str) -> Command<Marks> {
    Command::Fail { node, lease, message: message.to_owned() }
}

pub(crate) fn was_accepted(effects: &[Effect]) -> bool {
    let answer = effects.iter().find_map(|effect| match effect {
        Effect::Acknowledge { accepted, .. } => Some(*accepted),
        _ => None,
    });
    answer.expect("a report is acknowledged")
}
