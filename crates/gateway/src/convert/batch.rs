//! Batches.

use carlo_rest::batch::{Batch, BatchCost, BatchProgress, BatchStats, BatchStatus};
use carlo_rest::money::{dollars, nanodollars};
use carlo_types::JobSpec;
use carlo_types::definition::Leaf as _;
use carlo_types::request::envelope::{BatchSimulation, CreateBatch};
use carlo_wire::{FieldError, v1};

use super::{time, time_if, webhook};

/// The request to the coordinator.
pub(crate) fn create(create: CreateBatch, idempotency_key: String) -> v1::CreateBatchRequest {
    let CreateBatch { simulations, parallel_jobs, fail_fast, budget_cap_usd, priority, metadata, webhook } =
        create;
    let simulation = |BatchSimulation { request, custom_id }| v1::BatchSimulation {
        simulation: Some((&JobSpec::of(request)).into()),
        custom_id: custom_id.unwrap_or_default(),
    };
    v1::CreateBatchRequest {
        simulations: simulations.into_iter().map(simulation).collect(),
        parallel_jobs: Some(parallel_jobs),
        fail_fast,
        budget_cap_nanodollars: budget_cap_usd.map(nanodollars),
        priority: Some(priority),
        metadata_json: metadata.map_or_else(String::new, |metadata| metadata.to_wire()),
        idempotency_key,
        webhook: webhook::asked(webhook),
    }
}

pub(crate) fn batch(message: v1::Batch) -> Result<Batch, FieldError> {
    let metadata = Some(message.metadata_json.as_str()).filter(|json| !json.is_empty());
    let metadata = metadata.map(serde_json::from_str).transpose();
    Ok(Batch {
        status: status(message.status())?,
        created_at: time("batch.created_at_ms", message.created_at_ms)?,
        started_at: time_if("batch.started_at_ms", message.started_at_ms)?,
        completed_at: time_if("batch.completed_at_ms", message.completed_at_ms)?,
        metadata: metadata.map_err(|_| FieldError::new("batch.metadata_json", "is no JSON object"))?,
        batch_id: message.id,
        priority: message.priority,
        fail_fast: message.fail_fast,
        parallel_jobs: message.parallel_jobs,
        progress: BatchProgress {
            total_jobs: message.total_jobs,
            pending_jobs: message.pending_jobs,
            running_jobs: message.running_jobs,
            completed_jobs: message.completed_jobs,
            failed_jobs: message.failed_jobs,
            cancelled_jobs: message.cancelled_jobs,
            progress_percent: message.progress_percent.clamp(0.0, 100.0),
        },
        cost: BatchCost {
            estimated_cost_usd: dollars(message.estimated_cost_nanodollars),
            actual_cost_usd: dollars(message.actual_cost_nanodollars),
            budget_cap_usd: message.budget_cap_nanodollars.map(dollars),
            budget_remaining_usd: message.budget_remaining_nanodollars.map(dollars),
            tokens_used: message.tokens_used,
        },
        job_ids: message.job_ids,
        error_message: message.error,
        owner_id: message.owner,
        cancel_reason: message.cancel_reason,
        webhook: webhook::set(message.webhook)?,
    })
}

/// The statistics of all batches of a user.
pub(crate) fn stats(message: &v1::BatchStats) -> BatchStats {
    BatchStats {
        total_batches: message.total_batches,
        pending_batches: message.pending_batches,
        running_batches: message.running_batches,
        partial_batches: message.partial_batches,
        completed_batches: message.completed_batches,
        failed_batches: message.failed_batches,
        cancelled_batches: message.cancelled_batches,
        total_jobs: message.total_jobs,
        total_cost_usd: dollars(message.total_cost_nanodollars),
        total_tokens_used: message.total_tokens_used,
        avg_jobs_per_batch: message.average_jobs_per_batch,
        avg_duration_seconds: message.average_duration_seconds,
    }
}

fn status(message: v1::BatchStatus) -> Result<BatchStatus, FieldError> {
    match message {
        v1::BatchStatus::Pending => Ok(BatchStatus::Pending),
        v1::BatchStatus::Running => Ok(BatchStatus::Running),
        v1::BatchStatus::Completed => Ok(BatchStatus::Completed),
        v1::BatchStatus::Partial => Ok(BatchStatus::Partial),
        v1::BatchStatus::Failed => Ok(BatchStatus::Failed),
        v1::BatchStatus::Cancelled => Ok(BatchStatus::Cancelled),
        v1::BatchStatus::Unspecified => Err(FieldError::new("batch.status", "is missing or unknown")),
    }
}

/// The message's status for a JSON status.
pub(crate) fn to_wire(status: BatchStatus) -> v1::BatchStatus {
    match status {
        BatchStatus::Pending => v1::BatchStatus::Pending,
        BatchStatus::Running => v1::BatchStatus::Running,
        BatchStatus::Completed => v1::BatchStatus::Completed,
        BatchStatus::Partial => v1::BatchStatus::Partial,
        BatchStatus::Failed => v1::BatchStatus::Failed,
        BatchStatus::Cancelled => v1::BatchStatus::Cancelled,
    }
}
