//! The cluster and its nodes.

use carlo_rest::Cluster;
use carlo_rest::cluster::{Node, NodeStatus};
use carlo_wire::{FieldError, v1};

use super::time;

/// The cluster.
pub(crate) fn cluster(message: v1::ClusterStatus) -> Result<Cluster, FieldError> {
    let nodes = message.nodes.into_iter().map(node).collect::<Result<Vec<_>, _>>()?;
    let count = |status| nodes.iter().filter(|node| node.status == status).count() as u64;
    Ok(Cluster {
        total_nodes: nodes.len() as u64,
        available_nodes: count(NodeStatus::Available),
        busy_nodes: count(NodeStatus::Busy),
        draining_nodes: count(NodeStatus::Draining),
        offline_nodes: count(NodeStatus::Offline),
        queued_jobs: message.queued_jobs,
        running_jobs: message.running_jobs,
        average_queue_time: message.average_queue_seconds,
        simulations_per_second: message.simulations_per_second,
        leader: message.leader,
        model_version: message.model_version,
        nodes,
    })
}

/// A node.
pub(crate) fn node(message: v1::Node) -> Result<Node, FieldError> {
    let status = match message.status() {
        v1::NodeStatus::Available => NodeStatus::Available,
        v1::NodeStatus::Busy => NodeStatus::Busy,
        v1::NodeStatus::Draining => NodeStatus::Draining,
        v1::NodeStatus::Offline => NodeStatus::Offline,
        v1::NodeStatus::Unspecified => return Err(FieldError::new("nodes.status", "is missing or unknown")),
    };
    Ok(Node {
        id: message.id,
        hostname: message.hostname,
        name: message.name,
        status,
        cores: message.threads,
        instruction_set: message.instruction_set,
        current_job_ids: message.current_job_ids,
        simulations_per_second: message.simulations_per_second,
        simulations_processed: message.simulations_processed,
        cpu_utilization: message.cpu_utilization,
        memory_utilization: message.memory_utilization,
        last_seen: time("nodes.last_seen_ms", message.last_seen_ms)?,
        version: message.version,
    })
}
