//! The ends of jobs, the expiry of ended jobs, and the checkpoints of running ones.

use std::sync::Arc;
use std::time::Duration;

use carlo_types::{Bill, Fault, FaultCode, JobId, Merge, Now};

use super::Scheduler;
use crate::command::{Effect, Outcome};
use crate::job::{Ended, JobKey, State};
use crate::record::{JobState, Record, ResultRecord};

/// The most ended jobs that are forgotten in one tick.
const FORGOTTEN_PER_TICK_MAX: usize = 1_000;

impl<P: Merge + Clone + PartialEq> Scheduler<P> {
    /// Ends an open job: revokes its leases, bills it and puts its record, with the result if the
    /// job is complete.
    pub(super) fn end(
        &mut self,
        key: JobKey,
        state: JobState,
        error: Option<String>,
        now: Now,
        out: &mut Outcome<P>,
    ) {
        self.revoke_all(key, out);
        let job = self.jobs.get_mut(&key).expect("an open job exists");
        let (before, place) = (job.status(), job.place());
        let spec = Arc::clone(job.spec().expect("an open job has its specification"));
        let mut ended = Box::new(Ended {
            state,
            error,
            started_at: None,
            ended_at: now.wall,
            simulations_done: job.simulations_done(),
            stopped_early: false,
            workers_used: 0,
            bill: Bill::default(),
            retained: 0,
        });
        let (mut result, mut work) = (None, job.work);
        // `ended` is only a placeholder here; some of its fields are taken from the old state
        // below.
        let open = std::mem::replace(&mut job.state, State::Ended(ended.clone()));
        match open {
            State::Queued(queued) if queued.blocked => self.queue.unblock(place.owner),
            State::Queued(_) => self.queue.dequeue(place, now.elapsed),
            State::Running(running) => {
                ended.started_at = Some(running.started_at);
                ended.workers_used = running.workers_used();
                work.months = running.fold.months(&spec).unwrap_or(work.months);
                let shares = running.shares();
                if state == JobState::Complete {
                    let fold = running.fold.into_prefix().expect("a complete job has a fold");
                    ended.simulations_done = fold.simulations();
                    ended.stopped_early = fold.simulations() < job.simulations;
                    let stopped_early = ended.stopped_early;
                    result = Some(ResultRecord {
                        job: job.id,
                        spec: Arc::clone(&spec),
                        fold,
                        stopped_early,
                        shares,
                    });
                }
                self.queue.set_ready(place, None, now.elapsed);
                self.queue.end(place, now.elapsed);
            }
            State::Ended(_) => unreachable!("an ended job doesn't end again"),
        }
        ended.bill = work.bill(ended.simulations_done, job.price);
        ended.retained = self.retention.insert(key, &job.owner, job.is_preview, Duration::ZERO, now.elapsed);
        job.state = State::Ended(ended);
        let listing = if job.is_preview { &mut self.previews } else { &mut self.listing };
        listing.remove(&job.owner, before, (job.created_at, key));
        listing.insert(&job.owner, state, (job.created_at, key));
        self.unsaved.remove(&key);
        self.open_jobs -= 1;
        out.records.push(Record::Job(job.record(spec)));
        out.records.extend(result.map(Record::Result));
        out.effects.push(Effect::Ended { job: job.id });
        self.note_in_batch(key);
    }

    /// Revokes all leases of a job, and drops its withheld reports.
    pub(super) fn revoke_all(&mut self, key: JobKey, out: &mut Outcome<P>) {
        self.drop_votes(key);
        let Some(running) = self.jobs[&key].running() else { return };
        let holders: Vec<_> = running.ranges.open_ranges().flat_map(|open| open.holders.clone()).collect();
        for lease in holders {
            self.revoke(lease, out);
        }
    }

    /// Makes a checkpoint of each job for which one is due. The number per tick is bounded, so the
    /// jobs take turns.
    pub(super) fn checkpoint(&mut self, now: Now, out: &mut Outcome<P>) {
        let turn =
            self.unsaved.range(JobKey(self.saved_last.0 + 1)..).chain(self.unsaved.range(..=self.saved_last));
        let is_due = |key: &&JobKey| {
            let job = &self.jobs[key];
            job.running()
                .is_some_and(|running| running.is_checkpoint_due(job.simulations, &self.config, now.elapsed))
        };
        let due: Vec<JobKey> =
            turn.filter(is_due).take(self.config.checkpoints_per_tick_max).copied().collect();
        for key in due {
            self.saved_last = key;
            self.unsaved.remove(&key);
            let job = self.jobs.get_mut(&key).expect("a job with progress exists");
            let id = job.id;
            let running = job.running_mut().expect("a job with progress runs");
            running.saved = (now.elapsed, running.fold.simulations());
            let checkpoint = running.checkpoint();
            running.snapshots.offer(now.elapsed, &checkpoint);
            out.records.push(Record::Checkpoint { job: id, checkpoint });
        }
    }

    /// Forgets ended jobs that have expired, and the oldest ones if there are too many.
    pub(super) fn expire(&mut self, now: Now, out: &mut Outcome<P>) {
        for _ in 0..FORGOTTEN_PER_TICK_MAX {
            let Some(key) = self.retention.next_due(now.elapsed) else { return };
            self.forget(key, out);
        }
    }

    /// Forgets a job that has ended, when somebody asks for it.
    pub(super) fn forget_ended(&mut self, id: JobId, out: &mut Outcome<P>) -> Result<(), Fault> {
        let key = self.key(id)?;
        let state = self.jobs[&key].status();
        if !state.is_ended() {
            let message = format!("{id} is {}: it has to be cancelled first", state.as_str());
            return Err(Fault::new(FaultCode::Conflict, message));
        }
        self.forget(key, out);
        Ok(())
    }

    /// Forgets a job that has ended, and its batch with the last of its jobs.
    pub(super) fn forget(&mut self, key: JobKey, out: &mut Outcome<P>) {
        let job = self.jobs.remove(&key).expect("a job that is forgotten exists");
        let State::Ended(ended) = &job.state else { unreachable!("an open job is not forgotten") };
        self.retention.remove(key, &job.owner, job.is_preview, ended.retained);
        self.names.remove(&job.id);
        self.listing_of(job.is_preview).remove(&job.owner, job.status(), (job.created_at, key));
        out.records.push(Record::Forget { job: job.id, owner: job.owner.clone() });
        if let Some(batch) = job.batch {
            self.forget_in_batch(job.id, batch, out);
        }
    }

    /// The merged partial results of a running job so far.
    pub fn fold(&self, job: JobId) -> Option<P> {
        self.jobs.get(self.names.get(&job)?)?.running()?.fold.merged()
    }
}
