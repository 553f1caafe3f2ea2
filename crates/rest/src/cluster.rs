//! The cluster and its nodes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The response of `GET /api/cluster/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// The number of nodes that are not offline.
    pub total_nodes: u64,
    /// The number of nodes without work.
    pub available_nodes: u64,
    /// The number of nodes that compute.
    pub busy_nodes: u64,
    /// The number of nodes that finish their leases and get no more.
    pub draining_nodes: u64,
    /// The number of lost nodes that are still listed.
    pub offline_nodes: u64,
    /// The number of nodes that get no leases because they compute wrongly.
    #[serde(default)]
    #[schema(required = true)]
    pub quarantined_nodes: u64,
    /// The number of jobs without any lease so far.
    pub queued_jobs: u64,
    /// The number of running jobs.
    pub running_jobs: u64,
    /// The mean wait of the last 1000 jobs that started, in seconds.
    pub average_queue_time: f64,
    /// The current speed of all nodes together.
    pub simulations_per_second: f64,
    /// The URL of the leading coordinator.
    pub leader: String,
    /// The model version of the cluster.
    pub model_version: u32,
    /// The coordinators that wait to lead, the next leader first.
    #[serde(default)]
    #[schema(required = true)]
    pub standbys: Vec<Standby>,
    /// The number of the leader's term, larger than that of every earlier one.
    #[serde(default)]
    #[schema(required = true)]
    pub epoch: u64,
    /// The version of the leader's program.
    #[serde(default)]
    #[schema(required = true)]
    pub version: String,
    /// The time at which the leader began to lead, which is that of the last failover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub leading_since: Option<Timestamp>,
    /// The leader's ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerStatus>,
    /// The users with queued jobs, at most 100, the one who has waited longest first. Only
    /// administrators see others than themselves.
    #[serde(default)]
    #[schema(required = true)]
    pub queue: Vec<QueuedUser>,
    /// The quarantines in force, also of names that no listed node has.
    #[serde(default)]
    #[schema(required = true)]
    pub quarantines: Vec<Quarantine>,
    /// All nodes.
    pub nodes: Vec<Node>,
}

/// The ledger of the leader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerStatus {
    /// `redb`, `etcd` or `memory`.
    pub kind: String,
    /// The size of its file, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The mean duration of the latest commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_seconds: Option<f64>,
}

/// A user with queued jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuedUser {
    /// The user.
    pub user: String,
    /// The number of queued jobs.
    pub queued_jobs: u64,
    /// The number of running jobs.
    pub running_jobs: u64,
    /// The time at which the oldest of the queued jobs was submitted.
    #[schema(value_type = String, format = DateTime)]
    pub oldest_submitted_at: Timestamp,
}

/// All nodes with the name get no leases, because spot checks have found that one of them computes
/// wrongly. A spot check computes a lease again on another node and compares the bits; if they
/// differ, a third node decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quarantine {
    /// The name of the nodes.
    pub name: String,
    /// The time at which it began.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// For people.
    pub reason: String,
}

/// A coordinator that waits to lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Standby {
    /// Its URL.
    pub url: String,
    /// Whether it would take over and serve.
    pub status: StandbyStatus,
    /// The reason why it would not, or a note for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The version of its program, once reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The start of its process, once reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// The time of its last report, by its own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
}

/// Whether a coordinator that waits to lead would serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StandbyStatus {
    /// It would take over and serve.
    Ready,
    /// It would not, for the reason in `detail`.
    Unready,
}

/// The status of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words are the contract's")]
pub enum NodeStatus {
    Available,
    Busy,
    Draining,
    Offline,
    Quarantined,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// `node_…`; each process has an id of its own.
    pub id: String,
    /// The name of the machine.
    pub hostname: String,
    /// The name that the operator gave the node.
    pub name: String,
    /// The status.
    pub status: NodeStatus,
    /// The number of computing threads.
    pub cores: u32,
    /// The instruction set that its kernel uses.
    pub instruction_set: String,
    /// The number of its leases.
    #[serde(default)]
    #[schema(required = true)]
    pub leases: u32,
    /// The jobs of its leases.
    pub current_job_ids: Vec<String>,
    /// The current speed.
    pub simulations_per_second: f64,
    /// The number of simulations that it has reported since it joined.
    pub simulations_processed: u64,
    /// The fraction of the processors that is in use, 0 to 1: of the machine's, or of the limit of
    /// a container.
    pub cpu_utilization: f64,
    /// The fraction of the memory that is in use, 0 to 1: of the machine's, or of the limit of a
    /// container.
    pub memory_utilization: f64,
    /// The time of its last message.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Timestamp,
    /// The version of the program.
    pub version: String,
}

/// The response of `GET /api/cluster/history`: samples since the current coordinator has led.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterHistory {
    /// The last hour, with a sample every ten seconds, oldest first.
    pub hour: Vec<ClusterSample>,
    /// The last day, with a sample every five minutes, oldest first.
    pub day: Vec<ClusterSample>,
}

/// A sample of the cluster: the time since the previous sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSample {
    /// The time of the sample or event.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The mean speed of all nodes together.
    pub simulations_per_second: f64,
    /// The largest number of queued jobs.
    pub queued_jobs: u64,
    /// The largest number of running jobs.
    pub running_jobs: u64,
    /// The number of jobs that completed.
    pub completed_jobs: u64,
    /// The number of jobs that failed.
    pub failed_jobs: u64,
    /// The number of nodes that were not offline.
    pub nodes: u64,
}

/// The response of `GET /api/cluster/events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterEvents {
    /// At most 500 events since the current coordinator has led, latest first. Those of keys,
    /// tokens and tiers are for administrators.
    pub events: Vec<ClusterEvent>,
}

/// An event of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterEvent {
    /// The time of the sample or event.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The kind of event.
    pub kind: ClusterEventKind,
    /// A node's name, the id of a key or a join token, or the leader's epoch.
    pub subject: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The user who caused the event, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ClusterEventKind {
    /// A coordinator was elected.
    LeaderChanged,
    /// A node joined.
    Joined,
    /// A node without leases left, after it was drained or had announced that it leaves.
    Left,
    /// A node fell silent, or its stream broke.
    Lost,
    /// A node was refused.
    Refused,
    /// A node was drained.
    Drained,
    /// The drain of a node was ended.
    Undrained,
    /// A key was created.
    KeyCreated,
    /// A key was revoked.
    KeyRevoked,
    /// A join token was created.
    TokenCreated,
    /// A join token was revoked.
    TokenRevoked,
    /// The tiers were changed.
    TiersChanged,
    /// Spot checks have found that a node computes wrongly.
    Quarantined,
    /// The quarantine of a node was ended.
    QuarantineLifted,
    /// Nodes differ about a part of a job; another node decides.
    Contested,
}
