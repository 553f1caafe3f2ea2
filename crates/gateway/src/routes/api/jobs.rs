//! `/api/jobs`: submitting, listing, reading and cancelling jobs.

pub(crate) mod events;
pub(crate) mod report;
pub(crate) mod samples;
pub(crate) mod simulations;
pub(crate) mod sweep;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use carlo_rest::job::{Cancelled, Job, JobList, JobStatus, Submitted};
use carlo_types::request::envelope::SubmitJob;

use crate::caller::Caller;
use crate::fields::Fields;
use crate::openapi::shared::{
    FieldsOfResults, HasEnded, IdempotencyKey, IfNoneMatch, JobId, NotModified, Page, PreferWait,
};
use crate::problem::Failure;
use crate::query::Selection;
use crate::routes::App;
use crate::{convert, entity, jobs, path_ids};

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
pub(crate) async fn submit(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Response, Failure> {
    let submitted = convert::job::submitted(jobs::submit(&app, &caller, request).await?)?;
    let path = format!("/api/jobs/{}", submitted.job_id);
    Ok(entity::accepted(path, &submitted))
}

#[utoipa::path(
    get,
    path = "/api/jobs",
    operation_id = "listJobs",
    tag = "jobs",
    summary = "The caller's jobs, newest first, without results",
    description = "Pages of at most 100 jobs. An ended job is kept for 30 days, or until 100,000 other jobs have ended after it.",
    params(
        Page,
        ("status" = Option<JobStatus>, Query, description = "Only jobs in this state"),
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "A page", body = JobList),
        NotModified,
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    selection: Selection<JobStatus>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    jobs::list::<Job>(&app, &caller, selection, &headers).await
}

#[utoipa::path(
    get,
    path = "/api/jobs/{id}",
    operation_id = "getJob",
    tag = "jobs",
    summary = "A job, with its results if it is complete",
    description = "With `Prefer: wait=30` the response waits for a change of the status. With the ETag of an earlier response in If-None-Match, the response is 304 as long as nothing has changed.",
    params(
        JobId,
        FieldsOfResults,
        PreferWait,
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "The job", body = Job),
        NotModified,
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    path_ids::Job(id): path_ids::Job,
    fields: Fields,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    jobs::show::<Job>(&app, &caller, id, fields, &headers).await
}

#[utoipa::path(
    delete,
    path = "/api/jobs/{id}",
    operation_id = "cancelJob",
    tag = "jobs",
    summary = "Cancels a queued or running job",
    description = "The simulations so far are billed.",
    params(JobId),
    responses(
        (status = 200, description = "The job is cancelled", body = Cancelled),
        HasEnded,
    ),
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    path_ids::Job(id): path_ids::Job,
) -> Result<Json<Cancelled>, Failure> {
    jobs::cancel(&app, &caller, id, String::new()).await?;
    Ok(Json(Cancelled { success: true, message: format!("the job {id} is cancelled") }))
}
