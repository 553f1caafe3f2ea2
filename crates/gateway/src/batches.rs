//! `/simulations/batch`: jobs that are submitted together.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use carlo_rest::Problem;
use carlo_rest::batch::{Batch, BatchJobs, BatchList, BatchStats, BatchStatus, Cancel, CreateBatch};
use carlo_rest::pointer::Spelling;
use carlo_wire::v1;
use tokio_stream::StreamExt;

use crate::caller::Caller;
use crate::openapi::shared::{Awaited, HasEnded, Held, IdempotencyKey, Page, Unchanged};
use crate::places::Place;
use crate::prefer::{self, Wait};
use crate::problem::Failure;
use crate::query::Selection;
use crate::routes::App;
use crate::{body, calls, convert, ids, reply, simulations};

#[utoipa::path(
    post,
    path = "/simulations/batch",
    operation_id = "createBatch",
    tag = "batches",
    summary = "Queues all jobs of a batch, or none",
    params(IdempotencyKey),
    request_body = CreateBatch,
    responses(
        (status = 202, description = "It is durable", body = Batch, headers(("Location" = String, description = "The batch"))),
        (status = 402, description = "The budget doesn't reach the cheapest job", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Response, Failure> {
    let idempotency_key = prefer::idempotency_key(request.headers())?;
    let body = body::json(request, app.body_timeout).await?;
    let (create, drafts) = convert::request::read_batch(&body).map_err(Failure::invalid)?;
    let message = convert::batch::create(create, drafts, idempotency_key);
    let call = app.calls.of(&caller);
    let call = call.once(message, async |channel, request| calls::batches(channel).create(request).await);
    let batch = convert::batch::batch(
        call.await.map_err(|failure| failure.spelled(&body.value, Spelling::SnakeCase))?,
    )?;
    let location = [(LOCATION, format!("/simulations/batch/{}", batch.batch_id))];
    Ok((StatusCode::ACCEPTED, location, Json(batch)).into_response())
}

#[utoipa::path(
    get,
    path = "/simulations/batch",
    operation_id = "listBatches",
    tag = "batches",
    summary = "The caller's batches, newest first",
    params(
        Page,
        ("status" = Option<BatchStatus>, Query, description = "Only those in this state"),
        Held,
    ),
    responses(
        (status = 200, description = "A page", body = BatchList),
        Unchanged,
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    selection: Selection<BatchStatus>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Selection { page, page_size, status } = selection;
    let status = status.map(|status| convert::batch::to_wire(status).into());
    let message = v1::ListBatchesRequest { page, page_size, status };
    let call = app.calls.of(&caller);
    let call = call.repeatable(message, async |channel, request| calls::batches(channel).list(request).await);
    let answer = call.await?;
    let batches = answer.batches.into_iter().map(convert::batch::batch).collect::<Result<_, _>>()?;
    reply::fresh(&headers, &BatchList { batches, total: answer.total, page, page_size })
}

#[utoipa::path(
    get,
    path = "/simulations/batch/{batch_id}",
    operation_id = "getBatch",
    tag = "batches",
    summary = "One batch",
    params(
        ("batch_id" = String, Path, description = "A batch's id, `batch_…`"),
        Awaited,
        Held,
    ),
    responses(
        (status = 200, description = "The batch", body = Batch),
        Unchanged,
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    ids::Batch(id): ids::Batch,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let wait = Wait::of(&headers);
    let message = v1::GetBatchRequest { id, wait_ms: wait.milliseconds() };
    let call = if wait.is_some() { app.calls.held(&caller, wait.duration()) } else { app.calls.of(&caller) };
    let call = call.repeatable(message, async |channel, request| calls::batches(channel).get(request).await);
    let batch = convert::batch::batch(call.await?)?;
    Ok(wait.applied(reply::fresh(&headers, &batch)?))
}

#[utoipa::path(
    get,
    path = "/simulations/batch/{batch_id}/jobs",
    operation_id = "getBatchJobs",
    tag = "batches",
    summary = "A batch and its jobs without their results",
    params(
        ("batch_id" = String, Path, description = "A batch's id, `batch_…`"),
        Held,
    ),
    responses(
        (status = 200, description = "Both", body = BatchJobs),
        Unchanged,
    ),
)]
pub(crate) async fn jobs(
    State(app): State<App>,
    caller: Caller,
    ids::Batch(id): ids::Batch,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let message = v1::GetBatchRequest { id, wait_ms: 0 };
    let call = app.calls.of(&caller);
    let call = call.repeatable(message, async |channel, request| calls::batches(channel).jobs(request).await);
    let answer = call.await?;
    let batch =
        answer.batch.ok_or_else(|| Failure::internal("the coordinator sent jobs without their batch"))?;
    let jobs = answer.jobs.into_iter().map(convert::simulation::simulation).collect::<Result<_, _>>()?;
    reply::fresh(&headers, &BatchJobs { batch: convert::batch::batch(batch)?, jobs })
}

/// The results, each as soon as the coordinator sends it. Where the stream breaks, the body breaks off, too: it never looks complete.
#[utoipa::path(
    get,
    path = "/simulations/batch/{batch_id}/results",
    operation_id = "getBatchResults",
    tag = "batches",
    summary = "Every job that has ended, one a line, with its results",
    params(
        ("batch_id" = String, Path, description = "A batch's id, `batch_…`"),
    ),
    responses(
        (status = 200, description = "Lines, each the JSON of a `Simulation`", body = String, content_type = "application/jsonl"),
    ),
)]
pub(crate) async fn results(
    State(app): State<App>,
    caller: Caller,
    ids::Batch(id): ids::Batch,
    Extension(place): Extension<Place>,
) -> Result<Response, Failure> {
    let message = v1::GetBatchRequest { id, wait_ms: 0 };
    let call = app.calls.held(&caller, Duration::ZERO);
    let call =
        call.repeatable(message, async |channel, request| calls::batches(channel).results(request).await);
    let lines = call.await?.map(move |job| {
        let _place = &place;
        job.map_err(std::io::Error::other).and_then(line)
    });
    let content_type = [(CONTENT_TYPE, "application/jsonl")];
    Ok((content_type, Body::from_stream(lines)).into_response())
}

fn line(job: v1::Job) -> std::io::Result<Vec<u8>> {
    let job = convert::simulation::simulation(job).map_err(std::io::Error::other)?;
    let mut line = serde_json::to_vec(&job)?;
    line.push(b'\n');
    Ok(line)
}

#[utoipa::path(
    post,
    path = "/simulations/batch/{batch_id}/cancel",
    operation_id = "cancelBatch",
    tag = "batches",
    summary = "Ends a batch",
    params(
        ("batch_id" = String, Path, description = "A batch's id, `batch_…`"),
    ),
    request_body = Option<Cancel>,
    responses(
        (status = 200, description = "It is cancelled", body = Batch),
        HasEnded,
    ),
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    ids::Batch(id): ids::Batch,
    request: Request,
) -> Result<Json<Batch>, Failure> {
    let Cancel { reason, cancel_running } =
        simulations::cancellation(&app, request, "the cancellation of a batch", true).await?;
    let message = v1::CancelBatchRequest { id, reason: reason.unwrap_or_default(), cancel_running };
    let call = app.calls.of(&caller);
    let call = call.once(message, async |channel, request| calls::batches(channel).cancel(request).await);
    Ok(Json(convert::batch::batch(call.await?)?))
}

#[utoipa::path(
    get,
    path = "/simulations/batch/stats",
    operation_id = "getBatchStats",
    tag = "batches",
    summary = "Over all batches of the caller",
    responses(
        (status = 200, description = "The numbers", body = BatchStats),
    ),
)]
pub(crate) async fn stats(State(app): State<App>, caller: Caller) -> Result<Json<BatchStats>, Failure> {
    let message = v1::BatchStatsRequest {};
    let call = app.calls.of(&caller);
    let call =
        call.repeatable(message, async |channel, request| calls::batches(channel).stats(request).await);
    Ok(Json(convert::batch::stats(&call.await?)))
}
