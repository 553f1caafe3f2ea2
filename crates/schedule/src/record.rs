//! What must outlive the process. The caller decides how a record is encoded and where it lies.

use std::sync::Arc;

use carlo_types::{BatchId, Bill, BlockRange, JobId, JobSpec, Money, NodeId, OwnerId, Timestamp};

/// A change of the durable state.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants say what the fields are")]
pub enum Record<P> {
    /// Put the job's record. For an ended job this also deletes its checkpoint.
    Job(JobRecord),
    /// Put the job's checkpoint.
    Checkpoint { job: JobId, checkpoint: Checkpoint<P> },
    /// Put the summary that the job's results are made of; comes with the job's record in state
    /// complete.
    Result(ResultRecord<P>),
    /// Delete everything of the job.
    Forget { job: JobId, owner: OwnerId },
    /// Put the batch's record.
    Batch(BatchRecord),
    /// Delete the batch.
    ForgetBatch { batch: BatchId, owner: OwnerId },
    /// Put or delete the mark that workers of this name get no leases.
    Drain { name: String, draining: bool },
}

/// The states of a job. The module documentation of the crate draws how they follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobState {
    /// Waits for its first lease.
    Queued,
    /// Has had a lease.
    Running,
    /// Ended with a result.
    Complete,
    /// Ended by faults of its ranges.
    Failed,
    /// Ended by its owner.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Complete, Self::Failed, Self::Cancelled];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing will happen to the job any more.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Complete | Self::Failed | Self::Cancelled)
    }
}

/// Everything of a job but its partial results.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub owner: OwnerId,
    /// What it simulates.
    pub spec: Arc<JobSpec>,
    /// 0 to 100.
    pub priority: u8,
    /// Its state.
    pub state: JobState,
    /// Why it failed or was cancelled.
    pub error: Option<String>,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When it got its first lease.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Simulations that count, once it has ended; while it is open the checkpoint says it.
    pub simulations_done: u64,
    /// Whether its target standard error was met before its last simulation.
    pub stopped_early: bool,
    /// Nodes of which a report counted.
    pub workers_used: u32,
    /// The batch that it belongs to.
    pub batch: Option<BatchId>,
    /// Whether its batch keeps it out of the queue. Of no meaning unless it is queued.
    pub is_blocked: bool,
    /// The price of a token, from its admission on.
    pub price: Money,
    /// What it came to, once it has ended.
    pub bill: Option<Bill>,
}

/// Everything of a batch but what its jobs' own records say.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "where the name says it")]
pub struct BatchRecord {
    pub id: BatchId,
    pub owner: OwnerId,
    /// Of each of its jobs, 0 to 100.
    pub priority: u8,
    /// Whether the first job that fails cancels all others.
    pub fail_fast: bool,
    /// Jobs of it that run at once, at least 1.
    pub parallel_jobs: u32,
    /// The most that its jobs may cost together.
    pub budget_cap: Option<Money>,
    /// A JSON object that is kept for the caller, or nothing.
    pub metadata_json: String,
    pub created_at: Timestamp,
    /// When its first job got its first lease.
    pub started_at: Option<Timestamp>,
    /// When its last job ended.
    pub ended_at: Option<Timestamp>,
    /// In the order of the request.
    pub jobs: Vec<BatchJob>,
    /// Why jobs of it failed or were cancelled.
    pub error: Option<String>,
    /// Whether it was cancelled by a call.
    pub is_cancelled: bool,
    pub cancel_reason: Option<String>,
    /// The bills of jobs that a release which didn't record them one by one has forgotten.
    pub unattributed: Bill,
}

/// A job of a batch. While the job's own record is kept, that one counts.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "where the name says it")]
pub struct BatchJob {
    pub job: JobId,
    /// Simulations that it asks for.
    pub simulations: u64,
    /// What it costs when it runs to its last simulation.
    pub estimate: Money,
    pub state: JobState,
    /// Whether the batch keeps it out of the queue.
    pub is_blocked: bool,
    /// What it came to, once it has ended.
    pub bill: Option<Bill>,
    /// Whether its own record is kept no longer.
    pub is_forgotten: bool,
}

impl BatchJob {
    /// What it has cost so far.
    pub(crate) fn cost(&self) -> Money {
        self.bill.map_or(Money::ZERO, |bill| bill.cost)
    }
}

/// The states of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BatchState {
    /// No job has started.
    Pending,
    /// Some job has started and some job has not ended.
    Running,
    /// Ended, every job complete.
    Completed,
    /// Ended, some jobs complete and others not.
    Partial,
    /// Ended, no job complete.
    Failed,
    /// Cancelled by a call.
    Cancelled,
}

impl BatchState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Completed, Self::Partial, Self::Failed, Self::Cancelled];

    /// Its word.
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

/// Which part of a running job is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<P> {
    /// The blocks that are done, ascending, none touching another.
    pub done: Vec<BlockRange>,
    /// Their partial results.
    pub parts: Vec<Part<P>>,
    /// How many of these simulations each node did.
    pub shares: Vec<Share>,
}

/// What one node did for a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which.
    pub node: NodeId,
    /// How many simulations.
    pub simulations: u64,
    /// How many of them an early stop may leave out of the answer: those beyond the first segment
    /// that isn't whole.
    pub ahead: u64,
}

/// The merged partial results of the blocks that are done within `range`. A job without a target
/// standard error has one part.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<P> {
    /// The blocks that it may cover.
    pub range: BlockRange,
    /// The summary of those of them that are done.
    pub partial: P,
}

/// What a complete job found.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRecord<P> {
    /// Which job.
    pub job: JobId,
    /// What it simulated.
    pub spec: Arc<JobSpec>,
    /// The summary of its simulations.
    pub fold: P,
    /// Whether that is fewer than it asked for.
    pub stopped_early: bool,
    /// How many simulations each node did.
    pub shares: Vec<(NodeId, u64)>,
}

/// A job as it is found in the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredJob<P> {
    /// The last record of it.
    pub record: JobRecord,
    /// The last checkpoint of it, for an open job that has one.
    pub checkpoint: Option<Checkpoint<P>>,
}
