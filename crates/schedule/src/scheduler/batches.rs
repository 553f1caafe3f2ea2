//! Submits, cancels, advances and restores batches. Which step a batch takes next is decided in
//! [`crate::batch`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use carlo_types::{BatchId, Bill, Fault, FaultCode, JobId, Merge, Now, OwnerId, Timestamp};

use super::{NewJob, Scheduler};
use crate::batch::{Batch, BatchStats, JobChange, Step};
use crate::command::{Effect, NewBatch, Outcome};
use crate::job::{JobKey, State};
use crate::listing::Listing;
use crate::record::{BatchJob, BatchRecord, BatchState, JobState, Record};

/// All batches, with their indexes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batches {
    all: BTreeMap<BatchId, Batch>,
    pub(crate) listing: Listing<BatchState, BatchId>,
    /// Batches that may have a next step.
    dirty: BTreeSet<BatchId>,
    /// Batches whose record has changed since it was last in an outcome.
    unsaved: BTreeSet<BatchId>,
    /// Sums over each owner's batches.
    stats: BTreeMap<OwnerId, BatchStats>,
}

impl Batches {
    pub(crate) fn get(&self, id: BatchId) -> Option<&Batch> {
        self.all.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Batch> {
        self.all.values()
    }

    fn insert(&mut self, batch: Batch) {
        let record = &batch.record;
        self.listing.insert(&record.owner, batch.state(), (record.created_at, record.id));
        self.stats.entry(record.owner.clone()).or_default().add(&batch);
        self.dirty.insert(record.id);
        self.all.insert(record.id, batch);
    }

    fn remove(&mut self, id: BatchId) {
        let Some(batch) = self.all.remove(&id) else { return };
        self.listing.remove(&batch.record.owner, batch.state(), (batch.record.created_at, id));
        if let Some(stats) = self.stats.get_mut(&batch.record.owner) {
            stats.subtract(&batch);
            if *stats == BatchStats::default() {
                self.stats.remove(&batch.record.owner);
            }
        }
        self.dirty.remove(&id);
        self.unsaved.remove(&id);
    }

    /// Changes a batch and updates the indexes. `change` returns whether the record must be saved.
    fn change(&mut self, id: BatchId, change: impl FnOnce(&mut Batch) -> bool) {
        let Some(batch) = self.all.get_mut(&id) else { return };
        let before = batch.state();
        let stats = self.stats.entry(batch.record.owner.clone()).or_default();
        stats.subtract(batch);
        if change(batch) {
            self.unsaved.insert(id);
        }
        stats.add(batch);
        let (after, entry) = (batch.state(), (batch.record.created_at, id));
        if before != after {
            self.listing.remove(&batch.record.owner, before, entry);
            self.listing.insert(&batch.record.owner, after, entry);
        }
        self.dirty.insert(id);
    }

    /// Sums over an owner's batches.
    pub(crate) fn stats(&self, owner: &OwnerId) -> BatchStats {
        self.stats.get(owner).copied().unwrap_or_default()
    }

    /// Panics unless all batches and indexes agree, no batch has a next step, and all records are
    /// saved.
    pub(crate) fn verify(&self) {
        self.all.values().for_each(Batch::verify);
        assert!(self.dirty.is_empty() && self.unsaved.is_empty(), "batches have something to do");
        self.listing.verify(
            self.all.values().map(|batch| {
                (&batch.record.owner, batch.state(), (batch.record.created_at, batch.record.id))
            }),
        );
        let mut stats: BTreeMap<OwnerId, BatchStats> = BTreeMap::new();
        for batch in self.all.values() {
            stats.entry(batch.record.owner.clone()).or_default().add(batch);
        }
        assert_eq!(self.stats, stats, "the sums over the owners' batches");
    }
}

impl<P: Merge + Clone + PartialEq> Scheduler<P> {
    /// Accepts all jobs of a batch, or refuses all of them.
    pub(super) fn submit_batch(
        &mut self,
        new: NewBatch,
        now: Now,
        out: &mut Outcome<P>,
    ) -> Result<(), Fault> {
        let NewBatch {
            id,
            owner,
            priority,
            fail_fast,
            parallel_jobs,
            budget_cap,
            metadata_json,
            price,
            jobs,
        } = new;
        if self.batches.all.contains_key(&id) {
            return Err(Fault::new(FaultCode::Conflict, format!("{id} exists already")));
        }
        let ids: BTreeSet<JobId> = jobs.iter().map(|(job, _)| *job).collect();
        if jobs.is_empty() || ids.len() < jobs.len() {
            return Err(Fault::new(FaultCode::Internal, format!("{id} has no jobs, or one job twice")));
        }
        self.check_new(&ids, priority)?;
        let mut members = Vec::with_capacity(jobs.len());
        for (job, spec) in jobs {
            let new = NewJob {
                id: job,
                owner: owner.clone(),
                spec,
                priority,
                price,
                batch: Some(id),
                is_preview: false,
            };
            let key = self.insert_queued(new, true, now, out);
            let job = &self.jobs[&key];
            members.push(BatchJob {
                job: job.id,
                simulations: job.simulations,
                estimate: job.estimate(),
                state: JobState::Queued,
                is_blocked: true,
                bill: None,
                simulations_done: 0,
                is_forgotten: false,
            });
        }
        self.batches.insert(Batch::new(BatchRecord {
            id,
            owner,
            priority,
            fail_fast,
            parallel_jobs: parallel_jobs.max(1),
            budget_cap,
            metadata_json,
            created_at: now.wall,
            started_at: None,
            ended_at: None,
            jobs: members,
            error: None,
            is_cancelled: false,
            cancel_reason: None,
            unattributed: Bill::default(),
        }));
        self.batches.unsaved.insert(id);
        Ok(())
    }

    pub(super) fn cancel_batch(
        &mut self,
        id: BatchId,
        reason: Option<String>,
        with_running: bool,
    ) -> Result<(), Fault> {
        let batch = self.batches.get(id).ok_or_else(|| no_such_batch(id))?;
        if batch.has_ended() {
            let message = format!("{id} has ended: it is {}", batch.state().as_str());
            return Err(Fault::new(FaultCode::Conflict, message));
        }
        self.batches.change(id, |batch| {
            batch.cancel(reason, with_running);
            true
        });
        Ok(())
    }

    /// Tells a job's batch, if there is one, that the job's state has changed.
    pub(super) fn note_in_batch(&mut self, key: JobKey) {
        let job = &self.jobs[&key];
        let Some(id) = job.batch else { return };
        let mut change = JobChange {
            state: job.status(),
            error: None,
            started_at: None,
            ended_at: None,
            bill: None,
            simulations_done: 0,
        };
        match &job.state {
            State::Queued(_) => {}
            State::Running(running) => change.started_at = Some(running.started_at),
            State::Ended(ended) => {
                change.error = ended.error.as_deref();
                change.started_at = ended.started_at;
                change.ended_at = Some(ended.ended_at);
                change.bill = Some(ended.bill);
                change.simulations_done = ended.simulations_done;
            }
        }
        self.batches.change(id, |batch| batch.note(job.id, change));
    }

    /// Forgets a job of a batch. Forgets the batch, too, if it was the last job.
    pub(super) fn forget_in_batch(&mut self, job: JobId, id: BatchId, out: &mut Outcome<P>) {
        let mut is_forgotten = false;
        self.batches.change(id, |batch| {
            is_forgotten = batch.forget(job);
            true
        });
        let owner = self.batches.get(id).map(|batch| batch.record.owner.clone());
        if let Some(owner) = owner.filter(|_| is_forgotten) {
            self.batches.remove(id);
            out.records.push(Record::ForgetBatch { batch: id, owner });
            out.effects.push(Effect::BatchChanged { batch: id });
        }
    }

    /// Forgets a batch that has ended, with all of its jobs.
    pub(super) fn forget_ended_batch(&mut self, id: BatchId, out: &mut Outcome<P>) -> Result<(), Fault> {
        let batch = self.batches.get(id).ok_or_else(|| no_such_batch(id))?;
        if !batch.has_ended() {
            let state = batch.state().as_str();
            let message = format!("{id} is {state}: it has to be cancelled first");
            return Err(Fault::new(FaultCode::Conflict, message));
        }
        let kept = batch.record.jobs.iter().filter_map(|member| self.names.get(&member.job).copied());
        for key in kept.collect::<Vec<_>>() {
            self.forget(key, out);
        }
        Ok(())
    }

    /// Takes all steps of all batches until each of them waits for its jobs or has ended.
    pub(super) fn advance_batches(&mut self, now: Now, out: &mut Outcome<P>) {
        while let Some(id) = self.batches.dirty.pop_first() {
            while let Some(step) = self.batches.get(id).and_then(Batch::next) {
                match step {
                    Step::Release(job) => {
                        self.batches.change(id, |batch| {
                            batch.release(job);
                            false
                        });
                        self.release_blocked(job, now, out);
                    }
                    Step::GiveUp(job, reason) => {
                        self.end(self.names[&job], JobState::Cancelled, Some(reason), now, out);
                    }
                    Step::Unaffordable(job, reason) => {
                        self.batches.change(id, |batch| {
                            batch.note_over_budget();
                            true
                        });
                        self.end(self.names[&job], JobState::Cancelled, Some(reason), now, out);
                    }
                }
                self.batches.dirty.remove(&id);
            }
        }
    }

    /// Puts a blocked job into the queue.
    fn release_blocked(&mut self, id: JobId, now: Now, out: &mut Outcome<P>) {
        let job = self.jobs.get_mut(&self.names[&id]).expect("a job with an id exists");
        let State::Queued(queued) = &mut job.state else { return };
        queued.blocked = false;
        let spec = Arc::clone(&queued.spec);
        let place = job.place();
        out.records.push(Record::Job(job.record(spec)));
        out.effects.push(Effect::Changed { job: id });
        self.queue.unblock(place.owner);
        self.queue.enqueue(place, now.elapsed);
    }

    /// Adds the records of changed batches to the outcome.
    pub(super) fn save_batches(&mut self, out: &mut Outcome<P>) {
        for id in std::mem::take(&mut self.batches.unsaved) {
            if let Some(batch) = self.batches.get(id) {
                out.records.push(Record::Batch(batch.record.clone()));
                out.effects.push(Effect::BatchChanged { batch: id });
            }
        }
    }

    /// Restores a batch as an earlier epoch left it. All jobs must be restored before. The states
    /// of jobs are taken from their own records if those still exist.
    ///
    /// # Errors
    ///
    /// [`FaultCode::Internal`] if the batch contradicts its jobs. It isn't restored then.
    pub fn restore_batch(&mut self, mut record: BatchRecord, now: Now) -> Result<Outcome<P>, Fault> {
        let now = self.at(now);
        let id = record.id;
        let fault = |why: &str| Fault::new(FaultCode::Internal, format!("the stored {id} {why}"));
        if self.batches.all.contains_key(&id) {
            return Err(fault("is there twice"));
        }
        let mut first_start: Option<Timestamp> = None;
        for member in &mut record.jobs {
            let Some(key) = self.names.get(&member.job) else {
                if !member.state.is_ended() {
                    return Err(fault("has an open job that isn't there"));
                }
                (member.is_forgotten, member.is_blocked) = (true, false);
                continue;
            };
            let job = &self.jobs[key];
            member.state = job.status();
            member.estimate = job.estimate();
            (member.is_forgotten, member.is_blocked) = (false, job.is_blocked());
            member.bill = job.bill();
            member.simulations_done = if job.status().is_ended() { job.simulations_done() } else { 0 };
            let started_at = match &job.state {
                State::Queued(_) => None,
                State::Running(running) => Some(running.started_at),
                State::Ended(ended) => ended.started_at,
            };
            first_start = first_start.into_iter().chain(started_at).min();
        }
        record.started_at = record.started_at.or(first_start);
        let is_open = record.jobs.iter().any(|job| !job.state.is_ended());
        record.ended_at = if is_open { None } else { record.ended_at.or(Some(record.created_at)) };
        self.batches.insert(Batch::new(record));
        let mut out = Outcome::default();
        self.settle(now, &mut out);
        Ok(out)
    }

    /// Panics unless batches and their jobs agree with each other.
    pub(crate) fn verify_batches(&self) {
        self.batches.verify();
        for batch in self.batches.iter() {
            for member in &batch.record.jobs {
                let job = self.names.get(&member.job).map(|key| &self.jobs[key]);
                assert_eq!(job.is_none(), member.is_forgotten, "{} of a batch is kept", member.job);
                let Some(job) = job else { continue };
                assert_eq!(
                    (job.batch, job.status(), job.is_blocked(), job.bill()),
                    (Some(batch.record.id), member.state, member.is_blocked, member.bill),
                    "{} and its batch",
                    job.id
                );
            }
        }
        for job in self.jobs.values() {
            let batch = job.batch.map(|id| self.batches.get(id).expect("the batch of a job exists"));
            assert!(batch.is_some() || !job.is_blocked(), "{} is blocked and belongs to no batch", job.id);
        }
    }
}

pub(crate) fn no_such_batch(id: BatchId) -> Fault {
    Fault::new(FaultCode::NotFound, format!("there is no batch {id}"))
}
