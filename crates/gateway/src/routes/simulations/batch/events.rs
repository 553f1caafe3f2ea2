//! `GET /simulations/batch/{batch_id}/events`: a batch as server-sent events.

use axum::response::Response;
use carlo_rest::{Batch, Label};
use carlo_wire::v1;

use crate::event_stream::{Follower, ServerSentEvent};
use crate::openapi::shared::{BatchId, LastEventId, NoMoreEvents};
use crate::problem::Failure;
use crate::{convert, path_ids};

#[utoipa::path(
    get,
    path = "/simulations/batch/{batch_id}/events",
    operation_id = "watchBatch",
    tag = "batches",
    summary = "The progress of a batch as server-sent events",
    description = "Each event has an id larger than the one before. A client that reconnects with the last one in Last-Event-ID gets what has changed since, and gets 204 after the last event. A comment every 15 s keeps the connection open.",
    params(BatchId, LastEventId),
    responses(
        NoMoreEvents,
        (status = 200, description = "`progress` events, at most five per second, then one of `completed`, `partial`, `failed`, `cancelled` when all jobs have ended", body = Batch, content_type = "text/event-stream"),
    ),
)]
pub(crate) async fn events(
    client: Follower,
    path_ids::Batch(id): path_ids::Batch,
) -> Result<Response, Failure> {
    let message = v1::WatchBatchRequest { id, last_event_id: client.last_event_id };
    let messages = client.rpcs().watch_batch(message).await?;
    Ok(client.respond(messages, event))
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
