//! Restores the ledger's content, before the first command of an epoch.

use std::sync::Arc;
use std::time::Duration;

use carlo_types::{Fault, FaultCode, Merge, NodeId, Now, Timestamp};

use super::{NewJob, Scheduler};
use crate::checks::{Trust, Verdict};
use crate::command::Outcome;
use crate::job::{Ended, Queued, Running, State};
use crate::record::{JobRecord, JobState, StoredJob};

impl<P: Merge + Clone + PartialEq> Scheduler<P> {
    /// Restores a job as an earlier epoch left it. Jobs must come in the order of their creation,
    /// because queued ones start in that order. Blocks that aren't in a running job's checkpoint
    /// are pending again.
    ///
    /// # Errors
    ///
    /// [`FaultCode::Internal`] if the stored job contradicts itself. It isn't restored then.
    pub fn restore(&mut self, stored: StoredJob<P>, now: Now) -> Result<Outcome<P>, Fault> {
        let now = self.at(now);
        let StoredJob { record, checkpoint } = stored;
        let id = record.id;
        let fault = |why: &str| Fault::new(FaultCode::Internal, format!("the stored {id} {why}"));
        if self.names.contains_key(&id) {
            return Err(fault("is there twice"));
        }
        let state = match record.state {
            JobState::Queued => State::Queued(Queued {
                spec: Arc::clone(&record.spec),
                since: now.elapsed,
                waited_before: age(record.created_at, now),
                blocked: record.is_blocked,
            }),
            JobState::Running => {
                let started_at = record.started_at.unwrap_or(record.created_at);
                let running = Running::restore(Arc::clone(&record.spec), started_at, checkpoint, now.elapsed);
                State::Running(Box::new(
                    running.ok_or_else(|| fault("has a checkpoint that contradicts itself"))?,
                ))
            }
            JobState::Complete | JobState::Failed | JobState::Cancelled => {
                State::Ended(Box::new(restore_ended(&record)))
            }
        };
        let ended_at = record.ended_at.unwrap_or(record.created_at);
        let JobRecord { owner, spec, priority, created_at, price, batch, is_preview, .. } = record;
        let new = NewJob { id, owner, spec, priority, price, batch, is_preview };
        let key = self.insert(new, created_at, state);
        let mut out = Outcome::default();
        let Some(job) = self.jobs.get_mut(&key) else { return Err(fault("was not taken up")) };
        match &mut job.state {
            State::Queued(queued) if queued.blocked => self.queue.block(job.owner_key),
            State::Queued(_) => self.queue.enqueue(job.place(), now.elapsed),
            State::Ended(ended) => {
                let age = age(ended_at, now);
                ended.retained = self.retention.insert(key, &job.owner, is_preview, age, now.elapsed);
            }
            State::Running(running) => {
                let complete = running.fold.is_complete();
                self.queue.start(job.place(), now.elapsed);
                self.requeue(key, now);
                if complete {
                    self.end(key, JobState::Complete, None, now, &mut out);
                }
            }
        }
        Ok(out)
    }

    /// Restores what is known about a node.
    pub fn restore_trust(&mut self, node: NodeId, trust: &Trust) {
        self.checks.know(node, &trust.name, trust.until);
    }

    /// Restores a verdict, and the quarantine if it is in force. All nodes must have been restored
    /// before.
    pub fn restore_verdict(&mut self, verdict: Verdict) {
        if verdict.is_in_force() {
            self.fleet.quarantine(&verdict.name, true);
        }
        self.checks.put(verdict);
    }

    /// Restores the mark that workers with this name are drained.
    pub fn restore_drain(&mut self, name: &str) {
        self.fleet.drain(name, true);
    }
}

fn restore_ended(record: &JobRecord) -> Ended {
    Ended {
        state: record.state,
        error: record.error.clone(),
        started_at: record.started_at,
        ended_at: record.ended_at.unwrap_or(record.created_at),
        simulations_done: record.simulations_done,
        stopped_early: record.stopped_early,
        workers_used: record.workers_used,
        bill: record.bill.unwrap_or_default(),
        retained: 0,
    }
}

/// How long ago that was, by calendar time; zero if the calendar has gone back since.
fn age(at: Timestamp, now: Now) -> Duration {
    Duration::from_millis(now.wall.0.saturating_sub(at.0))
}
