//! Jobs and their results.

use carlo_rest::job::{
    Doubt, Job, JobKind, JobResults, JobStatus, NodeProgress, NodeState, PartialResults, SensitivityResults,
    Submitted,
};
use carlo_rest::order::JobSort;
use carlo_rest::{Label as _, duration};
use carlo_types::{Analysis, Draft, Results};
use carlo_wire::{FieldError, v1};

use super::{ends, percent, time, webhook};

/// The response to a submission. It says that the job is queued, even if the job has started
/// meanwhile or the call is a repetition.
pub(crate) fn submitted(mut message: v1::Job) -> Result<Submitted, FieldError> {
    // JSON has no infinity.
    let seconds = Some(message.estimated_seconds_to_start).filter(|seconds| seconds.is_finite());
    let seconds = seconds.unwrap_or_default().max(0.0);
    let webhook = webhook::set(message.webhook.take())?;
    let job = job(message)?;
    Ok(Submitted {
        job_id: job.id,
        status: JobStatus::Queued,
        queue_position: job.queue_position.unwrap_or(1),
        estimated_time_remaining: duration::text(seconds),
        estimated_seconds_remaining: Some(seconds),
        webhook,
    })
}

/// A job, with its results if the message contains them.
pub(crate) fn job(message: v1::Job) -> Result<Job, FieldError> {
    let (status, kind) = (status(message.status())?, kind(message.kind()));
    let total = message.simulations_total;
    let node_progress = message
        .node_progress
        .into_iter()
        .map(|(id, node)| {
            let progress = NodeProgress {
                progress: percent(node.simulations, total),
                simulations: node.simulations,
                simulations_per_second: node.simulations_per_second,
                state: state(&node.state)?,
            };
            Ok((id, progress))
        })
        .collect::<Result<_, FieldError>>()?;
    let (results, sensitivity_results) =
        message.results.map(|completed| results(completed, message.seed)).transpose()?.unzip();
    // JSON has no infinity, so an infinite estimate is left out.
    let remaining = message.estimated_seconds_remaining.filter(|seconds| seconds.is_finite());
    Ok(Job {
        id: message.id,
        owner: message.owner,
        kind,
        preview: message.preview,
        status,
        // A complete job shows 100 %, even if it stopped early.
        progress: if status == JobStatus::Complete {
            100.0
        } else {
            message.progress_percent.clamp(0.0, 100.0)
        },
        allocated_nodes: message.allocated_nodes,
        simulations_total: total,
        simulations_complete: message.simulations_complete,
        queue_position: message.queue_position,
        estimated_time_remaining: remaining.and_then(duration::text),
        estimated_seconds_remaining: remaining,
        created_at: time("job.created_at_ms", message.created_at_ms)?,
        started_at: message.started_at_ms.map(|at| time("job.started_at_ms", at)).transpose()?,
        completed_at: message.completed_at_ms.map(|at| time("job.completed_at_ms", at)).transpose()?,
        name: message.name,
        priority: message.priority,
        seed: message.seed.to_string(),
        waiting_for: message.waiting_for,
        node_progress,
        partial_results: message.partial_results.as_ref().map(partial_results).transpose()?,
        results,
        sensitivity_results: sensitivity_results.flatten(),
        error: message.error,
        webhook_id: message.webhook.map(|webhook| webhook.endpoint_id),
    })
}

fn partial_results(message: &v1::PartialResults) -> Result<PartialResults, FieldError> {
    let interval = message
        .confidence_interval_95
        .ok_or_else(|| FieldError::new("partial_results.confidence_interval_95", "is missing"))?;
    Ok(PartialResults {
        success_probability: message.success_probability,
        confidence_interval_95: ends(interval),
        median_outcome: message.median,
        simulations: message.simulations,
    })
}

/// The results of a complete job, with its sensitivity results.
pub(super) fn results(
    completed: v1::CompletedResults,
    seed: u64,
) -> Result<(JobResults, Option<SensitivityResults>), FieldError> {
    let missing = |field| move || FieldError::new(field, "is missing");
    let results = completed.results.ok_or_else(missing("results.results"))?;
    let assumptions = completed.assumptions.ok_or_else(missing("results.assumptions"))?;
    let results = Results::try_from(results)?;
    let assumptions = Draft::from(assumptions).checked_before(seed);
    if let Analysis::Compare(plans) = &assumptions.analysis
        && plans.len() != results.variants.len()
    {
        return Err(FieldError::new("results.results.variants", "must have one entry for each plan"));
    }
    let sensitivity = results.sensitivity.as_ref();
    let sensitivity =
        sensitivity.map(|sensitivity| SensitivityResults::new(sensitivity, completed.recommendations));
    let doubts = completed.doubts.into_iter().map(doubt).collect::<Result<_, _>>()?;
    let (stopped_early, workers_used) = (completed.stopped_early, completed.workers_used);
    let results = JobResults::new(assumptions, seed, results, stopped_early, workers_used);
    Ok((JobResults { doubts, ..results }, sensitivity))
}

fn doubt(message: v1::Doubt) -> Result<Doubt, FieldError> {
    let found_at = time("results.doubts.found_at_ms", message.found_at_ms)?;
    Ok(Doubt { node: message.node, found_at, reason: message.reason })
}

/// Earlier releases don't say it.
fn kind(message: v1::JobKind) -> JobKind {
    match message {
        v1::JobKind::Simulation | v1::JobKind::Unspecified => JobKind::Simulation,
        v1::JobKind::Comparison => JobKind::Comparison,
        v1::JobKind::Solution => JobKind::Solution,
        v1::JobKind::Sweep => JobKind::Sweep,
    }
}

fn state(message: &str) -> Result<NodeState, FieldError> {
    NodeState::from_label(message).ok_or_else(|| FieldError::new("job.node_progress.state", "is unknown"))
}

pub(crate) fn status(message: v1::JobStatus) -> Result<JobStatus, FieldError> {
    match message {
        v1::JobStatus::Queued => Ok(JobStatus::Queued),
        v1::JobStatus::Running => Ok(JobStatus::Running),
        v1::JobStatus::Complete => Ok(JobStatus::Complete),
        v1::JobStatus::Failed => Ok(JobStatus::Failed),
        v1::JobStatus::Cancelled => Ok(JobStatus::Cancelled),
        v1::JobStatus::Unspecified => Err(FieldError::new("job.status", "is missing or unknown")),
    }
}

pub(crate) fn sort(by: JobSort) -> v1::JobSort {
    match by {
        JobSort::Created => v1::JobSort::Created,
        JobSort::Ended => v1::JobSort::Ended,
        JobSort::Duration => v1::JobSort::Duration,
        JobSort::Name => v1::JobSort::Name,
        JobSort::Status => v1::JobSort::Status,
        JobSort::User => v1::JobSort::User,
        JobSort::Priority => v1::JobSort::Priority,
        JobSort::Simulations => v1::JobSort::Simulations,
    }
}

pub(crate) fn to_wire(status: JobStatus) -> v1::JobStatus {
    match status {
        JobStatus::Queued => v1::JobStatus::Queued,
        JobStatus::Running => v1::JobStatus::Running,
        JobStatus::Complete => v1::JobStatus::Complete,
        JobStatus::Failed => v1::JobStatus::Failed,
        JobStatus::Cancelled => v1::JobStatus::Cancelled,
    }
}
