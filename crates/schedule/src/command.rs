//! What goes into the scheduler and what comes out. Nothing here decides anything.

use std::sync::Arc;
use std::time::Duration;

use carlo_types::{BatchId, Epoch, JobId, JobSpec, Lease, LeaseId, Load, Money, NodeFacts, NodeId, OwnerId};

use crate::record::Record;

/// Something that happened, or that somebody wants.
#[derive(Debug, Clone)]
pub enum Command<P> {
    /// A new job.
    Submit {
        /// A fresh id, drawn by the caller.
        job: JobId,
        /// Whose it is.
        owner: OwnerId,
        /// What to simulate.
        spec: Arc<JobSpec>,
        /// 0 to [`PRIORITY_MAX`](carlo_types::limits::PRIORITY_MAX), higher goes first.
        priority: u8,
        /// What a token costs.
        price: Money,
    },
    /// A new batch: all of its jobs or none.
    SubmitBatch(NewBatch),
    /// What an owner may have of the cluster, instead of what the configuration says. Holds until
    /// it is said again.
    Limit {
        /// Whose.
        owner: OwnerId,
        /// `None` for what the configuration says.
        limits: Option<OwnerLimits>,
    },
    /// The job shall end without a result.
    Cancel {
        /// Which.
        job: JobId,
        /// Why, for people.
        reason: Option<String>,
    },
    /// The jobs of a batch that have not started shall end without a result, and with
    /// `with_running` the running ones, too.
    CancelBatch {
        /// Which.
        batch: BatchId,
        /// Why, for people.
        reason: Option<String>,
        /// Whether running jobs end, too.
        with_running: bool,
    },
    /// A worker's stream opened. A node that joins again is a new session: what it held is lost
    /// first.
    Join {
        /// The worker's id, drawn by itself.
        node: NodeId,
        /// What it says of itself.
        facts: NodeFacts,
    },
    /// A worker lives.
    Heartbeat {
        /// Which.
        node: NodeId,
        /// How busy its machine is.
        load: Load,
        /// Blocks done so far of the leases that it holds.
        progress: Vec<(LeaseId, u64)>,
    },
    /// A worker's stream broke or was closed. The caller must not say so of a stream that a newer
    /// one has replaced.
    Lose {
        /// Whose.
        node: NodeId,
        /// Why, for people.
        why: String,
    },
    /// A worker is about to leave by itself: it gets nothing more. Unlike a drain, this ends with
    /// its session.
    Leave {
        /// Which.
        node: NodeId,
    },
    /// An operator wants a node idle. Holds for every worker of the node's name, also after
    /// restarts.
    Drain {
        /// Which.
        node: NodeId,
    },
    /// The opposite of a drain.
    Undrain {
        /// Which.
        node: NodeId,
    },
    /// As [`Undrain`](Self::Undrain), by the name: the drain of a name may outlive every node of
    /// it.
    UndrainName {
        /// Which.
        name: String,
    },
    /// A lease is computed.
    Report {
        /// By whom.
        node: NodeId,
        /// The lease, as it was granted.
        lease: Lease,
        /// The summary of every simulation of the range.
        partial: P,
        /// How long the computation took.
        computed_in: Duration,
    },
    /// A lease could not be computed.
    Fail {
        /// By whom.
        node: NodeId,
        /// The lease, as it was granted.
        lease: Lease,
        /// Why, for people.
        message: String,
    },
    /// Time passed; wanted about ten times a second. Lost nodes, checkpoints, second leases and
    /// expiry happen here.
    Tick,
}

/// A new batch.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "as in `BatchRecord`")]
pub struct NewBatch {
    /// A fresh id, drawn by the caller.
    pub id: BatchId,
    pub owner: OwnerId,
    pub priority: u8,
    pub fail_fast: bool,
    pub parallel_jobs: u32,
    pub budget_cap: Option<Money>,
    pub metadata_json: String,
    /// What a token costs.
    pub price: Money,
    /// What to simulate, each under a fresh id; at least one.
    pub jobs: Vec<(JobId, Arc<JobSpec>)>,
}

/// What an owner may have of the cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OwnerLimits {
    /// Jobs that run at once; `None` for no limit.
    pub jobs_at_once: Option<u32>,
    /// The owner's share of the cluster, relative to the shares of other owners; above 0.
    pub weight: f64,
}

/// What the caller has to do, in this order, once the records are committed.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send the lease to the node.
    Grant {
        /// To whom.
        node: NodeId,
        /// What.
        lease: Lease,
        /// The specification of the lease's job.
        spec: Arc<JobSpec>,
    },
    /// Tell the node to drop the lease; a report of it would be refused.
    Revoke {
        /// Whom.
        node: NodeId,
        /// What.
        lease: LeaseId,
    },
    /// Answer a report or a failure: the worker can forget the lease and its partial result.
    Acknowledge {
        /// Whom.
        node: NodeId,
        /// Of which lease.
        lease: LeaseId,
        /// The epoch of that lease.
        epoch: Epoch,
        /// Whether it counted.
        accepted: bool,
    },
    /// The job is complete, failed or cancelled; workers may drop its specification.
    Ended {
        /// Which.
        job: JobId,
    },
    /// The job's view changed: it was submitted or started, or it made progress.
    Changed {
        /// Which.
        job: JobId,
    },
    /// The batch's state changed, or it is forgotten.
    BatchChanged {
        /// Which.
        batch: BatchId,
    },
    /// A draining or leaving node holds no lease any more.
    Drained {
        /// Which.
        node: NodeId,
    },
    /// Close the node's stream: it is not a member any more.
    Disconnect {
        /// Whose.
        node: NodeId,
        /// Why, for people.
        why: String,
    },
}

/// What a command led to. The records must be durable, all of them in one batch, before any effect
/// is carried out.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Outcome<P> {
    /// To be committed.
    pub records: Vec<Record<P>>,
    /// To be done after that.
    pub effects: Vec<Effect>,
}

impl<P> Default for Outcome<P> {
    fn default() -> Self {
        Self { records: Vec::new(), effects: Vec::new() }
    }
}
