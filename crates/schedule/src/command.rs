//! The scheduler's inputs and outputs. Nothing here makes a decision.

use std::sync::Arc;
use std::time::Duration;

use carlo_types::{
    BatchId, BlockRange, Epoch, JobId, JobSpec, Lease, LeaseId, Load, Money, NodeFacts, NodeId, OwnerId,
};

use crate::record::Record;
use crate::retention::RetentionLimits;

/// An event or a request.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Command<P> {
    Submit {
        /// A fresh random id from the caller.
        job: JobId,
        owner: OwnerId,
        spec: Arc<JobSpec>,
        /// 0 to [`PRIORITY_MAX`](carlo_types::limits::PRIORITY_MAX), higher goes first.
        priority: u8,
        /// The price of a token.
        price: Money,
        /// Whether it is only looked at once: it is in no list, and soon forgotten.
        is_preview: bool,
    },
    /// Submits a new batch: all of its jobs or none.
    SubmitBatch(NewBatch),
    /// Sets an owner's limits in place of the configured ones. They apply until they are set again.
    Limit {
        owner: OwnerId,
        /// `None` for the configured limits.
        limits: Option<OwnerLimits>,
    },
    /// Ends a job without a result.
    Cancel {
        job: JobId,
        /// The reason, for people.
        reason: Option<String>,
    },
    /// Sets the priority of an open job, and puts its record out again.
    Reprioritize {
        job: JobId,
        /// As in a submission.
        priority: u8,
    },
    /// Forgets a job that has ended.
    Forget { job: JobId },
    /// Forgets a batch that has ended, with all of its jobs.
    ForgetBatch { batch: BatchId },
    /// Ends the jobs of a batch that have not started, and with `with_running` the running ones,
    /// too, without results.
    CancelBatch {
        batch: BatchId,
        /// The reason, for people.
        reason: Option<String>,
        with_running: bool,
    },
    /// A worker's stream opened. A node that joins again starts a new session: its leases from the
    /// old one are lost first.
    Join {
        /// The worker's id, derived from its own secret.
        node: NodeId,
        /// What the worker reports about itself.
        facts: NodeFacts,
    },
    /// A worker is alive.
    Heartbeat {
        node: NodeId,
        /// How busy its machine is.
        load: Load,
        /// The number of finished blocks of each of its leases.
        progress: Vec<(LeaseId, u64)>,
    },
    /// A worker's stream broke or was closed. The caller must not send this for a stream that a
    /// newer one has replaced.
    Lose {
        node: NodeId,
        /// The reason, for people.
        why: String,
    },
    /// A worker is about to leave by itself: it gets no more leases. Unlike a drain, this ends with
    /// its session.
    Leave { node: NodeId },
    /// An operator drains a node. This applies to every worker with the node's name, also after
    /// restarts.
    Drain { node: NodeId },
    /// Ends a drain.
    Undrain { node: NodeId },
    /// Like [`Undrain`](Self::Undrain), by name: the drain of a name may outlive all nodes with
    /// this name.
    UndrainName { name: String },
    /// An operator lifts the quarantine of all nodes with this name.
    LiftQuarantine { name: String },
    /// A lease was computed.
    Report {
        node: NodeId,
        /// The lease, as it was granted.
        lease: Lease,
        /// The merged partial result of the range.
        partial: P,
        computed_in: Duration,
    },
    /// A lease could not be computed.
    Fail {
        node: NodeId,
        /// The lease, as it was granted.
        lease: Lease,
        /// The reason, for people.
        message: String,
    },
    /// Time has passed; expected about ten times a second. Lost nodes, checkpoints, second leases
    /// and expiry are handled here.
    Tick,
}

/// A new batch.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "as in `BatchRecord`")]
pub struct NewBatch {
    /// A fresh random id from the caller.
    pub id: BatchId,
    pub owner: OwnerId,
    pub priority: u8,
    pub fail_fast: bool,
    pub parallel_jobs: u32,
    pub budget_cap: Option<Money>,
    pub metadata_json: String,
    /// The price of a token.
    pub price: Money,
    /// The specifications, each with a fresh id; at least one.
    pub jobs: Vec<(JobId, Arc<JobSpec>)>,
}

/// An owner's limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OwnerLimits {
    /// Jobs that may run at the same time; `None` for no limit.
    pub jobs_at_once: Option<u32>,
    /// The owner's share of the cluster relative to other owners; above 0.
    pub weight: f64,
    /// How long ended jobs are kept.
    pub retention: RetentionLimits,
}

/// What the caller must do, in this order, once the records are committed.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Effect {
    /// Send the lease to the node.
    Grant { node: NodeId, lease: Lease, spec: Arc<JobSpec> },
    /// Tell the node to drop the lease. A report for it would be refused.
    Revoke { node: NodeId, lease: LeaseId },
    /// Acknowledge a report or a failure: the worker may forget the lease and its partial result.
    Acknowledge {
        node: NodeId,
        lease: LeaseId,
        epoch: Epoch,
        /// Whether the report was counted.
        accepted: bool,
    },
    /// The job is complete, failed or cancelled. Workers may drop its specification.
    Ended { job: JobId },
    /// The job was submitted or started, or it made progress.
    Changed { job: JobId },
    /// The batch's state changed, or it was forgotten.
    BatchChanged { batch: BatchId },
    /// A draining or leaving node has no leases any more.
    Drained { node: NodeId },
    /// The votes on a range of the job differ.
    Contested {
        job: JobId,
        range: BlockRange,
        /// The names of the nodes that have voted.
        names: Vec<String>,
    },
    /// All nodes with the name are quarantined.
    Quarantined {
        name: String,
        /// The reason, for people.
        reason: String,
    },
    /// Close the node's stream: it is not a member any more.
    Disconnect {
        node: NodeId,
        /// The reason, for people.
        why: String,
    },
}

/// The outcome of a command. All records must be durable, in one commit, before any effect is
/// carried out.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
#[expect(missing_docs, reason = "the names say it")]
pub struct Outcome<P> {
    pub records: Vec<Record<P>>,
    pub effects: Vec<Effect>,
}

impl<P> Default for Outcome<P> {
    fn default() -> Self {
        Self { records: Vec::new(), effects: Vec::new() }
    }
}
