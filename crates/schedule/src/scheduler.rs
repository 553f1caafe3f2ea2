//! The state machine: its state, and the dispatch of commands to the submodules.

mod batches;
pub(crate) mod checks;
mod ending;
mod grants;
mod members;
mod reports;
mod restore;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use carlo_types::limits::PRIORITY_MAX;
use carlo_types::{
    BatchId, Epoch, Fault, FaultCode, FieldFault, JobId, JobSpec, Merge, Money, Now, OwnerId, Timestamp, Work,
};

use crate::checks::Checks;
use crate::command::{Command, Effect, Outcome};
use crate::config::Config;
use crate::fleet::Fleet;
use crate::job::{Job, JobKey, JobKind, Queued, State};
use crate::leases::Leases;
use crate::listing::Listing;
use crate::queue::{Place, Queue};
use crate::rate::Meter;
use crate::record::{JobState, Record};
use crate::retention::Retention;
use crate::seal::SealKey;
use batches::Batches;

/// The number of started jobs whose queue times are averaged.
const QUEUE_TIMES_MAX: usize = 1_000;
/// How often owners without open jobs are removed.
const OWNERS_SWEPT_EVERY: Duration = Duration::from_secs(10);

/// The scheduler of one epoch. See the crate's documentation.
#[derive(Debug, Clone)]
pub struct Scheduler<P> {
    pub(crate) config: Config,
    pub(crate) epoch: Epoch,
    pub(crate) seal_key: SealKey,
    /// The latest time that was passed in.
    pub(crate) latest: Duration,
    /// Boxed, because the nodes of a tree are only half full.
    pub(crate) jobs: BTreeMap<JobKey, Box<Job<P>>>,
    pub(crate) names: BTreeMap<JobId, JobKey>,
    pub(crate) job_next: u64,
    pub(crate) open_jobs: usize,
    pub(crate) queue: Queue,
    pub(crate) fleet: Fleet,
    pub(crate) leases: Leases,
    pub(crate) checks: Checks,
    pub(crate) listing: Listing<JobState, JobKey>,
    /// The jobs that are in no list.
    pub(crate) previews: Listing<JobState, JobKey>,
    pub(crate) batches: Batches,
    pub(crate) retention: Retention,
    /// Running jobs with progress since their last checkpoint.
    pub(crate) unsaved: BTreeSet<JobKey>,
    /// The job at which the last tick's checkpoints ended.
    pub(crate) saved_last: JobKey,
    pub(crate) queue_times: VecDeque<Duration>,
    pub(crate) meter: Meter,
    pub(crate) owners_swept: Duration,
}

impl<P: Merge + Clone + PartialEq> Scheduler<P> {
    /// A scheduler without jobs and nodes, for the term `epoch`. [`restore`](Self::restore) adds
    /// what is in the ledger.
    pub fn new(config: Config, epoch: Epoch, seal_key: SealKey) -> Self {
        Self {
            epoch,
            seal_key,
            latest: Duration::ZERO,
            jobs: BTreeMap::new(),
            names: BTreeMap::new(),
            job_next: 0,
            open_jobs: 0,
            queue: Queue::new(&config),
            fleet: Fleet::new(config.leases_per_node),
            leases: Leases::default(),
            checks: Checks::new(epoch),
            listing: Listing::default(),
            previews: Listing::default(),
            batches: Batches::default(),
            retention: Retention::new(&config),
            unsaved: BTreeSet::new(),
            saved_last: JobKey(0),
            queue_times: VecDeque::new(),
            meter: Meter::default(),
            owners_swept: Duration::ZERO,
            config,
        }
    }

    /// The epoch of this scheduler's leases.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Applies a command that happens at `now`.
    ///
    /// # Errors
    ///
    /// A refusal for the caller; nothing has changed then. A command from a node that is not a
    /// member is refused as [`FaultCode::NotFound`]: its stream should be closed, so that it joins
    /// again.
    pub fn apply(&mut self, command: Command<P>, now: Now) -> Result<Outcome<P>, Fault> {
        let now = self.at(now);
        let mut out = Outcome::default();
        match command {
            Command::Submit { job: id, owner, spec, priority, price, is_preview } => {
                self.check_new(&BTreeSet::from([id]), priority)?;
                let new = NewJob { id, owner, spec, priority, price, batch: None, is_preview };
                self.insert_queued(new, false, now, &mut out);
            }
            Command::SubmitBatch(new) => self.submit_batch(new, now, &mut out)?,
            Command::Limit { owner, limits } => {
                self.retention.limit(&owner, limits.map(|limits| limits.retention));
                self.queue.limit(&owner, limits, now.elapsed);
            }
            Command::Cancel { job, reason } => self.cancel(job, reason, now, &mut out)?,
            Command::Reprioritize { job, priority } => self.reprioritize(job, priority, now, &mut out)?,
            Command::Forget { job } => self.forget_ended(job, &mut out)?,
            Command::ForgetBatch { batch } => self.forget_ended_batch(batch, &mut out)?,
            Command::CancelBatch { batch, reason, with_running } => {
                self.cancel_batch(batch, reason, with_running)?;
            }
            Command::Join { node, facts } => self.join(node, facts, now, &mut out)?,
            Command::Heartbeat { node, load, progress } => self.heartbeat(node, load, &progress, now)?,
            Command::Lose { node, why } => self.lose(node, &why, now, &mut out)?,
            Command::Leave { node } => self.leave(node, &mut out)?,
            Command::Drain { node } => self.drain(node, true, &mut out)?,
            Command::Undrain { node } => self.drain(node, false, &mut out)?,
            Command::UndrainName { name } => self.undrain_name(name, &mut out)?,
            Command::LiftQuarantine { name } => self.lift_quarantine(&name, now, &mut out)?,
            Command::Report { node, lease, partial, computed_in } => {
                self.report(node, lease, partial, computed_in, now, &mut out)?;
            }
            Command::Fail { node, lease, message } => self.fail(node, lease, &message, now, &mut out)?,
            Command::Tick => self.tick(now, &mut out),
        }
        self.settle(now, &mut out);
        Ok(out)
    }

    /// Handles the consequences of a command: batches advance, free nodes get leases, and changed
    /// batches are recorded.
    fn settle(&mut self, now: Now, out: &mut Outcome<P>) {
        self.advance_batches(now, out);
        self.fill(now, out);
        // The start of a job marks its batch as dirty, although it enables no further step. This
        // call clears the mark.
        self.advance_batches(now, out);
        self.save_batches(out);
    }

    /// `now` with an elapsed time that never decreases from one command to the next.
    fn at(&mut self, now: Now) -> Now {
        self.latest = self.latest.max(now.elapsed);
        Now { elapsed: self.latest, ..now }
    }

    /// Refuses new jobs with a known id or an invalid priority, or if there are too many open jobs.
    fn check_new(&self, ids: &BTreeSet<JobId>, priority: u8) -> Result<(), Fault> {
        check_priority(priority)?;
        if let Some(id) = ids.iter().find(|id| self.names.contains_key(id)) {
            return Err(Fault::new(FaultCode::Conflict, format!("{id} exists already")));
        }
        let room = self.config.open_jobs_max.saturating_sub(self.open_jobs);
        if ids.len() > room {
            let message = format!(
                "the cluster has {} open jobs and takes {} at most",
                self.open_jobs, self.config.open_jobs_max
            );
            return Err(Fault::new(FaultCode::Exhausted, message));
        }
        Ok(())
    }

    /// Adds a new job to the queue, or only counts it there if its batch blocks it.
    fn insert_queued(&mut self, new: NewJob, blocked: bool, now: Now, out: &mut Outcome<P>) -> JobKey {
        let (id, spec) = (new.id, Arc::clone(&new.spec));
        let queued = Queued::new(Arc::clone(&spec), blocked, now.elapsed);
        let key = self.insert(new, now.wall, State::Queued(queued));
        let job = &self.jobs[&key];
        if blocked {
            self.queue.block(job.owner_key);
        } else {
            self.queue.enqueue(job.place(), now.elapsed);
        }
        out.records.push(Record::Job(job.record(spec)));
        out.effects.push(Effect::Changed { job: id });
        key
    }

    /// Adds a job to the indexes of all jobs.
    fn insert(&mut self, new: NewJob, created_at: Timestamp, state: State<P>) -> JobKey {
        self.job_next += 1;
        let key = JobKey(self.job_next);
        let NewJob { id, owner, spec, priority, price, batch, is_preview } = new;
        let owner_key = self.queue.owner(&owner);
        let job = Box::new(Job {
            key,
            id,
            owner_key,
            owner: self.queue.owner_id(owner_key),
            priority,
            created_at,
            batch,
            simulations: spec.simulations(),
            months: spec.months(),
            seed: spec.seed(),
            work: Work::of(&spec),
            price,
            kind: JobKind::of(&spec),
            is_preview,
            state,
        });
        self.listing_of(is_preview).insert(&job.owner, job.status(), (created_at, key));
        self.open_jobs += usize::from(!job.status().is_ended());
        self.names.insert(id, key);
        self.jobs.insert(key, job);
        key
    }

    /// The lists that a job is in.
    fn listing_of(&mut self, is_preview: bool) -> &mut Listing<JobState, JobKey> {
        if is_preview { &mut self.previews } else { &mut self.listing }
    }

    fn reprioritize(&mut self, id: JobId, priority: u8, now: Now, out: &mut Outcome<P>) -> Result<(), Fault> {
        check_priority(priority)?;
        let key = self.key(id)?;
        let job = self.jobs.get_mut(&key).expect("a job with a name exists");
        let spec = job.spec().map(Arc::clone).ok_or_else(|| has_ended(id, job.status()))?;
        let before = job.place();
        job.priority = priority;
        out.records.push(Record::Job(job.record(spec)));
        out.effects.push(Effect::Changed { job: id });
        let after = job.place();
        match &job.state {
            State::Queued(queued) if queued.blocked => {}
            State::Queued(_) => {
                self.queue.dequeue(before, now.elapsed);
                self.queue.enqueue(after, now.elapsed);
            }
            State::Running(_) => {
                self.queue.set_ready(before, None, now.elapsed);
                self.queue.end(before, now.elapsed);
                self.queue.start(after, now.elapsed);
                self.requeue(key, now);
            }
            State::Ended(_) => unreachable!("an ended job has no specification"),
        }
        Ok(())
    }

    fn cancel(
        &mut self,
        id: JobId,
        reason: Option<String>,
        now: Now,
        out: &mut Outcome<P>,
    ) -> Result<(), Fault> {
        let key = self.key(id)?;
        let state = self.jobs[&key].status();
        if state.is_ended() {
            return Err(has_ended(id, state));
        }
        self.end(key, JobState::Cancelled, reason, now, out);
        Ok(())
    }

    fn tick(&mut self, now: Now, out: &mut Outcome<P>) {
        self.lose_silent(now, out);
        self.expire_stalled(now, out);
        self.skip_checks(now, out);
        self.fleet.end_pauses(now.elapsed);
        self.fleet.sum_speed();
        self.fleet.forget_gone(self.config.offline_nodes_kept, now.elapsed);
        self.checkpoint(now, out);
        self.expire(now, out);
        if now.elapsed.saturating_sub(self.owners_swept) >= OWNERS_SWEPT_EVERY {
            self.owners_swept = now.elapsed;
            self.queue.forget_idle_owners(now.elapsed);
        }
    }

    pub(crate) fn key(&self, id: JobId) -> Result<JobKey, Fault> {
        let key = self.names.get(&id).copied();
        key.ok_or_else(|| Fault::new(FaultCode::NotFound, format!("there is no job {id}")))
    }

    /// Updates in the queue whether a running job has work to lease.
    fn requeue(&mut self, key: JobKey, now: Now) {
        let Some(job) = self.jobs.get(&key) else { return };
        let Some(running) = job.running() else { return };
        let ready = running.is_ready().then_some((running.served, running.last_served));
        self.queue.set_ready(job.place(), ready, now.elapsed);
    }
}

/// A job that is new to this process.
struct NewJob {
    id: JobId,
    owner: OwnerId,
    spec: Arc<JobSpec>,
    priority: u8,
    price: Money,
    batch: Option<BatchId>,
    is_preview: bool,
}

fn check_priority(priority: u8) -> Result<(), Fault> {
    if priority <= PRIORITY_MAX {
        return Ok(());
    }
    let message = format!("must be between 0 and {PRIORITY_MAX}");
    Err(Fault::invalid(vec![FieldFault::new("/priority", message)]))
}

fn has_ended(id: JobId, state: JobState) -> Fault {
    Fault::new(FaultCode::Conflict, format!("{id} has ended: it is {}", state.as_str()))
}

impl<P> Job<P> {
    pub(crate) fn place(&self) -> Place {
        Place { owner: self.owner_key, priority: self.priority, job: self.key }
    }
}
