//! Conversion of the core's views into protobuf messages, and of their enums back.

use carlo_kernel::Partial;
use carlo_schedule::{
    BatchState, BatchStats, BatchView, ClusterView, JobKind, JobState, JobView, NodeShare, NodeState,
    NodeView, QueuedOwner,
};
use carlo_tenancy::RateStatus;
use carlo_types::webhook::WebhookSecret;
use carlo_types::{Analysis, JobSpec, Money};
use carlo_wire::v1;

use crate::hook_state::HookState;
use crate::job_metadata::JobMetadata;
use crate::snapshot::{JobEvent, JobSnapshot, PartialSummary};

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

/// The states of a batch: the scheduler's and the protocol's.
const BATCH_STATES: [(BatchState, v1::BatchStatus); 6] = [
    (BatchState::Pending, v1::BatchStatus::Pending),
    (BatchState::Running, v1::BatchStatus::Running),
    (BatchState::Completed, v1::BatchStatus::Completed),
    (BatchState::Partial, v1::BatchStatus::Partial),
    (BatchState::Failed, v1::BatchStatus::Failed),
    (BatchState::Cancelled, v1::BatchStatus::Cancelled),
];

/// `None` for a status that is unspecified or unknown.
pub(crate) fn batch_state(status: v1::BatchStatus) -> Option<BatchState> {
    BATCH_STATES.iter().find(|(_, row)| *row == status).map(|(state, _)| *state)
}

fn batch_status(state: BatchState) -> v1::BatchStatus {
    let row = BATCH_STATES.iter().find(|(row, _)| *row == state);
    row.map_or(v1::BatchStatus::Unspecified, |(_, status)| *status)
}

/// An amount in billionths of a dollar. Amounts above the largest number, about 18 billion dollars,
/// become that number.
pub(crate) fn nanodollars(money: Money) -> u64 {
    u64::try_from(money.nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn batch(view: BatchView) -> v1::Batch {
    let BatchView { record, state, counts, progress_percent, estimated, spent, budget_remaining } = view;
    v1::Batch {
        id: record.id.to_string(),
        owner: record.owner.to_string(),
        status: batch_status(state).into(),
        priority: record.priority.into(),
        fail_fast: record.fail_fast,
        parallel_jobs: record.parallel_jobs,
        created_at_ms: record.created_at.0,
        started_at_ms: record.started_at.map(|at| at.0),
        completed_at_ms: record.ended_at.map(|at| at.0),
        total_jobs: counts.all(),
        pending_jobs: counts.queued,
        running_jobs: counts.running,
        completed_jobs: counts.complete,
        failed_jobs: counts.failed,
        cancelled_jobs: counts.cancelled,
        progress_percent,
        estimated_cost_nanodollars: nanodollars(estimated),
        actual_cost_nanodollars: nanodollars(spent.cost),
        budget_cap_nanodollars: record.budget_cap.map(nanodollars),
        budget_remaining_nanodollars: budget_remaining.map(nanodollars),
        tokens_used: spent.tokens,
        job_ids: record.jobs.iter().map(|member| member.job.to_string()).collect(),
        error: record.error,
        metadata_json: record.metadata_json,
        cancel_reason: record.cancel_reason,
        webhook: None,
    }
}

/// A batch with its webhook, and the secret of it, if one was made.
pub(crate) fn batch_with_hook(
    view: BatchView,
    hook: Option<&HookState>,
    made: Option<&WebhookSecret>,
) -> v1::Batch {
    v1::Batch { webhook: hook.map(|hook| set_webhook(hook, made)), ..batch(view) }
}

fn set_webhook(state: &HookState, made: Option<&WebhookSecret>) -> v1::SetWebhook {
    let secret = made.map(WebhookSecret::reveal).unwrap_or_default();
    v1::SetWebhook { endpoint_id: state.hook.endpoint.to_string(), secret }
}

pub(crate) fn batch_stats(stats: &BatchStats) -> v1::BatchStats {
    let [pending, running, completed, partial, failed, cancelled] = stats.by_state;
    let total = stats.by_state.iter().sum::<u64>();
    v1::BatchStats {
        total_batches: total,
        pending_batches: pending,
        running_batches: running,
        partial_batches: partial,
        completed_batches: completed,
        failed_batches: failed,
        cancelled_batches: cancelled,
        total_jobs: stats.jobs,
        total_cost_nanodollars: nanodollars(stats.spent.cost),
        total_tokens_used: stats.spent.tokens,
        average_jobs_per_batch: stats.jobs as f64 / total.max(1) as f64,
        average_duration_seconds: stats.duration.as_secs_f64() / stats.ended.max(1) as f64,
    }
}

/// A job without its final results. Partial results are included if the snapshot has a fold.
pub(crate) fn job(job: JobSnapshot) -> v1::Job {
    job_event(job.into())
}

/// A new job, and the secret of its webhook, if one was made.
pub(crate) fn submitted((snapshot, made): (JobSnapshot, Option<WebhookSecret>)) -> v1::Job {
    let webhook = snapshot.metadata.hook.as_ref().map(|hook| set_webhook(hook, made.as_ref()));
    v1::Job { webhook, ..job(snapshot) }
}

/// The job of an event, with partial results if there are any.
pub(crate) fn job_event(job: JobEvent) -> v1::Job {
    let partial_results = job.partial.map(partial);
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
        estimated_seconds_to_start: view.seconds_to_start,
        allocated_nodes: u32::try_from(view.allocated_nodes).unwrap_or(u32::MAX),
        node_progress: view
            .nodes
            .iter()
            .map(|share| (share.node.to_string(), node_progress(share)))
            .collect(),
        partial_results: None,
        results: None,
        error: view.error.clone().filter(|_| view.state == JobState::Failed),
        progress_percent: view.progress_percent,
        simulations_per_second: view.simulations_per_second,
        batch_id: view.batch.map(|batch| batch.to_string()),
        custom_id: metadata.custom_id,
        name: metadata.name,
        estimated_cost_nanodollars: nanodollars(view.estimate),
        cost_nanodollars: view.bill.map(|bill| nanodollars(bill.cost)),
        tokens_used: view.bill.map(|bill| bill.tokens),
        cancel_reason: view.error.filter(|_| view.state == JobState::Cancelled),
        kind: job_kind(view.kind).into(),
        preview: view.is_preview,
        webhook: metadata.hook.as_ref().map(|hook| set_webhook(hook, None)),
        // It is told with the results.
        verdict: 0,
    }
}

fn job_kind(kind: JobKind) -> v1::JobKind {
    match kind {
        JobKind::Simulation => v1::JobKind::Simulation,
        JobKind::Comparison => v1::JobKind::Comparison,
        JobKind::Solution => v1::JobKind::Solution,
        JobKind::Sweep => v1::JobKind::Sweep,
    }
}

fn node_progress(share: &NodeShare) -> v1::NodeProgress {
    v1::NodeProgress {
        simulations: share.simulations,
        simulations_per_second: share.simulations_per_second,
        state: if share.is_computing { "working" } else { "idle" }.to_owned(),
    }
}

/// The response for one job that a gateway has cached. The cached job may be used if `rate` is
/// given.
pub(crate) fn revalidation(rate: Option<RateStatus>) -> v1::Revalidation {
    let Some(rate) = rate else { return v1::Revalidation::default() };
    v1::Revalidation {
        is_valid: true,
        ratelimit_policy: rate.policy_header().unwrap_or_default(),
        ratelimit: rate.limit_header().unwrap_or_default(),
    }
}

fn partial(summary: PartialSummary) -> v1::PartialResults {
    let [low, high] = summary.confidence_interval_95;
    v1::PartialResults {
        success_probability: summary.success_probability,
        confidence_interval_95: Some(v1::Interval { low, high }),
        median: summary.median,
        simulations: summary.simulations,
        points: Vec::new(),
        axes: Vec::new(),
    }
}

/// Adds the points of a running sweep to its partial results.
pub(crate) fn add_points(job: &mut v1::Job, spec: Option<&JobSpec>, fold: Option<&Partial>) {
    let (Some(partial), Some(spec), Some(fold)) = (&mut job.partial_results, spec, fold) else { return };
    if let Analysis::Sweep(_) = &spec.analysis {
        let results = carlo_kernel::results(spec, fold);
        partial.points = results.variants.iter().map(Into::into).collect();
        partial.axes = v1::SimulationRequest::from(spec).sweep;
    }
}

/// What the scheduler knows of the cluster.
pub(crate) fn cluster(view: ClusterView) -> v1::ClusterStatus {
    let quarantines = view.quarantines.into_iter().map(|verdict| v1::Quarantine {
        name: verdict.name,
        since_ms: verdict.at.0,
        reason: verdict.reason,
    });
    v1::ClusterStatus {
        quarantines: quarantines.collect(),
        nodes: view.nodes.into_iter().map(node).collect(),
        queued_jobs: view.queued_jobs as u64,
        running_jobs: view.running_jobs as u64,
        average_queue_seconds: view.average_queue_time.as_secs_f64(),
        simulations_per_second: view.simulations_per_second,
        model_version: view.model_version,
        epoch: view.epoch.0,
        ..v1::ClusterStatus::default()
    }
}

pub(crate) fn queued_owner(queued: &QueuedOwner) -> v1::QueuedUser {
    v1::QueuedUser {
        user: queued.owner.to_string(),
        queued_jobs: queued.queued_jobs as u64,
        running_jobs: queued.running_jobs as u64,
        oldest_submitted_ms: queued.oldest.0,
    }
}

/// A node that is not listed, so that only its name is known.
pub(crate) fn unlisted_node(name: String) -> v1::Node {
    v1::Node { name, status: v1::NodeStatus::Offline.into(), ..v1::Node::default() }
}

pub(crate) fn node(view: NodeView) -> v1::Node {
    let status = match view.state {
        NodeState::Available => v1::NodeStatus::Available,
        NodeState::Busy => v1::NodeStatus::Busy,
        NodeState::Draining | NodeState::Drained => v1::NodeStatus::Draining,
        NodeState::Offline => v1::NodeStatus::Offline,
        NodeState::Quarantined => v1::NodeStatus::Quarantined,
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
        leases: u32::try_from(view.leases).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use carlo_schedule::{Mark, Verdict};
    use carlo_types::limits::{ANSWER_BYTES_MAX, LEASES_PER_NODE_MAX, NAME_BYTES_MAX, NODES_MAX};
    use carlo_types::{Epoch, JobId, Load, NodeFacts, NodeId, Timestamp};
    use prost::Message as _;

    use super::*;

    #[test]
    fn the_largest_cluster_with_the_longest_facts_fits_into_an_answer() {
        let long = "x".repeat(NAME_BYTES_MAX);
        let offline = carlo_schedule::Config::default().offline_nodes_max;
        let node = |number: usize| NodeView {
            id: NodeId::from_random(u128::MAX - number as u128),
            facts: NodeFacts {
                hostname: long.clone(),
                name: long.clone(),
                threads: u32::MAX,
                instruction_set: long.clone(),
                version: long.clone(),
                model_version: u32::MAX,
                protocol_version: u32::MAX,
            },
            state: NodeState::Draining,
            load: Load { cpu: 1.0, memory: 1.0 },
            leases: LEASES_PER_NODE_MAX + 1,
            jobs: vec![JobId::from_random(u128::MAX); LEASES_PER_NODE_MAX + 1],
            simulations_per_second: 1e9,
            simulations: u64::MAX,
            last_seen: Timestamp(u64::MAX),
        };
        let verdict = |number: usize| Verdict {
            number: number as u64,
            name: long.clone(),
            at: Timestamp(u64::MAX),
            reason: long.clone(),
            nodes: Vec::new(),
            until: Mark::default(),
            lifted_at: None,
        };
        let view = ClusterView {
            quarantines: (0..carlo_schedule::Config::default().verdicts_max).map(verdict).collect(),
            epoch: Epoch(u64::MAX),
            model_version: u32::MAX,
            nodes: (0..NODES_MAX + offline).map(node).collect(),
            queued_jobs: usize::MAX,
            running_jobs: usize::MAX,
            average_queue_time: Duration::MAX,
            simulations_per_second: 1e12,
        };
        let bytes = cluster(view).encoded_len();
        assert!(bytes < ANSWER_BYTES_MAX / 2, "{bytes} bytes");
    }
}
