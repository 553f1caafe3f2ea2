//! The handlers that `/api/jobs` and `/simulations` have in common: submitting, listing, showing
//! and cancelling jobs. Both show the same jobs, in different JSON ([`JobJson`]). [`run`] submits a
//! job and waits for its results.

pub(crate) mod run;

use axum::Json;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use carlo_rest::job::{Cancelled, JobList};
use carlo_rest::pointer::Spelling;
use carlo_rest::simulation::SimulationList;
use carlo_rest::{Job, Label, Simulation};
use carlo_types::json::Document;
use carlo_types::request::envelope::SubmitJob;
use carlo_types::{JobId, JobSpec};
use carlo_wire::{FieldError, v1};
use serde::Serialize;

use crate::api_call::ApiCall;
use crate::entity::Entity;
use crate::fields::Fields;
use crate::prefer::Wait;
use crate::problem::Failure;
use crate::query::{JobSelection, Selection};
use crate::response_cache::{CachedResponse, Resource};
use crate::{body, convert, entity, idempotency_key};

/// A JSON form of a job, one for each family of URLs.
pub(crate) trait JobJson: Serialize + Sized {
    /// The states by which the family's lists are filtered.
    type Status: Label;
    /// A page of jobs in this form.
    type List: Serialize;
    /// The resource that shows one job in this form.
    const RESOURCE: Resource;

    fn from_message(job: v1::Job) -> Result<Self, FieldError>;

    fn status_to_message(status: Self::Status) -> v1::JobStatus;

    fn list(jobs: Vec<Self>, total: u64, page: u32, page_size: u32) -> Self::List;
}

impl JobJson for Job {
    type Status = carlo_rest::job::JobStatus;
    type List = JobList;
    const RESOURCE: Resource = Resource::Job;

    fn from_message(job: v1::Job) -> Result<Self, FieldError> {
        convert::job::job(job)
    }

    fn status_to_message(status: Self::Status) -> v1::JobStatus {
        convert::job::to_wire(status)
    }

    fn list(jobs: Vec<Self>, total: u64, page: u32, page_size: u32) -> JobList {
        JobList { jobs, total, page, page_size }
    }
}

impl JobJson for Simulation {
    type Status = carlo_rest::simulation::SimulationStatus;
    type List = SimulationList;
    const RESOURCE: Resource = Resource::Simulation;

    fn from_message(job: v1::Job) -> Result<Self, FieldError> {
        convert::simulation::simulation(job)
    }

    fn status_to_message(status: Self::Status) -> v1::JobStatus {
        convert::simulation::to_wire(status)
    }

    fn list(jobs: Vec<Self>, total: u64, page: u32, page_size: u32) -> SimulationList {
        SimulationList { jobs, total, page, page_size }
    }
}

/// Queues the job in the body.
pub(crate) async fn submit(call: &ApiCall, request: Request) -> Result<v1::Job, Failure> {
    let read = |body: &Document| {
        let SubmitJob { request, name, priority, webhook } = body::section(body)?;
        Ok(v1::SubmitRequest {
            simulation: Some((&JobSpec::of(request)).into()),
            priority: Some(priority),
            name,
            webhook: convert::webhook::asked(webhook),
            ..v1::SubmitRequest::default()
        })
    };
    submit_as(call, request, read, str::to_owned).await
}

/// Queues the job that `read` reads from the body. `to_body` converts a pointer into the job's
/// request to one into the body.
pub(crate) async fn submit_as(
    call: &ApiCall,
    request: Request,
    read: fn(&Document) -> Result<v1::SubmitRequest, Failure>,
    to_body: fn(&str) -> String,
) -> Result<v1::Job, Failure> {
    let idempotency_key = idempotency_key::read(request.headers())?;
    let body = body::json(request, call.app.body_timeout).await?;
    let message = v1::SubmitRequest { idempotency_key, ..read(&body)? };
    let submitted = Box::pin(call.rpcs().submit_job(message)).await;
    submitted.map_err(|failure| failure.with_pointers(to_body).spelled(&body.value, Spelling::CamelCase))
}

/// Responds with one page of the selected jobs.
pub(crate) async fn list<J: JobJson>(
    call: &ApiCall,
    selection: JobSelection<J::Status>,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let JobSelection { selection, name, text, since, until, sort } = selection;
    let Selection { page, page_size, status, all, user } = selection;
    let status = status.map(|status| J::status_to_message(status).into());
    let message = v1::ListJobsRequest {
        page,
        page_size,
        status,
        all,
        user,
        name,
        text,
        since_ms: since,
        until_ms: until,
        sort: sort.map_or(v1::JobSort::Unspecified, |order| convert::job::sort(order.by)).into(),
        descending: sort.is_some_and(|order| order.descending),
    };
    let list = call.rpcs().list_jobs(message).await?;
    let jobs = list.jobs.into_iter().map(J::from_message).collect::<Result<_, _>>()?;
    entity::json_or_304(headers, &J::list(jobs, list.total, page, page_size))
}

/// Shows a job in the form `J`, at once or, with `Prefer: wait`, when its status has changed.
pub(crate) async fn show<J: JobJson>(
    call: &ApiCall,
    id: JobId,
    fields: Fields,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    show_as(call, id, J::RESOURCE, fields, headers, |job| Ok(J::from_message(job)?)).await
}

/// Shows a job at `resource` in the JSON that `view` makes. Only the selected `fields` of its
/// results are sent.
pub(crate) async fn show_as<T: Serialize>(
    call: &ApiCall,
    id: JobId,
    resource: Resource,
    fields: Fields,
    headers: &HeaderMap,
    view: impl FnOnce(v1::Job) -> Result<T, Failure>,
) -> Result<Response, Failure> {
    let wait = Wait::of(headers);
    if let Some(cached) = call.app.response_cache.get(id, resource)
        && call.app.revalidator.is_valid(&call.context, id, &cached).await?
    {
        return Ok(wait.applied(fields.select(cached.entity)?.respond(headers)));
    }
    let get = |wait: Wait| async move {
        let message =
            v1::GetJobRequest { id: id.to_string(), wait_ms: wait.milliseconds(), with_points: false };
        call.long_poll(wait.duration()).get_job(message).await
    };
    let job = wait.until_shutdown(&call.app.shutdown, get).await?;
    let (completed_at_ms, verdict) = (job.completed_at_ms, job.verdict);
    let entity = Entity::new(&view(job)?)?;
    if let Some(completed_at_ms) = completed_at_ms {
        let response = CachedResponse { completed_at_ms, verdict, entity: entity.clone() };
        call.app.response_cache.insert(id, resource, response);
    }
    Ok(wait.applied(fields.select(entity)?.respond(headers)))
}

/// Deletes a job that has ended.
pub(crate) async fn delete(call: &ApiCall, id: JobId) -> Result<Json<Cancelled>, Failure> {
    call.rpcs().delete_job(v1::DeleteJobRequest { id: id.to_string() }).await?;
    Ok(Json(Cancelled { success: true, message: format!("the job {id} is deleted") }))
}

/// Cancels a job.
pub(crate) async fn cancel(call: &ApiCall, id: JobId, reason: String) -> Result<v1::Job, Failure> {
    let message = v1::CancelJobRequest { id: id.to_string(), reason };
    call.rpcs().cancel_job(message).await
}
