//! What must outlive the process. The caller decides how a record is encoded and where it lies.

use std::sync::Arc;

use carlo_types::{BlockRange, JobId, JobSpec, NodeId, OwnerId, Timestamp};

/// A change of the durable state.
#[derive(Debug, Clone, PartialEq)]
pub enum Record<P> {
    /// Put the job's record. For an ended job this also deletes its checkpoint.
    Job(JobRecord),
    /// Put the job's checkpoint.
    Checkpoint {
        /// Whose.
        job: JobId,
        /// What.
        checkpoint: Checkpoint<P>,
    },
    /// Put the summary that the job's results are made of; comes with the job's record in state complete.
    Result(ResultRecord<P>),
    /// Delete everything of the job.
    Forget {
        /// Which.
        job: JobId,
    },
    /// Put or delete the mark that workers of this name get no leases.
    Drain {
        /// The workers' name.
        name: String,
        /// Whether the mark is put.
        draining: bool,
    },
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
    /// Why it failed, for [`JobState::Failed`].
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
    /// How many of them an early stop may leave out of the answer: those beyond the first segment that isn't whole.
    pub ahead: u64,
}

/// The merged partial results of the blocks that are done within `range`. A job without a target standard error has one part.
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
    /// Whether it is held back; of no meaning unless it is queued. What was released is for the caller to remember.
    pub blocked: bool,
}
