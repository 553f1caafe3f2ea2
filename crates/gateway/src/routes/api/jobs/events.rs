//! `GET /api/jobs/{id}/events`: a job as server-sent events.
//!
//! Each client has a stream of its own from the coordinator. A client that doesn't read is
//! disconnected after a few seconds. If it reconnects with its `Last-Event-ID`, it misses nothing.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use carlo_rest::{Job, Label};
use carlo_service::CancellationToken;
use carlo_wire::v1;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use crate::caller::Caller;
use crate::concurrency::Permit;
use crate::openapi::shared::LastEventId;
use crate::problem::Failure;
use crate::routes::App;
use crate::{convert, line_json, path_ids};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Event ids are below this.
const EVENT_ID_MAX: u64 = 1 << 53;
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// How long a client waits before it reconnects.
const RETRY: Duration = Duration::from_secs(3);
/// Time between two comments that keep an idle connection open.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// Events that are buffered for a slow client.
const WAITING_EVENTS_MAX: usize = 16;
/// How long a client may leave buffered events unread.
const UNREAD_MAX: Duration = Duration::from_secs(5);

#[utoipa::path(
    get,
    path = "/api/jobs/{id}/events",
    operation_id = "watchJob",
    tag = "jobs",
    summary = "A job as server-sent events, until it has ended",
    description = "Each event carries an id. Who comes back with the last one in Last-Event-ID misses nothing; who has seen the end gets 204. A comment every 15 s keeps the line open.",
    params(
        ("id" = String, Path, description = "A job's id, `job_…`"),
        LastEventId,
    ),
    responses(
        (status = 204, description = "The client has seen the last event: there is nothing to reconnect for"),
        (status = 200, description = "`progress` events with the job without results, then one of `complete`, `failed`, `cancelled` with all of it", body = Job, content_type = "text/event-stream"),
    ),
)]
pub(crate) async fn events(
    State(app): State<App>,
    caller: Caller,
    path_ids::Job(id): path_ids::Job,
    Extension(permit): Extension<Permit>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let message = v1::WatchJobRequest { id: id.to_string(), last_event_id: last_event_id(&headers) };
    let Some(messages) = app.coordinator.stream(&caller).watch_job(message).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let (events, waiting_events) = mpsc::channel(WAITING_EVENTS_MAX);
    tokio::spawn(async move {
        let (_permit, _open) = (permit, app.metrics.event_stream());
        forward(messages, &events, &app.shutdown).await;
    });
    let keep_alive = KeepAlive::new().interval(COMMENT_EVERY).text("still here");
    let first = tokio_stream::once(Ok(Event::default().retry(RETRY)));
    let events = Sse::new(first.chain(ReceiverStream::new(waiting_events))).keep_alive(keep_alive);
    // Proxies like nginx would collect events before they pass them on.
    Ok(([(X_ACCEL_BUFFERING, "no")], events).into_response())
}

/// The last event that the client has received. An invalid id is ignored, so that the client gets
/// the current state.
fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    let id = headers.get(LAST_EVENT_ID)?.to_str().ok()?;
    id.trim().parse().ok().filter(|id| *id < EVENT_ID_MAX)
}

/// Forwards the coordinator's messages until the job has ended, either side leaves or the gateway
/// shuts down.
async fn forward(
    mut messages: tonic::Streaming<v1::JobEvent>,
    events: &mpsc::Sender<Result<Event, Infallible>>,
    shutdown: &CancellationToken,
) {
    loop {
        let message = tokio::select! {
            message = messages.message() => message,
            () = events.closed() => return,
            () = shutdown.cancelled() => return,
        };
        let (event, is_last) = match message.map(|message| message.map(event)) {
            Ok(Some(Ok(event))) => event,
            Ok(None) => return,
            Ok(Some(Err(failure))) => {
                tracing::error!(?failure, "failed to forward an event");
                return;
            }
            // The client reconnects and gets the events that it has missed.
            Err(status) => {
                tracing::debug!(%status, "a stream of events broke");
                return;
            }
        };
        if !matches!(timeout(UNREAD_MAX, events.send(Ok(event))).await, Ok(Ok(()))) || is_last {
            return;
        }
    }
}

/// Converts an event. The flag says whether it is the last one.
fn event(message: v1::JobEvent) -> Result<(Event, bool), Failure> {
    let job =
        message.job.ok_or_else(|| Failure::internal("the coordinator sent an event without its job"))?;
    let job = convert::job::job(job)?;
    let is_last = job.status.has_ended();
    let name = if is_last { job.status.label() } else { "progress" };
    let event = Event::default().id(message.id.to_string()).event(name);
    let data = line_json::to_string(&job).map_err(|error| Failure::internal(error.to_string()))?;
    Ok((event.data(data), is_last))
}
