//! `/api/jobs`: submitting, listing, reading, changing, cancelling and deleting jobs.

pub(crate) mod events;
pub(crate) mod report;
pub(crate) mod samples;
pub(crate) mod simulations;
pub(crate) mod sweep;

use axum::Json;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use carlo_rest::job::{Cancelled, Job, JobList, JobStatus, Submitted};
use carlo_types::request::envelope::{SubmitJob, UpdateJob};
use carlo_wire::v1;

use crate::api_call::ApiCall;
use crate::fields::Fields;
use crate::openapi::shared::{
    FieldsOfResults, HasEnded, IdempotencyKey, IfNoneMatch, JobFilters, JobId, NotModified, OwnerParameters,
    Page, PreferWait,
};
use crate::problem::Failure;
use crate::query::{JobSelection, Purge};
use crate::{body, convert, entity, jobs, path_ids};

#[utoipa::path(
    post,
    path = "/api/jobs",
    operation_id = "submitJob",
    tag = "jobs",
    summary = "Queues a job",
    description = "The job is durable when the response arrives, and runs when nodes are free. Follow it with `GET /api/jobs/{id}/events`, or with `Prefer: wait` on `GET /api/jobs/{id}`. A refusal names all faults of the body at once.",
    params(IdempotencyKey),
    request_body = SubmitJob,
    responses(
        (status = 202, description = "The job is durable", body = Submitted, headers(("Location" = String, description = "The job"))),
    ),
)]
pub(crate) async fn submit(call: ApiCall, request: Request) -> Result<Response, Failure> {
    let submitted = convert::job::submitted(jobs::submit(&call, request).await?)?;
    let path = format!("/api/jobs/{}", submitted.job_id);
    Ok(entity::no_store_if(
        convert::webhook::has_secret(submitted.webhook.as_ref()),
        entity::accepted(path, &submitted),
    ))
}

#[utoipa::path(
    get,
    path = "/api/jobs",
    operation_id = "listJobs",
    tag = "jobs",
    summary = "The caller's jobs, newest first, without results",
    description = "Pages of at most 100 jobs; administrators can list the jobs of all users. Ended jobs are kept as long as the tier of their owner says, by default for 30 days. Previews are in no list.",
    params(
        Page,
        ("status" = Option<JobStatus>, Query, description = "Only jobs in this state"),
        JobFilters,
        OwnerParameters,
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "A page", body = JobList),
        NotModified,
    ),
)]
pub(crate) async fn list(
    call: ApiCall,
    selection: JobSelection<JobStatus>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    jobs::list::<Job>(&call, selection, &headers).await
}

#[utoipa::path(
    get,
    path = "/api/jobs/{id}",
    operation_id = "getJob",
    tag = "jobs",
    summary = "A job, with its results if it is complete",
    description = "With `Prefer: wait=30` the response waits for a change of the status. With the ETag of an earlier response in If-None-Match, the response is 304 as long as nothing has changed.",
    params(JobId, FieldsOfResults, PreferWait, IfNoneMatch),
    responses(
        (status = 200, description = "The job", body = Job),
        NotModified,
    ),
)]
pub(crate) async fn get(
    call: ApiCall,
    path_ids::Job(id): path_ids::Job,
    fields: Fields,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    jobs::show::<Job>(&call, id, fields, &headers).await
}

#[utoipa::path(
    patch,
    path = "/api/jobs/{id}",
    operation_id = "updateJob",
    tag = "jobs",
    summary = "Changes the priority or the name of a queued or running job",
    description = "What is left out stays as it is.",
    params(JobId),
    request_body = UpdateJob,
    responses(
        (status = 200, description = "The job", body = Job),
        HasEnded,
    ),
)]
pub(crate) async fn update(
    call: ApiCall,
    path_ids::Job(id): path_ids::Job,
    request: Request,
) -> Result<Json<Job>, Failure> {
    let body = body::json_or_none(request, call.app.body_timeout).await?;
    let UpdateJob { name, priority } = body::section(&body)?;
    let message = v1::UpdateJobRequest { id: id.to_string(), priority, name };
    Ok(Json(convert::job::job(call.rpcs().update_job(message).await?)?))
}

#[utoipa::path(
    delete,
    path = "/api/jobs/{id}",
    operation_id = "cancelJob",
    tag = "jobs",
    summary = "Cancels a queued or running job, or deletes an ended one",
    description = "The simulations so far are billed. With `purge=true` the call deletes an ended job and its results; the response is 409 if the job has not ended.",
    params(
        JobId,
        ("purge" = Option<bool>, Query, description = "Delete an ended job"),
    ),
    responses(
        (status = 200, description = "The job is cancelled, or deleted", body = Cancelled),
        HasEnded,
    ),
)]
pub(crate) async fn cancel(
    call: ApiCall,
    path_ids::Job(id): path_ids::Job,
    Purge(purge): Purge,
) -> Result<Json<Cancelled>, Failure> {
    if purge {
        return jobs::delete(&call, id).await;
    }
    jobs::cancel(&call, id, String::new()).await?;
    Ok(Json(Cancelled { success: true, message: format!("the job {id} is cancelled") }))
}
