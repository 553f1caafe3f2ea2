//! Server-sent events, of jobs and of batches.
//!
//! Each client has a stream of its own from the coordinator. A client that doesn't read is
//! disconnected after a few seconds. If it reconnects with its `Last-Event-ID`, it misses nothing.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use carlo_service::CancellationToken;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::api_call::ApiCall;
use crate::app::App;
use crate::concurrency::Permit;
use crate::coordinator::Rpcs;
use crate::line_json;
use crate::problem::Failure;

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

/// An event in the format that clients get.
pub(crate) struct ServerSentEvent {
    event: Event,
    is_last: bool,
}

impl ServerSentEvent {
    /// An event with its id, its name and its data.
    pub(crate) fn new(id: u64, name: &str, data: &impl Serialize, is_last: bool) -> Result<Self, Failure> {
        let data = line_json::to_string(data).map_err(|error| Failure::internal(error.to_string()))?;
        Ok(Self { event: Event::default().id(id.to_string()).event(name).data(data), is_last })
    }
}

/// A client that follows something.
pub(crate) struct Follower {
    call: ApiCall,
    /// The stream counts as a concurrent one until it ends.
    permit: Permit,
    /// The last event that the client has received. An invalid id is ignored, so that the client
    /// gets the current state.
    pub(crate) last_event_id: Option<u64>,
}

impl Follower {
    pub(crate) fn rpcs(&self) -> Rpcs<'_> {
        self.call.streaming()
    }

    /// The response with the coordinator's events, which `read` converts. `None` means that the
    /// client has received the last event.
    pub(crate) fn respond<M: Send + 'static>(
        self,
        messages: Option<Streaming<M>>,
        read: fn(M) -> Result<ServerSentEvent, Failure>,
    ) -> Response {
        let Some(messages) = messages else { return StatusCode::NO_CONTENT.into_response() };
        let (events, waiting_events) = mpsc::channel(WAITING_EVENTS_MAX);
        let Self { call: ApiCall { app, .. }, permit, .. } = self;
        tokio::spawn(async move {
            let (_permit, _open) = (permit, app.metrics.event_stream());
            forward(messages, read, &events, &app.shutdown).await;
        });
        let keep_alive = KeepAlive::new().interval(COMMENT_EVERY).text("still here");
        let first = tokio_stream::once(Ok(Event::default().retry(RETRY)));
        let events = Sse::new(first.chain(ReceiverStream::new(waiting_events))).keep_alive(keep_alive);
        // Proxies like nginx would collect events before they pass them on.
        ([(X_ACCEL_BUFFERING, "no")], events).into_response()
    }
}

impl FromRequestParts<App> for Follower {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let call = ApiCall::from_request_parts(parts, app).await?;
        let permit = parts.extensions.get().cloned();
        let missing = || Failure::internal("a stream asks for its permit, but no layer has set it");
        Ok(Self { call, permit: permit.ok_or_else(missing)?, last_event_id: last_event_id(&parts.headers) })
    }
}

fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    let id = headers.get(LAST_EVENT_ID)?.to_str().ok()?;
    id.trim().parse().ok().filter(|id| *id < EVENT_ID_MAX)
}

/// Forwards the coordinator's messages until the last event, either side leaves or the gateway
/// shuts down.
async fn forward<M>(
    mut messages: Streaming<M>,
    read: fn(M) -> Result<ServerSentEvent, Failure>,
    events: &mpsc::Sender<Result<Event, Infallible>>,
    shutdown: &CancellationToken,
) {
    loop {
        let message = tokio::select! {
            message = messages.message() => message,
            () = events.closed() => return,
            () = shutdown.cancelled() => return,
        };
        let ServerSentEvent { event, is_last } = match message.map(|message| message.map(read)) {
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
