//! The scheduler's durable state. The caller encodes the records and stores them.

use std::sync::Arc;

use carlo_types::{BatchId, Bill, BlockRange, JobId, JobSpec, Money, NodeId, OwnerId, Timestamp};

use crate::checks::{Mark, Trust, Verdict};

/// A change of the durable state. The caller puts or deletes what the variant names.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants say what the fields are")]
pub enum Record<P> {
    /// Put the job's record. If the job has ended, delete its checkpoint, too.
    Job(JobRecord),
    /// Put the job's checkpoint.
    Checkpoint { job: JobId, checkpoint: Checkpoint<P> },
    /// Put the fold of a complete job, from which its results are computed. It is in the same
    /// outcome as the job's record in state `Complete`.
    Result(ResultRecord<P>),
    /// Delete everything that is stored for the job.
    Forget { job: JobId, owner: OwnerId },
    /// Put the batch's record.
    Batch(BatchRecord),
    /// Delete the batch.
    ForgetBatch { batch: BatchId, owner: OwnerId },
    /// Put the mark that workers with this name get no leases, or delete it.
    Drain { name: String, draining: bool },
    /// Put what is known about a node, or delete it.
    Trust { node: NodeId, trust: Option<Trust> },
    /// Put the verdict.
    Verdict(Verdict),
    /// Delete the verdict with this number.
    ForgetVerdict { number: u64 },
}

/// The states of a job. The documentation of the crate shows the transitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobState {
    /// Waits for its first lease.
    Queued,
    /// Has been given a lease.
    Running,
    /// Ended with a result.
    Complete,
    /// Ended because one of its ranges kept failing.
    Failed,
    /// Ended by a caller, or by its batch.
    Cancelled,
}

impl JobState {
    /// All states, in the order in which they are declared.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Complete, Self::Failed, Self::Cancelled];

    /// The name of the state in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the state is final.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Complete | Self::Failed | Self::Cancelled)
    }
}

/// A job without its partial results.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct JobRecord {
    pub id: JobId,
    pub owner: OwnerId,
    pub spec: Arc<JobSpec>,
    /// 0 to 100; higher goes first.
    pub priority: u8,
    pub state: JobState,
    /// The reason why the job failed or was cancelled.
    pub error: Option<String>,
    pub created_at: Timestamp,
    /// When the first lease was granted.
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// The number of simulations in the result; for a failed or cancelled job, of those that had
    /// been reported. 0 while the job is open.
    pub simulations_done: u64,
    /// Whether the target standard error was met before the last simulation.
    pub stopped_early: bool,
    /// The number of nodes that had a report accepted.
    pub workers_used: u32,
    pub batch: Option<BatchId>,
    /// Whether the job's batch keeps it out of the queue. Only a queued job can be blocked.
    pub is_blocked: bool,
    /// The price of a token when the job was admitted.
    pub price: Money,
    /// What the job cost. Set when it ends.
    pub bill: Option<Bill>,
    /// Whether it is in no list, and soon forgotten.
    pub is_preview: bool,
}

/// A batch. The jobs themselves have records of their own.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct BatchRecord {
    pub id: BatchId,
    pub owner: OwnerId,
    /// The priority of each of the jobs, 0 to 100.
    pub priority: u8,
    /// Whether all other jobs are cancelled as soon as one fails.
    pub fail_fast: bool,
    /// The most jobs of the batch that run at the same time; at least 1.
    pub parallel_jobs: u32,
    /// The most that all of the jobs together may cost.
    pub budget_cap: Option<Money>,
    /// A JSON object that is stored for the caller, or an empty string.
    pub metadata_json: String,
    pub created_at: Timestamp,
    /// When the first lease of any of the jobs was granted.
    pub started_at: Option<Timestamp>,
    /// When the last of the jobs ended.
    pub ended_at: Option<Timestamp>,
    /// The jobs in the order of the request.
    pub jobs: Vec<BatchJob>,
    /// The first reason why jobs failed or were cancelled.
    pub error: Option<String>,
    /// Whether a caller cancelled the batch.
    pub is_cancelled: bool,
    pub cancel_reason: Option<String>,
    /// The sum of the bills of jobs that were forgotten by an old version, which stored no bill for
    /// each job of a batch.
    pub unattributed: Bill,
}

/// A job of a batch. If the job's own record is still stored, that record takes precedence.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct BatchJob {
    pub job: JobId,
    /// The number of simulations in the request.
    pub simulations: u64,
    /// What the job costs if it runs to its last simulation.
    pub estimate: Money,
    pub state: JobState,
    /// Whether the batch keeps the job out of the queue.
    pub is_blocked: bool,
    /// What the job cost. Set when it ends.
    pub bill: Option<Bill>,
    /// The number of simulations that an ended job counted. Unknown, and of no use, once the job's
    /// own record has been deleted.
    pub simulations_done: u64,
    /// Whether the job's own record has been deleted.
    pub is_forgotten: bool,
}

impl BatchRecord {
    /// The record with its first `most` jobs. To copy all of a thousand jobs takes long.
    pub(crate) fn with_jobs(&self, most: usize) -> Self {
        Self {
            owner: self.owner.clone(),
            metadata_json: self.metadata_json.clone(),
            jobs: self.jobs.iter().take(most).cloned().collect(),
            error: self.error.clone(),
            cancel_reason: self.cancel_reason.clone(),
            ..*self
        }
    }
}

impl BatchJob {
    /// Whether it is queued or running and not blocked.
    pub(crate) fn is_active(&self) -> bool {
        !self.is_blocked && !self.state.is_ended()
    }

    /// The number of simulations that count as done. Live progress is not included.
    pub(crate) fn done(&self) -> u64 {
        match self.state {
            JobState::Queued | JobState::Running => 0,
            JobState::Complete => self.simulations,
            JobState::Failed | JobState::Cancelled if self.is_forgotten => self.simulations,
            JobState::Failed | JobState::Cancelled => self.simulations_done,
        }
    }

    /// What the job has cost; zero while it is open.
    pub(crate) fn cost(&self) -> Money {
        self.bill.map_or(Money::ZERO, |bill| bill.cost)
    }
}

/// The states of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BatchState {
    /// No job has started.
    Pending,
    /// At least one job has started, and at least one has not ended.
    Running,
    /// All jobs are complete.
    Completed,
    /// All jobs have ended, and only some of them are complete.
    Partial,
    /// All jobs have ended, and none is complete.
    Failed,
    /// A caller cancelled the batch.
    Cancelled,
}

impl BatchState {
    /// All states, in the order in which they are declared.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Completed, Self::Partial, Self::Failed, Self::Cancelled];

    /// The name of the state in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The progress of a running job.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<P> {
    /// The blocks that are done, as ascending ranges with gaps between them.
    pub done: Vec<BlockRange>,
    /// The partial results of these blocks.
    pub parts: Vec<Part<P>>,
    /// The number of these simulations that each node computed.
    pub shares: Vec<Share>,
}

/// One node's contribution to a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct Share {
    pub node: NodeId,
    pub simulations: u64,
    /// The number of these simulations that lie beyond the first incomplete segment. They are left
    /// out of the result if the job stops early at the end of that segment.
    pub ahead: u64,
    /// When it last contributed.
    pub mark: Mark,
}

/// The merged partial results of the finished blocks within `range`. A job without a target
/// standard error has one part.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct Part<P> {
    /// The range in which the finished blocks lie. It may contain unfinished blocks, too.
    pub range: BlockRange,
    pub partial: P,
}

/// The outcome of a complete job.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct ResultRecord<P> {
    pub job: JobId,
    pub spec: Arc<JobSpec>,
    /// The partial results of all counted simulations, merged.
    pub fold: P,
    /// Whether there are fewer simulations than requested.
    pub stopped_early: bool,
    /// What each node contributed; all of it is in the fold.
    pub shares: Vec<Share>,
}

/// A job as it is stored in the ledger.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct StoredJob<P> {
    pub record: JobRecord,
    /// The last checkpoint of a running job, if there is one.
    pub checkpoint: Option<Checkpoint<P>>,
}
