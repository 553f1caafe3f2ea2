//! Jobs in the JSON form of `/simulations`.

use carlo_rest::money::dollars;
use carlo_rest::simulation::{Simulation, SimulationStatus};
use carlo_wire::{FieldError, v1};

use super::{job, time, time_if, webhook};

/// A job, with its results if the message contains them.
pub(crate) fn simulation(message: v1::Job) -> Result<Simulation, FieldError> {
    let status = status(message.status())?;
    let (results, sensitivity_results) =
        message.results.map(|completed| job::results(completed, message.seed)).transpose()?.unzip();
    Ok(Simulation {
        job_id: message.id,
        status,
        created_at: time("job.created_at_ms", message.created_at_ms)?,
        started_at: time_if("job.started_at_ms", message.started_at_ms)?,
        completed_at: time_if("job.completed_at_ms", message.completed_at_ms)?,
        progress_percent: match status {
            SimulationStatus::Completed => 100.0,
            _ => message.progress_percent.clamp(0.0, 100.0),
        },
        batch_id: message.batch_id,
        custom_id: message.custom_id,
        name: message.name,
        priority: message.priority,
        estimated_cost_usd: dollars(message.estimated_cost_nanodollars),
        cost_usd: message.cost_nanodollars.map(dollars),
        tokens_used: message.tokens_used,
        error_message: message.error.or(message.cancel_reason),
        owner_id: message.owner,
        webhook: webhook::set(message.webhook)?,
        results,
        sensitivity_results: sensitivity_results.flatten(),
    })
}

fn status(message: v1::JobStatus) -> Result<SimulationStatus, FieldError> {
    match message {
        v1::JobStatus::Queued => Ok(SimulationStatus::Pending),
        v1::JobStatus::Running => Ok(SimulationStatus::Running),
        v1::JobStatus::Complete => Ok(SimulationStatus::Completed),
        v1::JobStatus::Failed => Ok(SimulationStatus::Failed),
        v1::JobStatus::Cancelled => Ok(SimulationStatus::Cancelled),
        v1::JobStatus::Unspecified => Err(FieldError::new("job.status", "is missing or unknown")),
    }
}

pub(crate) fn to_wire(status: SimulationStatus) -> v1::JobStatus {
    match status {
        SimulationStatus::Pending => v1::JobStatus::Queued,
        SimulationStatus::Running => v1::JobStatus::Running,
        SimulationStatus::Completed => v1::JobStatus::Complete,
        SimulationStatus::Failed => v1::JobStatus::Failed,
        SimulationStatus::Cancelled => v1::JobStatus::Cancelled,
    }
}
