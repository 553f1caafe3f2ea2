//! The identity of every request: its id, its place in a trace, and the key that it came with; and
//! the line about it in the log.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use carlo_service::trace::{Kind, Span, TRACEPARENT, TraceContext};
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tracing::Instrument as _;

/// The header, and the key in metadata, of a request's id.
const REQUEST_ID: &str = "x-request-id";
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static(REQUEST_ID);
/// The longest request id that is accepted from a client.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// The route of unknown paths, which clients could make up.
const UNKNOWN_ROUTE: &str = "none";

/// The identity of a request, in its extensions.
#[derive(Debug, Clone)]
pub(crate) struct RequestIdentity {
    pub(crate) id: HeaderValue,
    trace: TraceContext,
    /// The id of the key, once a coordinator has accepted it.
    key: Arc<OnceLock<Arc<str>>>,
}

impl RequestIdentity {
    /// The key that the request came with.
    pub(crate) fn record_key(&self, id: &Arc<str>) {
        // A request has one key.
        let _ = self.key.set(Arc::clone(id));
    }

    /// Adds it to the metadata of a call to a coordinator.
    pub(crate) fn add_to(&self, metadata: &mut MetadataMap) {
        let text = |text: &str| MetadataValue::<Ascii>::try_from(text).ok();
        if let Some(id) = self.id.to_str().ok().and_then(text) {
            metadata.insert(REQUEST_ID, id);
        }
        if let Some(trace) = text(&self.trace.to_string()) {
            metadata.insert(TRACEPARENT, trace);
        }
    }
}

/// The layer that gives each request its identity, and logs it: at info if it changes something.
pub(crate) async fn log(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or(UNKNOWN_ROUTE, MatchedPath::as_str);
    let route = route.to_owned();
    let method = request.method().clone();
    let parent = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut span = Span::begin(&format!("{method} {route}"), Kind::Server, parent);
    let trace = span.context().unwrap_or_else(TraceContext::random);
    let identity = RequestIdentity { id: request_id(request.headers()), trace, key: Arc::default() };
    let request_id = identity.id.to_str().unwrap_or_default().to_owned();
    // Of the highest level, so that a warning names its request whatever is logged.
    let log_span = tracing::error_span!("request", request_id, trace_id = trace.trace_id());
    request.extensions_mut().insert(identity.clone());
    let response = next.run(request).instrument(log_span.clone()).await;

    let status = response.status();
    span.set("http.request.method", &method);
    span.set("http.route", &route);
    span.set_number("http.response.status_code", status.as_u16().into());
    span.set("carlo.request_id", &request_id);
    if status.is_server_error() {
        span.fail(status);
    }
    let key = identity.key.get().map(|key| &**key).filter(|key| !key.is_empty());
    let (status, duration_ms) = (status.as_u16(), began.elapsed().as_secs_f64() * 1e3);
    log_span.in_scope(|| {
        if method.is_safe() {
            tracing::debug!(%method, route, status, duration_ms, key, "answered");
        } else {
            tracing::info!(%method, route, status, duration_ms, key, "answered");
        }
    });
    response
}

/// The client's own id, if it is safe to repeat in headers and logs; otherwise a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_valid = |id: &&HeaderValue| {
        (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    headers.get(X_REQUEST_ID).filter(is_valid).cloned().unwrap_or_else(|| {
        HeaderValue::try_from(uuid::Uuid::now_v7().simple().to_string()).expect("hexadecimal digits")
    })
}
