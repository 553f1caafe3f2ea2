//! Reads from the ledger of everything that the core does not keep in memory: results,
//! specifications of ended jobs, and the first responses to requests with an idempotency key.

use std::sync::Arc;

use carlo_store::Ledger;
use carlo_types::{Fault, FaultCode, JobId, JobSpec};
use carlo_wire::{convert, v1};

use crate::core::{CoreHandle, IdempotentOutcome, no_such_job};
use crate::entries;
use crate::entries::idempotency::IdempotencyId;

/// The response to a request: its own, or that of the first request with the same idempotency key.
pub(crate) async fn resolve<M: prost::Message + Default>(
    ledger: &dyn Ledger,
    outcome: IdempotentOutcome<M>,
) -> Result<M, Fault> {
    match outcome {
        IdempotentOutcome::Served(answer) => Ok(answer),
        IdempotentOutcome::Repeated(id) => first_answer(ledger, &id).await,
    }
}

/// The first response to a request with an idempotency key.
pub(crate) async fn first_answer<M: prost::Message + Default>(
    ledger: &dyn Ledger,
    id: &IdempotencyId,
) -> Result<M, Fault> {
    let read = entries::idempotency::answer(ledger, id).await;
    let answer = read.map_err(|error| Fault::new(FaultCode::Internal, error.to_string()))?;
    // The key was valid when the core was asked, but may have expired since.
    let gone = || Fault::new(FaultCode::Unavailable, "this idempotency key has just expired");
    M::decode(answer.ok_or_else(gone)?.as_slice())
        .map_err(|error| Fault::new(FaultCode::Internal, error.to_string()))
}

/// The specification of a job.
pub(crate) async fn spec(ledger: &dyn Ledger, id: JobId) -> Result<JobSpec, Fault> {
    let spec = entries::spec(ledger, id).await;
    let spec = spec.map_err(|error| Fault::new(FaultCode::Internal, error.to_string()))?;
    // The job may have expired since the core was asked.
    spec.map(Arc::unwrap_or_clone).ok_or_else(|| no_such_job(id))
}

/// Computes one simulation of a job, month by month. This takes microseconds, so no worker is
/// needed.
pub(crate) async fn replay(
    ledger: &dyn Ledger,
    id: JobId,
    index: u64,
) -> Result<v1::ReplayedSimulation, Fault> {
    let spec = spec(ledger, id).await?;
    if index >= spec.simulations() {
        let count = spec.simulations();
        let message = format!("the job {id} has {count} simulations, from 0 on: none has the index {index}");
        return Err(Fault::new(FaultCode::NotFound, message));
    }
    Ok(carlo_kernel::replay(&spec, index).into())
}

/// Adds the results to a complete job, with the doubts about them.
pub(crate) async fn with_results(
    core: &CoreHandle,
    ledger: &dyn Ledger,
    mut job: v1::Job,
) -> Result<v1::Job, Fault> {
    if job.status() != v1::JobStatus::Complete {
        (job.verdict, _) = core.verdicts().doubts(&[]);
        return Ok(job);
    }
    let id: JobId = convert::id("id", &job.id)?;
    let result = entries::result(ledger, id).await;
    let result = result.map_err(|error| Fault::new(FaultCode::Internal, error.to_string()))?;
    // The job may have expired since the core was asked.
    let result = result.ok_or_else(|| no_such_job(id))?;
    entries::add_shares(&mut job, &result);
    let (verdict, doubts) = core.verdicts().doubts(&entries::shares(&result));
    job.verdict = verdict;
    job.results = result.results.map(|results| v1::CompletedResults { doubts, ..results });
    Ok(job)
}
