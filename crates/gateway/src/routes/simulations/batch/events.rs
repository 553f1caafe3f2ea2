//! `GET /simulations/batch/{batch_id}/events`: a batch as server-sent events.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use carlo_rest::{Batch, Label};
use carlo_wire::v1;

use crate::concurrency::Permit;
use crate::event_stream::{self, ServerSentEvent};
use crate::openapi::shared::{BatchId, LastEventId};
use crate::problem::Failure;
use crate::request_context::RequestContext;
use crate::routes::App;
use crate::{convert, path_ids};

#[utoipa::path(
    get,
    path = "/simulations/batch/{batch_id}/events",
    operation_id = "watchBatch",
    tag = "batches",
    summary = "The progress of a batch as server-sent events",
    description = "Each event has an id larger than the one before. A client that reconnects with the last one in Last-Event-ID gets what has changed since, and gets 204 after the last event. A comment every 15 s keeps the connection open.",
    params(
        BatchId,
        LastEventId,
    ),
    responses(
        (status = 204, description = "The client has already received the last event"),
        (status = 200, description = "`progress` events, at most five per second, then one of `completed`, `partial`, `failed`, `cancelled` when all jobs have ended", body = Batch, content_type = "text/event-stream"),
    ),
)]
pub(crate) async fn events(
    State(app): State<App>,
    context: RequestContext,
    path_ids::Batch(id): path_ids::Batch,
    Extension(permit): Extension<Permit>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let message = v1::WatchBatchRequest { id, last_event_id: event_stream::last_event_id(&headers) };
    let messages = app.coordinator.stream(&context).watch_batch(message).await?;
    Ok(event_stream::respond(app, permit, messages, event))
}

fn event(message: v1::BatchEvent) -> Result<ServerSentEvent, Failure> {
    let batch =
        message.batch.ok_or_else(|| Failure::internal("the coordinator sent an event without its batch"))?;
    let batch = convert::batch::batch(batch)?;
    // A cancelled batch may still have running jobs, which then finish.
    let is_last = batch.completed_at.is_some();
    let name = if is_last { batch.status.label().to_ascii_lowercase() } else { "progress".to_owned() };
    ServerSentEvent::new(message.id, &name, &batch, is_last)
}
