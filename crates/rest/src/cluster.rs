//! The cluster and its nodes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer of `GET /api/cluster/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// All nodes that are listed.
    pub total_nodes: u64,
    /// Nodes with nothing to do.
    pub available_nodes: u64,
    /// Nodes that compute.
    pub busy_nodes: u64,
    /// Nodes that get no further leases.
    pub draining_nodes: u64,
    /// Nodes that were lost.
    pub offline_nodes: u64,
    /// Jobs of which nothing has been leased yet.
    pub queued_jobs: u64,
    /// Jobs that are being simulated.
    pub running_jobs: u64,
    /// Seconds that the last 1000 started jobs waited, on average.
    pub average_queue_time: f64,
    /// Of all nodes together, now.
    pub simulations_per_second: f64,
    /// The address of the leading coordinator.
    pub leader: String,
    /// The version of the model that the cluster computes.
    pub model_version: u32,
    /// Every node.
    pub nodes: Vec<Node>,
}

/// What a node is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words are the contract's")]
pub enum NodeStatus {
    Available,
    Busy,
    Draining,
    Offline,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// `node_…`, drawn anew whenever its process starts.
    pub id: String,
    /// The machine's name.
    pub hostname: String,
    /// The name that its operator gave it.
    pub name: String,
    /// What it is doing.
    pub status: NodeStatus,
    /// Threads that compute.
    pub cores: u32,
    /// The dispatch level of its kernel.
    pub instruction_set: String,
    /// The jobs that it holds leases of.
    pub current_job_ids: Vec<String>,
    /// Its speed, now.
    pub simulations_per_second: f64,
    /// Simulations that it has reported since it joined.
    pub simulations_processed: u64,
    /// Share of the machine's processors in use, 0 to 1.
    pub cpu_utilization: f64,
    /// Share of the machine's memory in use, 0 to 1.
    pub memory_utilization: f64,
    /// When it last said something.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Timestamp,
    /// The version of its program.
    pub version: String,
}

/// The answer of `GET /api/cluster/history`: as the leading coordinator has seen it since it leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterHistory {
    /// The last hour, a sample each ten seconds, the oldest first.
    pub hour: Vec<ClusterSample>,
    /// The last day, a sample each five minutes, the oldest first.
    pub day: Vec<ClusterSample>,
}

/// What the cluster did up to a point in time, since the sample before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSample {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Mean speed of all nodes together.
    pub simulations_per_second: f64,
    /// The most jobs that waited.
    pub queued_jobs: u64,
    /// The most jobs that were being simulated.
    pub running_jobs: u64,
    /// Jobs that completed.
    pub completed_jobs: u64,
    /// Jobs that failed.
    pub failed_jobs: u64,
    /// Nodes that were there.
    pub nodes: u64,
}

/// The answer of `GET /api/cluster/events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterEvents {
    /// At most 500 since the leading coordinator leads, the latest first. Those of keys are for
    /// administrators.
    pub events: Vec<ClusterEvent>,
}

/// Something that happened to the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterEvent {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What.
    pub kind: ClusterEventKind,
    /// A node's name, a key's id, or the leader's epoch.
    pub subject: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The user who did it, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What can happen to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ClusterEventKind {
    /// A coordinator began to lead.
    LeaderChanged,
    /// A node joined.
    Joined,
    /// A drained node went.
    Left,
    /// A node fell silent, or its stream broke.
    Lost,
    /// A node was not let in.
    Refused,
    /// A node was set to drain.
    Drained,
    /// A node was set to work again.
    Undrained,
    /// A key was made.
    KeyCreated,
    /// A key was revoked.
    KeyRevoked,
    /// A join token was made.
    TokenCreated,
    /// A join token was revoked.
    TokenRevoked,
    /// What tiers may do was changed.
    TiersChanged,
}
