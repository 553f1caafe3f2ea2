//! `GET /api/jobs/{id}/events`: a job as server-sent events.

use axum::response::Response;
use carlo_rest::{Job, Label};
use carlo_wire::v1;

use crate::event_stream::{Follower, ServerSentEvent};
use crate::openapi::shared::{JobId, LastEventId, NoMoreEvents};
use crate::problem::Failure;
use crate::{convert, path_ids};

#[utoipa::path(
    get,
    path = "/api/jobs/{id}/events",
    operation_id = "watchJob",
    tag = "jobs",
    summary = "The progress of a job as server-sent events",
    description = "Each event has an id. A client that reconnects with the last one in Last-Event-ID misses nothing, and gets 204 after the last event. The last event of every job has the id 9007199254740991. A comment every 15 s keeps the connection open.",
    params(JobId, LastEventId),
    responses(
        NoMoreEvents,
        (status = 200, description = "`progress` events with the job without results, then one of `complete`, `failed`, `cancelled` with the whole job", body = Job, content_type = "text/event-stream"),
    ),
)]
pub(crate) async fn events(client: Follower, path_ids::Job(id): path_ids::Job) -> Result<Response, Failure> {
    let message = v1::WatchJobRequest { id: id.to_string(), last_event_id: client.last_event_id };
    let messages = client.rpcs().watch_job(message).await?;
    Ok(client.respond(messages, event))
}

fn event(message: v1::JobEvent) -> Result<ServerSentEvent, Failure> {
    let job =
        message.job.ok_or_else(|| Failure::internal("the coordinator sent an event without its job"))?;
    let job = convert::job::job(job)?;
    let is_last = job.status.has_ended();
    let name = if is_last { job.status.label() } else { "progress" };
    ServerSentEvent::new(message.id, name, &job, is_last)
}
