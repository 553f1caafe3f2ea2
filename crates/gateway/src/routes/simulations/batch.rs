//! `/simulations/batch`: jobs that are submitted together.

pub(crate) mod events;
pub(crate) mod usage;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use carlo_rest::batch::{Batch, BatchJobs, BatchList, BatchStats, BatchStatus};
use carlo_rest::job::Cancelled;
use carlo_rest::pointer::Spelling;
use carlo_rest::{Problem, Simulation};
use carlo_types::request::envelope::{CancelBatch, CreateBatch};
use carlo_wire::v1;
use tokio_stream::StreamExt;

use crate::api_call::ApiCall;
use crate::concurrency::Permit;
use crate::jobs::JobJson;
use crate::openapi::shared::{
    BatchId, HasEnded, HasNotEnded, IdempotencyKey, IfNoneMatch, NotModified, OwnerParameters, Page,
    PreferWait,
};
use crate::prefer::Wait;
use crate::problem::Failure;
use crate::query::Selection;
use crate::{body, convert, entity, idempotency_key, line_json, path_ids};

#[utoipa::path(
    post,
    path = "/simulations/batch",
    operation_id = "createBatch",
    tag = "batches",
    summary = "Queues all jobs of a batch, or none",
    description = "Each simulation is a job. At most `parallel_jobs` of them run at the same time. The estimated cost of a job is reserved before it starts, so a batch never exceeds its budget.",
    params(IdempotencyKey),
    request_body = CreateBatch,
    responses(
        (status = 202, description = "The batch is durable", body = Batch, headers(("Location" = String, description = "The batch"))),
        (status = 402, description = "The budget is too small for the cheapest job", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(call: ApiCall, request: Request) -> Result<Response, Failure> {
    let idempotency_key = idempotency_key::read(request.headers())?;
    let body = body::json(request, call.app.body_timeout).await?;
    let mut message = convert::batch::create(body::section(&body)?, idempotency_key);
    if !message.metadata_json.is_empty() {
        // The metadata are passed on as they were sent: parsing would change the order of members
        // and large numbers.
        message.metadata_json = body.member("metadata").unwrap_or(message.metadata_json);
    }
    let created = call.rpcs().create_batch(message).await;
    let created = created.map_err(|failure| failure.spelled(&body.value, Spelling::SnakeCase))?;
    let batch = convert::batch::batch(created)?;
    let response = entity::accepted(format!("/simulations/batch/{}", batch.batch_id), &batch);
    Ok(entity::no_store_if(convert::webhook::has_secret(batch.webhook.as_ref()), response))
}

#[utoipa::path(
    get,
    path = "/simulations/batch",
    operation_id = "listBatches",
    tag = "batches",
    summary = "The caller's batches, newest first",
    description = "Pages of at most 100 batches; administrators may list everybody's.",
    params(
        Page,
        ("status" = Option<BatchStatus>, Query, description = "Only batches in this state"),
        OwnerParameters,
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "A page", body = BatchList),
        NotModified,
    ),
)]
pub(crate) async fn list(
    call: ApiCall,
    selection: Selection<BatchStatus>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Selection { page, page_size, status, all, user } = selection;
    let status = status.map(|status| convert::batch::to_wire(status).into());
    let message = v1::ListBatchesRequest { page, page_size, status, all, user };
    let list = call.rpcs().list_batches(message).await?;
    let batches = list.batches.into_iter().map(convert::batch::batch).collect::<Result<_, _>>()?;
    entity::json_or_304(&headers, &BatchList { batches, total: list.total, page, page_size })
}

#[utoipa::path(
    get,
    path = "/simulations/batch/{batch_id}",
    operation_id = "getBatch",
    tag = "batches",
    summary = "One batch",
    description = "With `Prefer: wait=30` the response waits until the status of one of its jobs changes.",
    params(BatchId, PreferWait, IfNoneMatch),
    responses(
        (status = 200, description = "The batch", body = Batch),
        NotModified,
    ),
)]
pub(crate) async fn get(
    call: ApiCall,
    path_ids::Batch(id): path_ids::Batch,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let wait = Wait::of(&headers);
    let (call, id) = (&call, &id);
    let get = |wait: Wait| async move {
        let message = v1::GetBatchRequest { id: id.clone(), wait_ms: wait.milliseconds() };
        call.long_poll(wait.duration()).get_batch(message).await
    };
    let batch = wait.until_shutdown(&call.app.shutdown, get).await?;
    Ok(wait.applied(entity::json_or_304(&headers, &convert::batch::batch(batch)?)?))
}

#[utoipa::path(
    get,
    path = "/simulations/batch/{batch_id}/jobs",
    operation_id = "getBatchJobs",
    tag = "batches",
    summary = "A batch with its jobs, without their results",
    description = "The batch and all of its jobs in one response.",
    params(BatchId, IfNoneMatch),
    responses(
        (status = 200, description = "The batch and its jobs", body = BatchJobs),
        NotModified,
    ),
)]
pub(crate) async fn jobs(
    call: ApiCall,
    path_ids::Batch(id): path_ids::Batch,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let message = v1::GetBatchRequest { id, wait_ms: 0 };
    let list = call.rpcs().batch_jobs(message).await?;
    let batch =
        list.batch.ok_or_else(|| Failure::internal("the coordinator sent jobs without their batch"))?;
    let jobs = list.jobs.into_iter().map(Simulation::from_message).collect::<Result<_, _>>()?;
    entity::json_or_304(&headers, &BatchJobs { batch: convert::batch::batch(batch)?, jobs })
}

/// Sends each result as soon as it arrives from the coordinator. If that stream breaks, the body
/// breaks, too, so that it never looks complete when it isn't.
#[utoipa::path(
    get,
    path = "/simulations/batch/{batch_id}/results",
    operation_id = "getBatchResults",
    tag = "batches",
    summary = "The ended jobs of a batch with their results, one per line",
    description = "In the order of the request. Jobs that have not ended are left out.",
    params(BatchId),
    responses(
        (status = 200, description = "Lines, each the JSON of a `Simulation`", body = Simulation, content_type = "application/jsonl"),
    ),
)]
pub(crate) async fn results(
    call: ApiCall,
    path_ids::Batch(id): path_ids::Batch,
    Extension(permit): Extension<Permit>,
) -> Result<Response, Failure> {
    let message = v1::GetBatchRequest { id, wait_ms: 0 };
    let results = call.streaming().batch_results(message).await?;
    let lines = results.map(move |job| {
        let _permit = &permit;
        job.map_err(std::io::Error::other).and_then(line)
    });
    let content_type = [(CONTENT_TYPE, "application/jsonl")];
    Ok((content_type, Body::from_stream(lines)).into_response())
}

fn line(job: v1::Job) -> std::io::Result<String> {
    let job = Simulation::from_message(job).map_err(std::io::Error::other)?;
    Ok(line_json::to_string(&job)? + "\n")
}

#[utoipa::path(
    post,
    path = "/simulations/batch/{batch_id}/cancel",
    operation_id = "cancelBatch",
    tag = "batches",
    summary = "Cancels a batch",
    description = "The body is optional. Queued jobs are cancelled, and also running ones unless `cancel_running` is false.",
    params(BatchId),
    request_body = CancelBatch,
    responses(
        (status = 200, description = "The cancelled batch", body = Batch),
        HasEnded,
    ),
)]
pub(crate) async fn cancel(
    call: ApiCall,
    path_ids::Batch(id): path_ids::Batch,
    request: Request,
) -> Result<Json<Batch>, Failure> {
    let body = body::json_or_none(request, call.app.body_timeout).await?;
    let CancelBatch { reason, cancel_running } = body::section(&body)?;
    let reason = reason.unwrap_or_default();
    let message = v1::CancelBatchRequest { id, reason, cancel_running: Some(cancel_running) };
    let batch = call.rpcs().cancel_batch(message).await?;
    Ok(Json(convert::batch::batch(batch)?))
}

#[utoipa::path(
    delete,
    path = "/simulations/batch/{batch_id}",
    operation_id = "deleteBatch",
    tag = "batches",
    summary = "Deletes a batch that has ended, with its jobs and their results",
    description = "409 until every job of it has ended.",
    params(BatchId),
    responses(
        (status = 200, description = "It is deleted", body = Cancelled),
        HasNotEnded,
    ),
)]
pub(crate) async fn delete(
    call: ApiCall,
    path_ids::Batch(id): path_ids::Batch,
) -> Result<Json<Cancelled>, Failure> {
    call.rpcs().delete_batch(v1::DeleteBatchRequest { id: id.clone() }).await?;
    Ok(Json(Cancelled { success: true, message: format!("the batch {id} is deleted") }))
}

#[utoipa::path(
    get,
    path = "/simulations/batch/stats",
    operation_id = "getBatchStats",
    tag = "batches",
    summary = "Statistics of the caller's batches",
    description = "Counts, costs and means of all batches of the caller.",
    responses(
        (status = 200, description = "The statistics", body = BatchStats),
    ),
)]
pub(crate) async fn stats(call: ApiCall) -> Result<Json<BatchStats>, Failure> {
    let stats = call.rpcs().batch_stats(v1::BatchStatsRequest {}).await?;
    Ok(Json(convert::batch::stats(&stats)))
}
