//! `GET /api/jobs/{id}/events`: a job as server-sent events.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use carlo_rest::{Job, Label};
use carlo_wire::v1;

use crate::concurrency::Permit;
use crate::event_stream::{self, ServerSentEvent};
use crate::openapi::shared::{JobId, LastEventId};
use crate::problem::Failure;
use crate::request_context::RequestContext;
use crate::routes::App;
use crate::{convert, path_ids};

#[utoipa::path(
    get,
    path = "/api/jobs/{id}/events",
    operation_id = "watchJob",
    tag = "jobs",
    summary = "The progress of a job as server-sent events",
    description = "Each event has an id. A client that reconnects with the last one in Last-Event-ID misses nothing, and gets 204 after the last event. The last event of every job has the id 9007199254740991. A comment every 15 s keeps the connection open.",
    params(
        JobId,
        LastEventId,
    ),
    responses(
        (status = 204, description = "The client has already received the last event"),
        (status = 200, description = "`progress` events with the job without results, then one of `complete`, `failed`, `cancelled` with the whole job", body = Job, content_type = "text/event-stream"),
    ),
)]
pub(crate) async fn events(
    State(app): State<App>,
    context: RequestContext,
    path_ids::Job(id): path_ids::Job,
    Extension(permit): Extension<Permit>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let last_event_id = event_stream::last_event_id(&headers);
    let message = v1::WatchJobRequest { id: id.to_string(), last_event_id };
    let messages = app.coordinator.stream(&context).watch_job(message).await?;
    Ok(event_stream::respond(app, permit, messages, event))
}

fn event(message: v1::JobEvent) -> Result<ServerSentEvent, Failure> {
    let job =
        message.job.ok_or_else(|| Failure::internal("the coordinator sent an event without its job"))?;
    let job = convert::job::job(job)?;
    let is_last = job.status.has_ended();
    let name = if is_last { job.status.label() } else { "progress" };
    ServerSentEvent::new(message.id, name, &job, is_last)
}
