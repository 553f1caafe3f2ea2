//! Jobs and their results.

use carlo_rest::job::{
    Histogram, Job, JobStatus, NodeProgress, Notable, NotableSimulation, PartialResults, Results,
    Sensitivity, SensitivityResults, Submitted, TrajectoryPoint, Variant,
};
use carlo_types::Draft;
use carlo_types::results::{FanPoint, SCENARIOS};
use carlo_wire::{FieldError, v1};

use super::{duration, ends, percent, plans, request, time};

/// The answer to a submission.
pub(crate) fn submitted(message: v1::Job) -> Result<Submitted, FieldError> {
    let job = job(message)?;
    Ok(Submitted {
        job_id: job.id,
        status: job.status,
        queue_position: job.queue_position,
        estimated_time_remaining: job.estimated_time_remaining,
        estimated_seconds_remaining: job.estimated_seconds_remaining,
    })
}

/// A job, with its results where the message has them.
pub(crate) fn job(message: v1::Job) -> Result<Job, FieldError> {
    let status = status(message.status())?;
    let total = message.simulations_total;
    let node_progress = message
        .node_progress
        .into_iter()
        .map(|(id, node)| {
            let progress = NodeProgress {
                progress: percent(node.simulations, total),
                simulations: node.simulations,
                simulations_per_second: node.simulations_per_second,
                state: node.state,
            };
            (id, progress)
        })
        .collect();
    let (results, sensitivity_results) =
        message.results.map(|completed| results(completed, message.seed)).transpose()?.unzip();
    // JSON has no infinity: an estimate that is none is absent.
    let remaining = message.estimated_seconds_remaining.filter(|seconds| seconds.is_finite());
    Ok(Job {
        id: message.id,
        status,
        // A job that stopped early is as complete as any.
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
        priority: message.priority,
        seed: message.seed.to_string(),
        waiting_for: message.waiting_for,
        node_progress,
        partial_results: message.partial_results.map(partial_results).transpose()?,
        results,
        sensitivity_results: sensitivity_results.flatten(),
        error: message.error,
    })
}

fn partial_results(message: v1::PartialResults) -> Result<PartialResults, FieldError> {
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

/// What a complete job found, and what would change it.
pub(super) fn results(
    completed: v1::CompletedResults,
    seed: u64,
) -> Result<(Results, Option<SensitivityResults>), FieldError> {
    let missing = |field| move || FieldError::new(field, "is missing");
    let results = completed.results.ok_or_else(missing("results.results"))?;
    let assumptions = completed.assumptions.ok_or_else(missing("results.assumptions"))?;
    let results = carlo_types::Results::try_from(results)?;
    let assumptions = Draft::from(assumptions);
    let (variants, solution) = (variants(&assumptions, &results)?, plans::solution(&results));
    let sensitivity =
        results.sensitivity.as_ref().map(|sensitivity| changes(sensitivity, completed.recommendations));
    let results = Results {
        success_probability: results.success_probability,
        standard_error: results.standard_error,
        confidence_interval_95: results.confidence_interval_95,
        median_outcome: results.median(),
        percentiles: results.percentiles.into(),
        percentile_intervals_95: results.percentile_intervals_95.into(),
        mean: results.mean,
        std: results.std,
        worst_case: results.worst_case,
        best_case: results.best_case,
        simulations_run: results.simulations_run,
        stopped_early: completed.stopped_early,
        workers_used: completed.workers_used,
        histogram: Histogram { edges: results.histogram.edges, counts: results.histogram.counts },
        trajectory: results.trajectory.iter().map(trajectory_point).collect(),
        notable: results.notable.as_ref().map(notable),
        variants,
        solution,
        assumptions: request::write(assumptions),
        seed: seed.to_string(),
        model_version: results.model_version,
        digest: results.digest.to_string(),
    };
    Ok((results, sensitivity))
}

/// The other plans of a comparison.
fn variants(assumptions: &Draft, results: &carlo_types::Results) -> Result<Vec<Variant>, FieldError> {
    let plans = &assumptions.variants;
    if results.solution.is_none() && plans.len() != results.variants.len() {
        return Err(FieldError::new("results.results.variants", "has not one for each plan"));
    }
    let variant = |(plan, variant): (&Draft, _)| Variant {
        assumptions: request::write(plan.clone()),
        outcome: plans::compared(variant),
    };
    Ok(plans.iter().zip(&results.variants).map(variant).collect())
}

fn notable(notable: &carlo_types::results::Notable) -> Notable {
    let simulation = |simulation: carlo_types::results::NotableSimulation| NotableSimulation {
        index: simulation.index,
        balance: simulation.balance,
    };
    Notable {
        worst: simulation(notable.worst),
        best: simulation(notable.best),
        p5: simulation(notable.p5),
        p50: simulation(notable.p50),
        p95: simulation(notable.p95),
        goal: simulation(notable.goal),
    }
}

fn trajectory_point(point: &FanPoint) -> TrajectoryPoint {
    let [p10, p25, p50, p75, p90] = point.percentiles;
    TrajectoryPoint { month: point.month, p10, p25, p50, p75, p90 }
}

fn changes(
    sensitivity: &carlo_types::results::Sensitivity,
    recommendations: Vec<String>,
) -> SensitivityResults {
    let change = |(name, scenario): (&str, &carlo_types::results::Scenario)| {
        let sensitivity = Sensitivity {
            delta: scenario.delta,
            new_probability: scenario.new_probability,
            impact: scenario.impact(),
            standard_error: scenario.standard_error,
        };
        (name.to_owned(), sensitivity)
    };
    SensitivityResults {
        base_probability: sensitivity.base_probability,
        sensitivities: SCENARIOS.into_iter().zip(&sensitivity.scenarios).map(change).collect(),
        most_impactful: sensitivity.most_impactful().to_owned(),
        recommendations,
    }
}

fn status(message: v1::JobStatus) -> Result<JobStatus, FieldError> {
    match message {
        v1::JobStatus::Queued => Ok(JobStatus::Queued),
        v1::JobStatus::Running => Ok(JobStatus::Running),
        v1::JobStatus::Complete => Ok(JobStatus::Complete),
        v1::JobStatus::Failed => Ok(JobStatus::Failed),
        v1::JobStatus::Cancelled => Ok(JobStatus::Cancelled),
        v1::JobStatus::Unspecified => Err(FieldError::new("job.status", "is missing or unknown")),
    }
}

/// The other way.
pub(crate) fn to_wire(status: JobStatus) -> v1::JobStatus {
    match status {
        JobStatus::Queued => v1::JobStatus::Queued,
        JobStatus::Running => v1::JobStatus::Running,
        JobStatus::Complete => v1::JobStatus::Complete,
        JobStatus::Failed => v1::JobStatus::Failed,
        JobStatus::Cancelled => v1::JobStatus::Cancelled,
    }
}
