//! `/simulations`: single jobs, with the names and states that batches use.

pub(crate) mod batch;

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use carlo_rest::job::Cancelled;
use carlo_rest::simulation::{Simulation, SimulationList, SimulationResult, SimulationStatus};
use carlo_rest::{Label, Problem};
use carlo_types::request::envelope::{CancelJob, SubmitJob};
use carlo_wire::v1;

use crate::api_call::ApiCall;
use crate::fields::Fields;
use crate::jobs::JobJson;
use crate::openapi::shared::{
    FieldsOfResults, HasEnded, HasNotEnded, IdempotencyKey, IfNoneMatch, JobFilters, NotModified,
    OwnerParameters, Page, PreferWait, SimulationId,
};
use crate::problem::Failure;
use crate::query::JobSelection;
use crate::response_cache::Resource;
use crate::{body, convert, entity, jobs, path_ids};

#[utoipa::path(
    post,
    path = "/simulations",
    operation_id = "submitSimulation",
    tag = "simulations",
    summary = "Queues a job",
    description = "The same as `POST /api/jobs`, with the names and states of batches in the response.",
    params(IdempotencyKey),
    request_body = SubmitJob,
    responses(
        (status = 202, description = "The job is durable", body = Simulation, headers(("Location" = String, description = "The job"))),
    ),
)]
pub(crate) async fn submit(call: ApiCall, request: Request) -> Result<Response, Failure> {
    let job = Simulation::from_message(jobs::submit(&call, request).await?)?;
    let response = entity::accepted(format!("/simulations/{}", job.job_id), &job);
    Ok(entity::no_store_if(convert::webhook::has_secret(job.webhook.as_ref()), response))
}

#[utoipa::path(
    get,
    path = "/simulations",
    operation_id = "listSimulations",
    tag = "simulations",
    summary = "The caller's jobs, newest first, without results",
    description = "The same jobs as in `GET /api/jobs`.",
    params(
        Page,
        ("status" = Option<SimulationStatus>, Query, description = "Only jobs in this state"),
        JobFilters,
        OwnerParameters,
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "A page", body = SimulationList),
        NotModified,
    ),
)]
pub(crate) async fn list(
    call: ApiCall,
    selection: JobSelection<SimulationStatus>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    jobs::list::<Simulation>(&call, selection, &headers).await
}

#[utoipa::path(
    get,
    path = "/simulations/{job_id}",
    operation_id = "getSimulation",
    tag = "simulations",
    summary = "A job, with its results if it is completed",
    description = "The same as `GET /api/jobs/{id}`, with the names and states of batches.",
    params(SimulationId, FieldsOfResults, PreferWait, IfNoneMatch),
    responses(
        (status = 200, description = "The job", body = Simulation),
        NotModified,
    ),
)]
pub(crate) async fn get(
    call: ApiCall,
    path_ids::Job(id): path_ids::Job,
    fields: Fields,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    jobs::show::<Simulation>(&call, id, fields, &headers).await
}

#[utoipa::path(
    get,
    path = "/simulations/{job_id}/result",
    operation_id = "getSimulationResult",
    tag = "simulations",
    summary = "The results of a job",
    description = "409 until the job is COMPLETED. With `Prefer: wait=30` the call first waits for a change of the status.",
    params(SimulationId, FieldsOfResults, PreferWait, IfNoneMatch),
    responses(
        (status = 200, description = "The results", body = SimulationResult),
        NotModified,
        (status = 409, description = "The job is not COMPLETED", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn result(
    call: ApiCall,
    path_ids::Job(id): path_ids::Job,
    fields: Fields,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    jobs::show_as(&call, id, Resource::Result, fields, &headers, result_of).await
}

/// The results of a completed job; 409 for any other.
fn result_of(job: v1::Job) -> Result<SimulationResult, Failure> {
    let job = Simulation::from_message(job)?;
    let Simulation { job_id, status, results, sensitivity_results, error_message, .. } = job;
    let Some(results) = results else {
        let reason = error_message.map(|reason| format!(": {reason}")).unwrap_or_default();
        let detail = format!("the job {job_id} is {}, not COMPLETED{reason}", status.label());
        return Err(Failure::new(StatusCode::CONFLICT, detail));
    };
    Ok(SimulationResult { job_id, status, results, sensitivity_results })
}

#[utoipa::path(
    delete,
    path = "/simulations/{job_id}",
    operation_id = "deleteSimulation",
    tag = "simulations",
    summary = "Deletes a job that has ended, with its results",
    description = "The same as `DELETE /api/jobs/{id}?purge=true`.",
    params(SimulationId),
    responses(
        (status = 200, description = "It is deleted", body = Cancelled),
        HasNotEnded,
    ),
)]
pub(crate) async fn delete(
    call: ApiCall,
    path_ids::Job(id): path_ids::Job,
) -> Result<Json<Cancelled>, Failure> {
    jobs::delete(&call, id).await
}

#[utoipa::path(
    post,
    path = "/simulations/{job_id}/cancel",
    operation_id = "cancelSimulation",
    tag = "simulations",
    summary = "Cancels a job",
    description = "The body is optional. The simulations so far are billed.",
    params(SimulationId),
    request_body = CancelJob,
    responses(
        (status = 200, description = "The cancelled job", body = Simulation),
        HasEnded,
    ),
)]
pub(crate) async fn cancel(
    call: ApiCall,
    path_ids::Job(id): path_ids::Job,
    request: Request,
) -> Result<Json<Simulation>, Failure> {
    let body = body::json_or_none(request, call.app.body_timeout).await?;
    let CancelJob { reason } = body::section(&body)?;
    let job = jobs::cancel(&call, id, reason.unwrap_or_default()).await?;
    Ok(Json(Simulation::from_message(job)?))
}
