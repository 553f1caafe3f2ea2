//! One batch as a state machine: which of its jobs may run, when it stops, what it is as a whole. Pure: it is told what became of its
//! jobs, and says what is to be done next. Money, records and the queue are other modules' business.
//!
//! ```text
//!              release, up to parallel_jobs               first lease
//!   held back ────────────────────────────► in the queue ─────────────► running ───► complete, failed
//!       │  stop: budget                          │ stop: cancelled,        │ stop: fail_fast,
//!       └────────────────────────────────────────┴──────► cancelled ◄──────┘ cancelled with those that run
//! ```

use carlo_schedule::{JobRecord, JobState};
use carlo_types::{BatchId, JobId, OwnerId, Timestamp};
use carlo_wire::v1;

/// A batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) id: BatchId,
    pub(crate) owner: OwnerId,
    /// 0 to 100.
    pub(crate) priority: u8,
    /// The first job that fails cancels all others.
    pub(crate) fail_fast: bool,
    /// Jobs of it that run at once.
    pub(crate) parallel_jobs: u32,
    /// A JSON object, or nothing.
    pub(crate) metadata_json: String,
    pub(crate) created_at: Timestamp,
    /// When its first job got its first lease.
    pub(crate) started_at: Option<Timestamp>,
    /// When its last job ended.
    pub(crate) ended_at: Option<Timestamp>,
    /// In the order of the request.
    pub(crate) members: Vec<Member>,
    /// Why jobs of it failed or did not run.
    pub(crate) error: Option<String>,
    /// Whether it was cancelled by a call.
    pub(crate) is_cancelled: bool,
    pub(crate) cancel_reason: Option<String>,
    /// Which jobs are to be cancelled.
    stop: Option<Stop>,
    counts: Counts,
}

/// A job of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) job: JobId,
    /// Simulations that it asks for.
    pub(crate) simulations: u64,
    pub(crate) state: JobState,
    /// Whether it is not held back any more.
    pub(crate) is_released: bool,
    /// Whether it is kept no longer.
    pub(crate) is_forgotten: bool,
}

/// Which of its jobs a batch gives up, each with those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stop {
    /// Those that are held back.
    Held,
    /// Those that don't run.
    Waiting,
    /// All.
    All,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The job may start, if the budget allows it.
    Release(JobId),
    /// The job shall end.
    Cancel(JobId),
}

/// How many jobs are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) pending: u32,
    pub(crate) running: u32,
    pub(crate) completed: u32,
    pub(crate) failed: u32,
    pub(crate) cancelled: u32,
}

impl Counts {
    fn of(&mut self, state: JobState) -> &mut u32 {
        match state {
            JobState::Queued => &mut self.pending,
            JobState::Running => &mut self.running,
            JobState::Complete => &mut self.completed,
            JobState::Failed => &mut self.failed,
            JobState::Cancelled => &mut self.cancelled,
        }
    }

    fn open(&self) -> u32 {
        self.pending + self.running
    }
}

/// What a batch is made of.
#[derive(Debug, Clone)]
pub(crate) struct NewBatch {
    pub(crate) id: BatchId,
    pub(crate) owner: OwnerId,
    pub(crate) priority: u8,
    pub(crate) fail_fast: bool,
    pub(crate) parallel_jobs: u32,
    pub(crate) metadata_json: String,
    pub(crate) created_at: Timestamp,
    pub(crate) members: Vec<Member>,
}

impl Batch {
    /// A batch of these jobs, as far as they have come.
    pub(crate) fn new(new: NewBatch) -> Self {
        let mut counts = Counts::default();
        for member in &new.members {
            *counts.of(member.state) += 1;
        }
        let NewBatch { id, owner, priority, fail_fast, parallel_jobs, metadata_json, created_at, members } =
            new;
        Self {
            id,
            owner,
            priority,
            fail_fast,
            parallel_jobs,
            metadata_json,
            created_at,
            started_at: None,
            ended_at: None,
            members,
            error: None,
            is_cancelled: false,
            cancel_reason: None,
            stop: None,
            counts,
        }
    }

    /// A job is of this record now.
    pub(crate) fn note(&mut self, record: &JobRecord) {
        let Some(member) = self.members.iter_mut().find(|member| member.job == record.id) else { return };
        *self.counts.of(member.state) -= 1;
        *self.counts.of(record.state) += 1;
        member.state = record.state;
        self.started_at = self.started_at.or(record.started_at);
        if record.state == JobState::Failed {
            let why = record.error.as_deref().unwrap_or("without a reason");
            let rest = if self.fail_fast { "; the others were cancelled, as fail_fast says" } else { "" };
            self.error.get_or_insert_with(|| format!("{} failed: {why}{rest}", record.id));
            if self.fail_fast {
                self.stop = Some(Stop::All);
            }
        }
        if self.has_ended() {
            self.ended_at = self.ended_at.or(record.ended_at);
        }
    }

    /// What is to be done next; `None` while there is nothing but to wait.
    pub(crate) fn next(&self) -> Option<Step> {
        let gives_up = |member: &&Member| match self.stop {
            None => false,
            Some(Stop::Held) => member.state == JobState::Queued && !member.is_released,
            Some(Stop::Waiting) => member.state == JobState::Queued,
            Some(Stop::All) => !member.state.is_ended(),
        };
        if let Some(member) = self.members.iter().find(gives_up) {
            return Some(Step::Cancel(member.job));
        }
        let held =
            || self.members.iter().find(|member| member.state == JobState::Queued && !member.is_released);
        let job = (self.at_once() < self.parallel_jobs).then(held)??.job;
        Some(Step::Release(job))
    }

    /// A job is not held back any more.
    pub(crate) fn release(&mut self, job: JobId) {
        if let Some(member) = self.members.iter_mut().find(|member| member.job == job) {
            member.is_released = true;
        }
    }

    /// The budget doesn't reach for the next job: those that are held back will not run.
    pub(crate) fn exceed(&mut self, why: &str) {
        self.error = Some(format!("{why}; the jobs that had not started were cancelled"));
        self.stop = self.stop.max(Some(Stop::Held));
    }

    /// Somebody doesn't want it any more; those of its jobs that run may finish, unless `with_running`.
    pub(crate) fn cancel(&mut self, reason: &str, with_running: bool) {
        self.is_cancelled = true;
        if !reason.is_empty() {
            self.cancel_reason = Some(reason.to_owned());
        }
        self.stop = self.stop.max(Some(if with_running { Stop::All } else { Stop::Waiting }));
    }

    /// A job is kept no longer. Returns whether none is.
    pub(crate) fn forget(&mut self, job: JobId) -> bool {
        if let Some(member) = self.members.iter_mut().find(|member| member.job == job) {
            member.is_forgotten = true;
        }
        self.members.iter().all(|member| member.is_forgotten)
    }

    /// Jobs that may run, and have not ended.
    fn at_once(&self) -> u32 {
        let open = self.members.iter().filter(|member| member.is_released && !member.state.is_ended());
        u32::try_from(open.count()).unwrap_or(u32::MAX)
    }

    /// Why a job that is held back waits.
    pub(crate) fn waiting_for(&self) -> String {
        let jobs = if self.parallel_jobs == 1 { "job" } else { "jobs" };
        format!("its batch runs at most {} {jobs} at once (parallel_jobs)", self.parallel_jobs)
    }

    /// Whether nothing will happen to it any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.counts.open() == 0
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// What it is as a whole.
    pub(crate) fn status(&self) -> v1::BatchStatus {
        if self.is_cancelled {
            return v1::BatchStatus::Cancelled;
        }
        match self.counts {
            counts if counts.open() > 0 && self.started_at.is_none() => v1::BatchStatus::Pending,
            counts if counts.open() > 0 => v1::BatchStatus::Running,
            Counts { completed: 0, .. } => v1::BatchStatus::Failed,
            Counts { failed: 0, cancelled: 0, .. } => v1::BatchStatus::Completed,
            _ => v1::BatchStatus::Partial,
        }
    }
}

#[cfg(test)]
mod tests;
