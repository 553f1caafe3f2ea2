//! The cluster and its nodes.

use carlo_rest::Cluster;
use carlo_rest::cluster::{
    ClusterEvent, ClusterEventKind, ClusterEvents, ClusterHistory, ClusterSample, LedgerStatus, Node,
    NodeStatus, Quarantine, QueuedUser, Standby, StandbyStatus,
};
use carlo_wire::{FieldError, v1};
use jiff::Timestamp;

use super::time;

pub(crate) fn cluster(message: v1::ClusterStatus) -> Result<Cluster, FieldError> {
    let nodes = message.nodes.into_iter().map(node).collect::<Result<Vec<_>, _>>()?;
    let count = |status| nodes.iter().filter(|node| node.status == status).count() as u64;
    Ok(Cluster {
        // Lost nodes stay listed for a while, but are not counted.
        total_nodes: nodes.len() as u64 - count(NodeStatus::Offline),
        available_nodes: count(NodeStatus::Available),
        busy_nodes: count(NodeStatus::Busy),
        draining_nodes: count(NodeStatus::Draining),
        offline_nodes: count(NodeStatus::Offline),
        quarantined_nodes: count(NodeStatus::Quarantined),
        queued_jobs: message.queued_jobs,
        running_jobs: message.running_jobs,
        average_queue_time: message.average_queue_seconds,
        simulations_per_second: message.simulations_per_second,
        leader: message.leader,
        model_version: message.model_version,
        standbys: message.standbys.into_iter().map(standby).collect::<Result<_, _>>()?,
        epoch: message.epoch,
        version: message.version,
        leading_since: present_time("leading_since_ms", message.leading_since_ms)?,
        ledger: message.ledger.map(|v1::LedgerStatus { kind, bytes, commit_seconds }| LedgerStatus {
            kind,
            bytes,
            commit_seconds,
        }),
        queue: message.queue.into_iter().map(queued_user).collect::<Result<_, _>>()?,
        quarantines: message.quarantines.into_iter().map(quarantine).collect::<Result<_, _>>()?,
        nodes,
    })
}

fn queued_user(message: v1::QueuedUser) -> Result<QueuedUser, FieldError> {
    Ok(QueuedUser {
        user: message.user,
        queued_jobs: message.queued_jobs,
        running_jobs: message.running_jobs,
        oldest_submitted_at: time("queue.oldest_submitted_ms", message.oldest_submitted_ms)?,
    })
}

/// A time; 0 if it is unknown.
fn present_time(field: &'static str, ms: u64) -> Result<Option<Timestamp>, FieldError> {
    if ms == 0 { Ok(None) } else { time(field, ms).map(Some) }
}

fn quarantine(message: v1::Quarantine) -> Result<Quarantine, FieldError> {
    let since = time("quarantines.since_ms", message.since_ms)?;
    Ok(Quarantine { name: message.name, since, reason: message.reason })
}

fn standby(message: v1::Standby) -> Result<Standby, FieldError> {
    Ok(Standby {
        url: message.url,
        status: if message.is_ready { StandbyStatus::Ready } else { StandbyStatus::Unready },
        detail: present(message.detail),
        version: present(message.version),
        started_at: present_time("standbys.started_at_ms", message.started_at_ms)?,
        last_seen: present_time("standbys.last_seen_ms", message.last_seen_ms)?,
    })
}

fn present(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

pub(crate) fn node(message: v1::Node) -> Result<Node, FieldError> {
    let status = match message.status() {
        v1::NodeStatus::Available => NodeStatus::Available,
        v1::NodeStatus::Busy => NodeStatus::Busy,
        v1::NodeStatus::Draining => NodeStatus::Draining,
        v1::NodeStatus::Offline => NodeStatus::Offline,
        v1::NodeStatus::Quarantined => NodeStatus::Quarantined,
        v1::NodeStatus::Unspecified => return Err(FieldError::new("nodes.status", "is missing or unknown")),
    };
    Ok(Node {
        id: message.id,
        hostname: message.hostname,
        name: message.name,
        status,
        cores: message.threads,
        instruction_set: message.instruction_set,
        leases: message.leases,
        current_job_ids: message.current_job_ids,
        simulations_per_second: message.simulations_per_second,
        simulations_processed: message.simulations_processed,
        cpu_utilization: message.cpu_utilization,
        memory_utilization: message.memory_utilization,
        last_seen: time("nodes.last_seen_ms", message.last_seen_ms)?,
        version: message.version,
    })
}

/// Samples of the last hour and day.
pub(crate) fn history(message: v1::ClusterHistory) -> Result<ClusterHistory, FieldError> {
    let samples =
        |samples: Vec<v1::ClusterSample>| samples.into_iter().map(sample).collect::<Result<Vec<_>, _>>();
    Ok(ClusterHistory { hour: samples(message.hour)?, day: samples(message.day)? })
}

fn sample(message: v1::ClusterSample) -> Result<ClusterSample, FieldError> {
    Ok(ClusterSample {
        at: time("samples.at_ms", message.at_ms)?,
        simulations_per_second: message.simulations_per_second,
        queued_jobs: message.queued_jobs,
        running_jobs: message.running_jobs,
        completed_jobs: message.completed_jobs,
        failed_jobs: message.failed_jobs,
        nodes: message.nodes,
    })
}

/// The events of the cluster.
pub(crate) fn events(message: v1::ClusterEvents) -> Result<ClusterEvents, FieldError> {
    Ok(ClusterEvents { events: message.events.into_iter().map(event).collect::<Result<_, _>>()? })
}

fn event(message: v1::ClusterEvent) -> Result<ClusterEvent, FieldError> {
    let kind = match message.kind() {
        v1::ClusterEventKind::LeaderChanged => ClusterEventKind::LeaderChanged,
        v1::ClusterEventKind::Joined => ClusterEventKind::Joined,
        v1::ClusterEventKind::Left => ClusterEventKind::Left,
        v1::ClusterEventKind::Lost => ClusterEventKind::Lost,
        v1::ClusterEventKind::Refused => ClusterEventKind::Refused,
        v1::ClusterEventKind::Drained => ClusterEventKind::Drained,
        v1::ClusterEventKind::Undrained => ClusterEventKind::Undrained,
        v1::ClusterEventKind::KeyCreated => ClusterEventKind::KeyCreated,
        v1::ClusterEventKind::KeyRevoked => ClusterEventKind::KeyRevoked,
        v1::ClusterEventKind::TokenCreated => ClusterEventKind::TokenCreated,
        v1::ClusterEventKind::TokenRevoked => ClusterEventKind::TokenRevoked,
        v1::ClusterEventKind::TiersChanged => ClusterEventKind::TiersChanged,
        v1::ClusterEventKind::Quarantined => ClusterEventKind::Quarantined,
        v1::ClusterEventKind::QuarantineLifted => ClusterEventKind::QuarantineLifted,
        v1::ClusterEventKind::Contested => ClusterEventKind::Contested,
        v1::ClusterEventKind::Unspecified => {
            return Err(FieldError::new("events.kind", "is missing or unknown"));
        }
    };
    Ok(ClusterEvent {
        at: time("events.at_ms", message.at_ms)?,
        kind,
        subject: message.subject,
        detail: present(message.detail),
        by: present(message.by),
    })
}
