//! The state machine: what it holds, and where each command goes. The commands themselves are in the submodules.

mod ending;
mod grants;
mod members;
mod reports;
mod restore;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use carlo_types::limits::PRIORITY_MAX;
use carlo_types::{Epoch, Fault, FaultCode, FieldFault, JobId, JobSpec, Merge, Now, OwnerId};

use crate::command::{Command, Effect, Outcome};
use crate::config::Config;
use crate::fleet::Fleet;
use crate::job::{Job, JobKey, Queued, State};
use crate::leases::Leases;
use crate::listing::Listing;
use crate::queue::{Place, Queue};
use crate::rate::Meter;
use crate::record::{JobState, Record};

/// Started jobs of which the time in the queue is averaged.
const QUEUE_TIMES_MAX: usize = 1_000;
/// How often owners without open jobs are looked at.
const OWNERS_SWEPT_EVERY: Duration = Duration::from_secs(10);

/// The scheduler of one epoch. See the documentation of the crate.
#[derive(Debug, Clone)]
pub struct Scheduler<P> {
    pub(crate) config: Config,
    pub(crate) epoch: Epoch,
    /// The latest time that was passed in.
    pub(crate) latest: Duration,
    pub(crate) jobs: BTreeMap<JobKey, Job<P>>,
    pub(crate) names: BTreeMap<JobId, JobKey>,
    pub(crate) job_next: u64,
    pub(crate) open_jobs: usize,
    pub(crate) queue: Queue,
    pub(crate) fleet: Fleet,
    pub(crate) leases: Leases,
    pub(crate) listing: Listing,
    /// Ended jobs, by when they are forgotten.
    pub(crate) expiry: BTreeSet<(Duration, JobKey)>,
    /// Running jobs with progress since their last checkpoint.
    pub(crate) unsaved: BTreeSet<JobKey>,
    /// Where the last tick's checkpoints ended.
    pub(crate) saved_last: JobKey,
    pub(crate) queue_times: VecDeque<Duration>,
    pub(crate) meter: Meter,
    pub(crate) owners_swept: Duration,
}

impl<P: Merge + Clone> Scheduler<P> {
    /// A scheduler without jobs and nodes, for the term `epoch`. What the ledger holds comes by [`restore`](Self::restore).
    pub fn new(config: Config, epoch: Epoch) -> Self {
        Self {
            epoch,
            latest: Duration::ZERO,
            jobs: BTreeMap::new(),
            names: BTreeMap::new(),
            job_next: 0,
            open_jobs: 0,
            queue: Queue::new(&config),
            fleet: Fleet::new(config.leases_per_node),
            leases: Leases::default(),
            listing: Listing::default(),
            expiry: BTreeSet::new(),
            unsaved: BTreeSet::new(),
            saved_last: JobKey(0),
            queue_times: VecDeque::new(),
            meter: Meter::default(),
            owners_swept: Duration::ZERO,
            config,
        }
    }

    /// The term that this scheduler leases in.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Takes a command that happens `now`.
    ///
    /// # Errors
    ///
    /// The refusal, for whoever gave the command; nothing has changed then. A command of a node that is no member is refused as
    /// [`FaultCode::NotFound`]: its stream should be closed, so that it joins again.
    pub fn apply(&mut self, command: Command<P>, now: Now) -> Result<Outcome<P>, Fault> {
        let now = self.at(now);
        let mut out = Outcome::default();
        match command {
            Command::Submit { job, owner, spec, priority, blocked } => {
                self.submit(job, owner, Queued::new(spec, blocked, now.elapsed), priority, now, &mut out)?;
            }
            Command::Release { job } => self.release_job(job, now, &mut out)?,
            Command::Limit { owner, jobs } => self.queue.limit(&owner, jobs, now.elapsed),
            Command::Cancel { job } => self.cancel(job, now, &mut out)?,
            Command::Join { node, facts } => self.join(node, facts, now, &mut out)?,
            Command::Heartbeat { node, load, progress } => self.heartbeat(node, load, &progress, now)?,
            Command::Lose { node, why } => self.lose(node, &why, now, &mut out)?,
            Command::Leave { node } => self.leave(node, &mut out)?,
            Command::Drain { node } => self.drain(node, true, &mut out)?,
            Command::Undrain { node } => self.drain(node, false, &mut out)?,
            Command::UndrainName { name } => self.undrain_name(name, &mut out)?,
            Command::Report { node, lease, partial, computed_in } => {
                self.report(node, lease, partial, computed_in, now, &mut out)?;
            }
            Command::Fail { node, lease, message } => self.fail(node, lease, &message, now, &mut out)?,
            Command::Tick => self.tick(now, &mut out),
        }
        self.fill(now, &mut out);
        Ok(out)
    }

    /// `now`, but never before an earlier one.
    fn at(&mut self, now: Now) -> Now {
        self.latest = self.latest.max(now.elapsed);
        Now { elapsed: self.latest, ..now }
    }

    fn submit(
        &mut self,
        id: JobId,
        owner: OwnerId,
        queued: Queued,
        priority: u8,
        now: Now,
        out: &mut Outcome<P>,
    ) -> Result<(), Fault> {
        if priority > PRIORITY_MAX {
            let message = format!("must be between 0 and {PRIORITY_MAX}");
            return Err(Fault::invalid(vec![FieldFault::new("/priority", message)]));
        }
        if self.names.contains_key(&id) {
            return Err(Fault::new(FaultCode::Conflict, format!("{id} exists already")));
        }
        if self.open_jobs >= self.config.open_jobs_max {
            let message = format!("the cluster has {} open jobs, which is its limit", self.open_jobs);
            return Err(Fault::new(FaultCode::Exhausted, message));
        }
        let (spec, held) = (Arc::clone(&queued.spec), queued.blocked);
        let key = self.insert(id, owner, &spec, priority, now.wall, State::Queued(queued));
        if held {
            self.queue.block(self.jobs[&key].owner_key);
        } else {
            self.queue.enqueue(self.jobs[&key].place(), now.elapsed);
        }
        out.records.push(Record::Job(self.jobs[&key].record(spec)));
        out.effects.push(Effect::Changed { job: id });
        Ok(())
    }

    /// Lets a job that is held back into the queue.
    fn release_job(&mut self, id: JobId, now: Now, out: &mut Outcome<P>) -> Result<(), Fault> {
        let key = self.key(id)?;
        let job = self.jobs.get_mut(&key).expect("a job with a name exists");
        let place = job.place();
        match &mut job.state {
            State::Queued(queued) if queued.blocked => queued.blocked = false,
            State::Queued(_) | State::Running(_) => return Ok(()),
            State::Ended(ended) => {
                let message = format!("{id} has ended: it is {}", ended.state.as_str());
                return Err(Fault::new(FaultCode::Conflict, message));
            }
        }
        self.queue.unblock(place.owner);
        self.queue.enqueue(place, now.elapsed);
        out.effects.push(Effect::Changed { job: id });
        Ok(())
    }

    /// Adds a job to the indexes that hold every job.
    fn insert(
        &mut self,
        id: JobId,
        owner: OwnerId,
        spec: &JobSpec,
        priority: u8,
        created_at: carlo_types::Timestamp,
        state: State<P>,
    ) -> JobKey {
        self.job_next += 1;
        let key = JobKey(self.job_next);
        let job = Job {
            key,
            id,
            owner_key: self.queue.owner(&owner),
            owner,
            priority,
            created_at,
            simulations: spec.simulations,
            months: spec.months(),
            seed: spec.seed,
            state,
        };
        self.listing.insert(&job.owner, job.status(), (created_at, key));
        self.open_jobs += usize::from(!job.status().is_ended());
        self.names.insert(id, key);
        self.jobs.insert(key, job);
        key
    }

    fn cancel(&mut self, id: JobId, now: Now, out: &mut Outcome<P>) -> Result<(), Fault> {
        let key = self.key(id)?;
        let state = self.jobs[&key].status();
        if state.is_ended() {
            let message = format!("{id} has ended: it is {}", state.as_str());
            return Err(Fault::new(FaultCode::Conflict, message));
        }
        self.end(key, JobState::Cancelled, None, now, out);
        Ok(())
    }

    fn tick(&mut self, now: Now, out: &mut Outcome<P>) {
        self.lose_silent(now, out);
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

    /// Tells the queue whether a running job has something to lease.
    fn requeue(&mut self, key: JobKey, now: Now) {
        let Some(job) = self.jobs.get(&key) else { return };
        let Some(running) = job.running() else { return };
        let ready = running.is_ready().then_some((running.served, running.last_served));
        self.queue.set_ready(job.place(), ready, now.elapsed);
    }
}

impl<P> Job<P> {
    pub(crate) fn place(&self) -> Place {
        Place { owner: self.owner_key, priority: self.priority, job: self.key }
    }
}
