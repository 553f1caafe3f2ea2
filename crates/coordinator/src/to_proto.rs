//! Conversion of the core's views into protobuf messages, and of their enums back.

use carlo_kernel::Partial;
use carlo_schedule::{ClusterView, JobState, JobView, NodeShare, NodeState, NodeView};
use carlo_tenancy::RateStatus;
use carlo_types::JobSpec;
use carlo_wire::v1;

use crate::core::JobSnapshot;
use crate::job_metadata::JobMetadata;

/// The states of a job: the scheduler's and the protocol's.
const STATES: [(JobState, v1::JobStatus); 5] = [
    (JobState::Queued, v1::JobStatus::Queued),
    (JobState::Running, v1::JobStatus::Running),
    (JobState::Complete, v1::JobStatus::Complete),
    (JobState::Failed, v1::JobStatus::Failed),
    (JobState::Cancelled, v1::JobStatus::Cancelled),
];

pub(crate) fn job_status(state: JobState) -> v1::JobStatus {
    STATES.iter().find(|(row, _)| *row == state).map_or(v1::JobStatus::Unspecified, |(_, status)| *status)
}

/// `None` for a status that is unspecified or unknown.
pub(crate) fn job_state(status: v1::JobStatus) -> Option<JobState> {
    STATES.iter().find(|(_, row)| *row == status).map(|(state, _)| *state)
}

/// A job without its final results, and with its partial results where the snapshot has them.
pub(crate) fn job(job: JobSnapshot) -> v1::Job {
    let partial_results = job.view.spec.as_deref().zip(job.fold.as_ref()).map(partial);
    v1::Job { partial_results, ..without_partial(job.view, job.metadata) }
}

fn without_partial(view: JobView, metadata: JobMetadata) -> v1::Job {
    v1::Job {
        id: view.id.to_string(),
        owner: view.owner.to_string(),
        status: job_status(view.state).into(),
        priority: view.priority.into(),
        seed: view.seed,
        created_at_ms: view.created_at.0,
        started_at_ms: view.started_at.map(|at| at.0),
        completed_at_ms: view.ended_at.map(|at| at.0),
        simulations_total: view.simulations_total,
        simulations_complete: view.simulations_done,
        queue_position: view.queue_position,
        waiting_for: view.waiting_for,
        estimated_seconds_remaining: view.seconds_remaining,
        allocated_nodes: u32::try_from(view.allocated_nodes).unwrap_or(u32::MAX),
        node_progress: view
            .nodes
            .iter()
            .map(|share| (share.node.to_string(), node_progress(share)))
            .collect(),
        partial_results: None,
        results: None,
        error: view.error,
        progress_percent: view.progress_percent,
        simulations_per_second: view.simulations_per_second,
        batch_id: metadata.batch.map(|batch| batch.to_string()),
        custom_id: metadata.custom_id,
        estimated_cost_nanodollars: metadata.estimate_nanodollars,
        cost_nanodollars: metadata.bill.map(|(_, cost)| cost),
        tokens_used: metadata.bill.map(|(tokens, _)| tokens),
        cancel_reason: metadata.cancel_reason,
    }
}

fn node_progress(share: &NodeShare) -> v1::NodeProgress {
    v1::NodeProgress {
        simulations: share.simulations,
        simulations_per_second: share.simulations_per_second,
        state: if share.is_computing { "working" } else { "idle" }.to_owned(),
    }
}

/// The answer for one job that a gateway has cached: valid if the caller's rates are given.
pub(crate) fn revalidation(rate: Option<RateStatus>) -> v1::Revalidation {
    let Some(rate) = rate else { return v1::Revalidation::default() };
    v1::Revalidation {
        is_valid: true,
        ratelimit_policy: rate.policy_header().unwrap_or_default(),
        ratelimit: rate.limit_header().unwrap_or_default(),
    }
}

/// Results of the simulations so far.
fn partial((spec, fold): (&JobSpec, &Partial)) -> v1::PartialResults {
    let results = carlo_kernel::results(spec, fold);
    let [low, high] = results.confidence_interval_95;
    v1::PartialResults {
        success_probability: results.success_probability,
        confidence_interval_95: Some(v1::Interval { low, high }),
        median: results.median(),
        simulations: results.simulations_run,
    }
}

/// `leader` is the URL of the leading coordinator.
pub(crate) fn cluster(view: ClusterView, leader: &str) -> v1::ClusterStatus {
    v1::ClusterStatus {
        nodes: view.nodes.into_iter().map(node).collect(),
        queued_jobs: view.queued_jobs as u64,
        running_jobs: view.running_jobs as u64,
        average_queue_seconds: view.average_queue_time.as_secs_f64(),
        simulations_per_second: view.simulations_per_second,
        leader: leader.to_owned(),
        model_version: view.model_version,
    }
}

/// A node of which only the name is known.
pub(crate) fn unlisted_node(name: String) -> v1::Node {
    v1::Node { name, status: v1::NodeStatus::Offline.into(), ..v1::Node::default() }
}

pub(crate) fn node(view: NodeView) -> v1::Node {
    let status = match view.state {
        NodeState::Available => v1::NodeStatus::Available,
        NodeState::Busy => v1::NodeStatus::Busy,
        NodeState::Draining | NodeState::Drained => v1::NodeStatus::Draining,
        NodeState::Offline => v1::NodeStatus::Offline,
    };
    v1::Node {
        id: view.id.to_string(),
        hostname: view.facts.hostname,
        name: view.facts.name,
        status: status.into(),
        threads: view.facts.threads,
        instruction_set: view.facts.instruction_set,
        current_job_ids: view.jobs.iter().map(ToString::to_string).collect(),
        simulations_per_second: view.simulations_per_second,
        simulations_processed: view.simulations,
        cpu_utilization: view.load.cpu,
        memory_utilization: view.load.memory,
        last_seen_ms: view.last_seen.0,
        version: view.facts.version,
    }
}
