//! `GET /api/jobs/{id}/events`: a job as server-sent events.
//!
//! Each client has a stream of its own from the coordinator. A task reads it and never waits long for
//! the client: a client that doesn't read is disconnected after a few seconds, and misses nothing
//! when it comes back with its `Last-Event-ID`.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use carlo_rest::Label;
use carlo_service::CancellationToken;
use carlo_wire::v1;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use crate::caller::Caller;
use crate::concurrency::Permit;
use crate::problem::Failure;
use crate::routes::App;
use crate::{convert, path_ids};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Time between two comments that keep an idle connection open.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// Events that wait for a client to read them.
const WAITING_EVENTS_MAX: usize = 16;
/// How long a client may leave waiting events unread.
const UNREAD_MAX: Duration = Duration::from_secs(5);

#[utoipa::path(
    get,
    path = "/api/jobs/{id}/events",
    operation_id = "watchJob",
    tag = "jobs",
    summary = "A job as server-sent events, until it has ended",
    params(
        ("id" = String, Path, description = "A job's id, `job_…`"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that the client has seen"),
    ),
    responses(
        (status = 200, description = "`progress` events with the job without results, then one of `complete`, `failed`, `cancelled` with all of it", body = String, content_type = "text/event-stream"),
    ),
)]
pub(crate) async fn events(
    State(app): State<App>,
    caller: Caller,
    path_ids::Job(id): path_ids::Job,
    Extension(permit): Extension<Permit>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let message = v1::WatchJobRequest { id: id.to_string(), last_event_id: last_event_id(&headers)? };
    let messages = app.coordinator.stream(&caller).watch_job(message).await?;
    let (events, waiting_events) = mpsc::channel(WAITING_EVENTS_MAX);
    tokio::spawn(async move {
        let _permit = permit;
        forward(messages, &events, &app.shutdown).await;
    });
    let keep_alive = KeepAlive::new().interval(COMMENT_EVERY).text("still here");
    Ok(Sse::new(ReceiverStream::new(waiting_events)).keep_alive(keep_alive).into_response())
}

/// The last event that the client has seen.
fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let Some(id) = headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty()) else { return Ok(None) };
    let number = id.to_str().ok().and_then(|id| id.trim().parse().ok());
    let refuse =
        || Failure::new(StatusCode::BAD_REQUEST, "Last-Event-ID must be the id of an event, a whole number");
    number.map(Some).ok_or_else(refuse)
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
            // The client comes back and asks for what it has missed.
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

/// Converts an event. The flag says whether it is the last.
fn event(message: v1::JobEvent) -> Result<(Event, bool), Failure> {
    let job =
        message.job.ok_or_else(|| Failure::internal("the coordinator sent an event without its job"))?;
    let job = convert::job::job(job)?;
    let is_last = job.status.has_ended();
    let name = if is_last { job.status.label() } else { "progress" };
    let event = Event::default().id(message.id.to_string()).event(name);
    let event = event.json_data(&job).map_err(|error| Failure::internal(error.to_string()))?;
    Ok((event, is_last))
}
