//! A batch: jobs that were submitted together and share a budget and a limit of running jobs. This
//! module decides which of them may start, which are cancelled, and what the state of the batch is.
//! It knows jobs only by their ids and is told about their changes.
//!
//! ```text
//!             release: parallel_jobs, budget       first lease
//!   blocked ────────────────────────────► queued ─────────────► running ──► complete, failed
//!      │  it can't fit the budget any more   │                     │
//!      │  the batch is cancelled             │ the batch is        │ the batch is cancelled with
//!      │  another job failed (fail_fast)     │ cancelled, or       │ its running jobs, or
//!      │                                     │ fail_fast           │ fail_fast
//!      └─────────────────────────────────────┴──► cancelled ◄──────┘
//! ```
//!
//! **Budget.** The cap is given out in the order of the estimates, the cheapest job first,
//! regardless of the order of the request. A job may start once it would fit even if every open job
//! before it in that order cost its whole estimate; until then it waits. It is cancelled as soon as
//! it can't fit any more, whatever the open jobs turn out to cost. So the sum of what is spent and
//! reserved never exceeds the cap, and neither timing nor `parallel_jobs` changes which jobs run.

mod totals;

use std::collections::{BTreeMap, BTreeSet};

use carlo_types::{Bill, JobId, Money, Timestamp};

use crate::record::{BatchJob, BatchRecord, BatchState, JobState};
pub use totals::BatchStats;
use totals::Totals;

/// A batch's record, and values that are derived from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Batch {
    pub(crate) record: BatchRecord,
    totals: Totals,
    spent: Bill,
    estimated: Money,
    /// The positions of the running jobs.
    running: BTreeSet<usize>,
    /// Positions in the record's list of jobs.
    positions: BTreeMap<JobId, usize>,
    /// The same positions in the order in which the budget is given out.
    by_estimate: Vec<usize>,
    /// Whether running jobs are to be cancelled, too. This happens within the same command, so it
    /// needn't be recorded.
    cancels_running: bool,
}

/// The number of a batch's jobs in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names are those of the states")]
pub struct BatchCounts {
    pub queued: u32,
    pub running: u32,
    pub complete: u32,
    pub failed: u32,
    pub cancelled: u32,
}

impl BatchCounts {
    fn of(&mut self, state: JobState) -> &mut u32 {
        match state {
            JobState::Queued => &mut self.queued,
            JobState::Running => &mut self.running,
            JobState::Complete => &mut self.complete,
            JobState::Failed => &mut self.failed,
            JobState::Cancelled => &mut self.cancelled,
        }
    }

    fn open(self) -> u32 {
        self.queued + self.running
    }

    /// The number of all jobs.
    pub fn all(self) -> u32 {
        self.open() + self.complete + self.failed + self.cancelled
    }
}

/// What the scheduler has to do for a batch next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Put the job into the queue.
    Release(JobId),
    /// Cancel the job for this reason, because the batch was cancelled or another job failed.
    GiveUp(JobId, String),
    /// Cancel the job for this reason, because it can't fit the budget any more.
    Unaffordable(JobId, String),
}

/// The new state of a job of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobChange<'a> {
    pub(crate) state: JobState,
    pub(crate) error: Option<&'a str>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) bill: Option<Bill>,
    pub(crate) simulations_done: u64,
}

impl Batch {
    pub(crate) fn new(record: BatchRecord) -> Self {
        let mut totals = Totals::default();
        record.jobs.iter().for_each(|job| totals.add(job));
        let is_running = |(_, job): &(usize, &BatchJob)| job.state == JobState::Running;
        let running =
            record.jobs.iter().enumerate().filter(is_running).map(|(position, _)| position).collect();
        let positions = record.jobs.iter().enumerate().map(|(position, job)| (job.job, position)).collect();
        let mut by_estimate: Vec<usize> = (0..record.jobs.len()).collect();
        by_estimate.sort_by_key(|position| (record.jobs[*position].estimate, *position));
        let spent = record.jobs.iter().filter_map(|job| job.bill).fold(record.unattributed, Bill::plus);
        let estimated = record.jobs.iter().fold(Money::ZERO, |sum, job| sum.plus(job.estimate));
        Self { record, totals, spent, estimated, running, positions, by_estimate, cancels_running: false }
    }

    pub(crate) fn counts(&self) -> BatchCounts {
        self.totals.counts
    }

    /// Changes a job, and the sums with it.
    fn change(&mut self, position: usize, change: impl FnOnce(&mut BatchJob)) {
        let job = &mut self.record.jobs[position];
        self.totals.subtract(job);
        change(job);
        self.totals.add(job);
        if job.state == JobState::Running {
            self.running.insert(position);
        } else {
            self.running.remove(&position);
        }
    }

    /// The jobs that run.
    pub(crate) fn running(&self) -> impl Iterator<Item = &BatchJob> {
        self.running.iter().map(|position| &self.record.jobs[*position])
    }

    /// The counted simulations of the jobs that don't run, and all of their simulations.
    pub(crate) fn simulations(&self) -> (u128, u128) {
        (self.totals.done, self.totals.simulations)
    }

    /// Takes note of a job's change. Returns whether the record must be saved because more than the
    /// job's own entry has changed.
    pub(crate) fn note(&mut self, job: JobId, change: JobChange<'_>) -> bool {
        let Some(&position) = self.positions.get(&job) else { return false };
        let before = (self.state(), self.record.started_at, self.record.ended_at, self.record.error.clone());
        if let Some(bill) = change.bill.filter(|_| self.record.jobs[position].bill.is_none()) {
            self.record.jobs[position].bill = Some(bill);
            self.spent = self.spent.plus(bill);
        }
        self.change(position, |member| {
            member.state = change.state;
            member.simulations_done = change.simulations_done;
            member.is_blocked &= change.state == JobState::Queued;
        });
        self.record.started_at = self.record.started_at.or(change.started_at);
        if change.state == JobState::Failed {
            let why = change.error.unwrap_or("no reason was given");
            let rest = if self.record.fail_fast { "; the other jobs were cancelled (fail_fast)" } else { "" };
            self.record.error.get_or_insert_with(|| format!("{job} failed: {why}{rest}"));
        }
        if self.has_ended() {
            self.record.ended_at = self.record.ended_at.or(change.ended_at);
            if self.totals.counts.complete + self.totals.counts.failed == 0 {
                let reason = self.cancelled_because();
                self.record.error.get_or_insert(reason);
            }
        }
        before != (self.state(), self.record.started_at, self.record.ended_at, self.record.error.clone())
    }

    /// The next step; `None` if the batch waits for its jobs or has ended.
    pub(crate) fn next(&self) -> Option<Step> {
        if let Some(step) = self.next_given_up() {
            return Some(step);
        }
        if let Some((job, needed)) = self.unaffordable() {
            let cap = self.record.budget_cap.unwrap_or_default();
            let reason = format!("the budget cap of ${cap} does not allow it: ${needed} would be needed");
            return Some(Step::Unaffordable(job, reason));
        }
        if self.active() >= self.record.parallel_jobs {
            return None;
        }
        let mut blocked = self.record.jobs.iter().enumerate().filter(|(_, job)| job.is_blocked);
        blocked.find(|(position, _)| self.fits(*position)).map(|(_, job)| Step::Release(job.job))
    }

    /// The next job to be cancelled because the batch was cancelled or another job failed.
    fn next_given_up(&self) -> Option<Step> {
        let fails_fast = self.record.fail_fast && self.totals.counts.failed > 0;
        let (with_running, reason) = match () {
            () if self.record.is_cancelled => (self.cancels_running || fails_fast, self.cancelled_because()),
            () if fails_fast => (true, "another job of its batch failed (fail_fast)".to_owned()),
            () => return None,
        };
        let given_up = |job: &&BatchJob| match job.state {
            JobState::Queued => true,
            JobState::Running => with_running,
            _ => false,
        };
        self.record.jobs.iter().find(given_up).map(|job| Step::GiveUp(job.job, reason))
    }

    fn cancelled_because(&self) -> String {
        match (&self.record.cancel_reason, self.record.is_cancelled) {
            (Some(reason), true) => format!("its batch was cancelled: {reason}"),
            (None, true) => "its batch was cancelled".to_owned(),
            (_, false) => "every job of the batch was cancelled".to_owned(),
        }
    }

    pub(crate) fn release(&mut self, job: JobId) {
        if let Some(&position) = self.positions.get(&job) {
            self.change(position, |job| job.is_blocked = false);
        }
    }

    /// Takes note that a job is cancelled because it can't fit the budget.
    pub(crate) fn note_over_budget(&mut self) {
        let cap = self.record.budget_cap.unwrap_or_default();
        let error = format!(
            "the budget cap of ${cap} does not allow every job; those that do not fit were cancelled"
        );
        self.record.error.get_or_insert(error);
    }

    /// Cancels the jobs that have not started, and with `with_running` also the running ones.
    pub(crate) fn cancel(&mut self, reason: Option<String>, with_running: bool) {
        self.record.is_cancelled = true;
        self.record.cancel_reason = reason.or_else(|| self.record.cancel_reason.take());
        self.cancels_running |= with_running;
    }

    /// Takes note that a job's record was deleted. Returns whether no job's record is left.
    pub(crate) fn forget(&mut self, job: JobId) -> bool {
        if let Some(&position) = self.positions.get(&job) {
            self.change(position, |job| job.is_forgotten = true);
        }
        self.totals.kept == 0
    }

    /// The number of jobs that are queued or running and not blocked.
    pub(crate) fn active(&self) -> u32 {
        self.totals.active
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.totals.counts.open() == 0
    }

    pub(crate) fn state(&self) -> BatchState {
        if self.record.is_cancelled {
            return BatchState::Cancelled;
        }
        match self.totals.counts {
            counts if counts.open() > 0 && self.record.started_at.is_none() => BatchState::Pending,
            counts if counts.open() > 0 => BatchState::Running,
            BatchCounts { complete: 0, .. } => BatchState::Failed,
            BatchCounts { failed: 0, cancelled: 0, .. } => BatchState::Completed,
            _ => BatchState::Partial,
        }
    }

    /// A sentence that says why a blocked job waits.
    pub(crate) fn waiting_for(&self) -> String {
        let parallel_jobs = self.record.parallel_jobs;
        if let (Some(cap), true) = (self.record.budget_cap, self.active() < parallel_jobs) {
            return format!(
                "its cost does not fit the batch's budget cap of ${cap} beside the jobs that run; it waits until they have ended"
            );
        }
        let jobs = if parallel_jobs == 1 { "job" } else { "jobs" };
        format!("its batch runs at most {parallel_jobs} {jobs} at once (parallel_jobs)")
    }

    /// What all jobs would cost if each ran to its last simulation.
    pub(crate) fn estimated(&self) -> Money {
        self.estimated
    }

    /// The sum of the ended jobs' bills.
    pub(crate) fn spent(&self) -> Bill {
        self.spent
    }

    /// The sum of the estimates of the jobs that are queued or running and not blocked.
    pub(crate) fn reserved(&self) -> Money {
        self.totals.reserved
    }

    /// Whether a job fits the budget even if every open job before it costs its whole estimate.
    fn fits(&self, position: usize) -> bool {
        let Some(cap) = self.record.budget_cap else { return true };
        let mut sum = self.record.unattributed.cost;
        for before in &self.by_estimate {
            let job = &self.record.jobs[*before];
            sum = sum.plus(if job.state.is_ended() { job.cost() } else { job.estimate });
            if *before == position {
                break;
            }
        }
        sum <= cap
    }

    /// A blocked job that can't fit the budget any more, and the smallest cap that would allow it.
    fn unaffordable(&self) -> Option<(JobId, Money)> {
        let cap = self.record.budget_cap?;
        let mut settled = self.record.unattributed.cost;
        for position in &self.by_estimate {
            let job = &self.record.jobs[*position];
            let needed = settled.plus(job.estimate);
            if job.is_blocked && needed > cap {
                return Some((job.job, needed));
            }
            settled = settled.plus(job.cost());
        }
        None
    }

    /// Panics unless the derived values agree with the record and the invariants hold.
    pub(crate) fn verify(&self) {
        let id = self.record.id;
        let same = Self { cancels_running: self.cancels_running, ..Self::new(self.record.clone()) };
        assert_eq!(*self, same, "what follows from the record of {id}");
        assert_eq!(self.next(), None, "{id} has something to do");
        assert!(self.active() <= self.record.parallel_jobs, "{id} runs too many jobs at once");
        if let Some(cap) = self.record.budget_cap {
            let committed = self.spent().cost.plus(self.reserved());
            assert!(committed <= cap, "{id} has spent and reserved ${committed} of ${cap}");
        }
        let blocked = self.record.jobs.iter().filter(|job| job.is_blocked);
        assert!(blocked.into_iter().all(|job| job.state == JobState::Queued), "a blocked job of {id} runs");
        assert_eq!(self.record.ended_at.is_some(), self.has_ended(), "the end of {id}");
        assert!(
            self.active() > 0 || self.has_ended(),
            "{id} has open jobs of which none may run, so that it never ends"
        );
    }
}

#[cfg(test)]
mod tests;
