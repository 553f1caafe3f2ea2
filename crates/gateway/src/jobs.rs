//! `/api/jobs`: submitting, reading and cancelling.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use carlo_rest::SimulationRequest;
use carlo_rest::job::{Cancelled, Job, JobList, JobStatus, Submitted};
use carlo_rest::pointer::Spelling;
use carlo_rest::replay::Replay;
use carlo_types::JobId;
use carlo_wire::v1;
use serde::Serialize;

use crate::caller::Caller;
use crate::kept::{Answer, Form};
use crate::openapi::shared::{Awaited, HasEnded, Held, IdempotencyKey, Page, Unchanged};
use crate::prefer::{self, Wait};
use crate::problem::Failure;
use crate::query::Selection;
use crate::reply::Entity;
use crate::routes::App;
use crate::{body, calls, convert, ids, reply};

#[utoipa::path(
    post,
    path = "/api/jobs",
    operation_id = "submitJob",
    tag = "jobs",
    summary = "Queues a job",
    params(IdempotencyKey),
    request_body = SimulationRequest,
    responses(
        (status = 202, description = "It is durable", body = Submitted, headers(("Location" = String, description = "The job"))),
    ),
)]
pub(crate) async fn submit(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Response, Failure> {
    let submitted = convert::job::submitted(queue(&app, &caller, request).await?)?;
    let location = [(LOCATION, format!("/api/jobs/{}", submitted.job_id))];
    Ok((StatusCode::ACCEPTED, location, Json(submitted)).into_response())
}

/// Queues the job that the body asks for.
pub(crate) async fn queue(app: &App, caller: &Caller, request: Request) -> Result<v1::Job, Failure> {
    let idempotency_key = prefer::idempotency_key(request.headers())?;
    let body = body::json(request, app.body_timeout).await?;
    let draft = convert::request::read(&body).map_err(Failure::invalid)?;
    let message = v1::SubmitRequest { simulation: Some(draft.into()), priority: None, idempotency_key };
    let call = app.calls.of(caller);
    let call = call.once(message, async |channel, request| calls::jobs(channel).submit(request).await);
    call.await.map_err(|failure| failure.spelled(&body.value, Spelling::CamelCase))
}

#[utoipa::path(
    get,
    path = "/api/jobs",
    operation_id = "listJobs",
    tag = "jobs",
    summary = "The caller's jobs, newest first, without results",
    params(
        Page,
        ("status" = Option<JobStatus>, Query, description = "Only those in this state"),
        Held,
    ),
    responses(
        (status = 200, description = "A page", body = JobList),
        Unchanged,
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    selection: Selection<JobStatus>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Selection { page, page_size, status } = selection;
    let status = status.map(|status| convert::job::to_wire(status).into());
    let answer = page_of(&app, &caller, v1::ListJobsRequest { page, page_size, status }).await?;
    let jobs = answer.jobs.into_iter().map(convert::job::job).collect::<Result<_, _>>()?;
    reply::fresh(&headers, &JobList { jobs, total: answer.total, page, page_size })
}

pub(crate) async fn page_of(
    app: &App,
    caller: &Caller,
    message: v1::ListJobsRequest,
) -> Result<v1::ListJobsResponse, Failure> {
    let call = app.calls.of(caller);
    call.repeatable(message, async |channel, request| calls::jobs(channel).list(request).await).await
}

#[utoipa::path(
    get,
    path = "/api/jobs/{id}",
    operation_id = "getJob",
    tag = "jobs",
    summary = "One job, with its results when it is complete",
    params(
        ("id" = String, Path, description = "A job's id, `job_…`"),
        Awaited,
        Held,
    ),
    responses(
        (status = 200, description = "The job", body = Job),
        Unchanged,
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    ids::Job(id): ids::Job,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    show(&app, &caller, id, Form::Job, &headers, |job| Ok(convert::job::job(job)?)).await
}

/// Answers with a job, as it is or as it is once it has changed or the wait is over, in the form that `write` gives it.
pub(crate) async fn show<T: Serialize>(
    app: &App,
    caller: &Caller,
    id: JobId,
    form: Form,
    headers: &HeaderMap,
    write: impl FnOnce(v1::Job) -> Result<T, Failure>,
) -> Result<Response, Failure> {
    let wait = Wait::of(headers);
    if let Some(Answer { completed_at_ms, entity }) = app.kept.get(id, form)
        && app.confirmations.ask(caller, id, completed_at_ms).await?
    {
        return Ok(wait.applied(entity.answer(headers)));
    }
    let job = look(app, caller, id, wait).await?;
    let completed_at_ms = job.completed_at_ms;
    let entity = Entity::of(&write(job)?)?;
    if let Some(completed_at_ms) = completed_at_ms {
        app.kept.keep(id, form, Answer { completed_at_ms, entity: entity.clone() });
    }
    Ok(wait.applied(entity.answer(headers)))
}

async fn look(app: &App, caller: &Caller, id: JobId, wait: Wait) -> Result<v1::Job, Failure> {
    let message = v1::GetJobRequest { id: id.to_string(), wait_ms: wait.milliseconds() };
    let call = if wait.is_some() { app.calls.held(caller, wait.duration()) } else { app.calls.of(caller) };
    call.repeatable(message, async |channel, request| calls::jobs(channel).get(request).await).await
}

#[utoipa::path(
    get,
    path = "/api/jobs/{id}/simulations/{index}",
    operation_id = "replaySimulation",
    tag = "jobs",
    summary = "One simulation of a job, month by month",
    params(
        ("id" = String, Path, description = "A job's id, `job_…`"),
        ("index" = u64, Path, description = "The simulation's index, from 0"),
        Held,
    ),
    responses(
        (status = 200, description = "The simulation", body = Replay),
        Unchanged,
    ),
)]
pub(crate) async fn replay(
    State(app): State<App>,
    caller: Caller,
    ids::Simulation(id, index): ids::Simulation,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let message = v1::ReplayRequest { id: id.to_string(), index };
    let call = app.calls.of(&caller);
    let call = call.repeatable(message, async |channel, request| calls::jobs(channel).replay(request).await);
    reply::fresh(&headers, &convert::replay::replay(call.await?))
}

#[utoipa::path(
    delete,
    path = "/api/jobs/{id}",
    operation_id = "cancelJob",
    tag = "jobs",
    summary = "Ends a queued or running job",
    params(
        ("id" = String, Path, description = "A job's id, `job_…`"),
    ),
    responses(
        (status = 200, description = "It is cancelled", body = Cancelled),
        HasEnded,
    ),
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    ids::Job(id): ids::Job,
) -> Result<Json<Cancelled>, Failure> {
    end(&app, &caller, id, String::new()).await?;
    Ok(Json(Cancelled { success: true, message: format!("the job {id} is cancelled") }))
}

/// Cancels a job.
pub(crate) async fn end(app: &App, caller: &Caller, id: JobId, reason: String) -> Result<v1::Job, Failure> {
    let message = v1::CancelJobRequest { id: id.to_string(), reason };
    let call = app.calls.of(caller);
    call.once(message, async |channel, request| calls::jobs(channel).cancel(request).await).await
}
