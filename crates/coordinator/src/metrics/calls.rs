//! Measures all gRPC calls: their number by method and code, the duration of unary calls, and the
//! number of open calls. Each call also has a span in its trace and a line in the log.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use carlo_service::trace::{Kind, Span};
use http_body::{Body, Frame, SizeHint};
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::{CallLabels, Instruments, Method};
use crate::origin::{CallOrigin, Origin};

/// The streaming methods. Their duration says nothing about the coordinator.
const STREAMS: [&str; 3] = ["Watch", "Work", "Results"];
const WATCH: &str = "/Watch";
/// The methods that change nothing begin with one of these words. All others are logged at info.
const READS: [&str; 17] = [
    "Check",
    "Count",
    "Events",
    "Explain",
    "Export",
    "Get",
    "History",
    "Jobs",
    "List",
    "Ready",
    "Replay",
    "Results",
    "Revalidate",
    "Samples",
    "Stats",
    "Status",
    "Watch",
];
/// The label for all other paths, because callers can make up any number of them.
const OTHER: &str = "other";

#[derive(Debug, Clone)]
pub(crate) struct Measure(pub(crate) Arc<Instruments>);

impl<S> Layer<S> for Measure {
    type Service = Measured<S>;

    fn layer(&self, inner: S) -> Measured<S> {
        Measured { inner, instruments: Arc::clone(&self.0) }
    }
}

/// A service whose calls are measured.
#[derive(Debug, Clone)]
pub(crate) struct Measured<S> {
    inner: S,
    instruments: Arc<Instruments>,
}

impl<S, Q> Service<Request<Q>> for Measured<S>
where
    S: Service<Request<Q>, Response = Response<tonic::body::Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<tonic::body::Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let mut origin = Origin::of(request.headers());
        let path = request.uri().path();
        let span = Span::begin(path.trim_start_matches('/'), Kind::Server, origin.trace);
        origin.trace = span.context();
        // Of the highest level, so that a warning names its request whatever is logged.
        let log_span =
            tracing::error_span!("call", request_id = &*origin.request_id, trace_id = origin.trace_id());
        let origin = CallOrigin::new(origin);
        let mut call =
            MeasuredCall::new(Arc::clone(&self.instruments), path, origin.clone(), span, log_span.clone());
        request.extensions_mut().insert(origin);
        let response = log_span.in_scope(|| self.inner.call(request)).instrument(log_span);
        Box::pin(async move {
            let response = response.await?;
            // A response without a body has its status in the headers.
            call.note(response.headers());
            Ok(response.map(|body| tonic::body::Body::new(MeasuredBody { body, call })))
        })
    }
}

/// A call in progress. Its end is counted, also if it is dropped.
struct MeasuredCall {
    instruments: Arc<Instruments>,
    /// Like `Jobs/Submit`.
    method: String,
    began: Instant,
    /// The status, once it is known. A caller that goes away leaves none.
    code: Code,
    origin: CallOrigin,
    span: Span,
    log_span: tracing::Span,
}

impl MeasuredCall {
    fn new(
        instruments: Arc<Instruments>,
        path: &str,
        origin: CallOrigin,
        mut span: Span,
        log_span: tracing::Span,
    ) -> Self {
        span.set("rpc.system", "grpc");
        let method = path.strip_prefix("/carlo.v1.").unwrap_or(OTHER).to_owned();
        instruments.in_progress.inc();
        if method.ends_with(WATCH) {
            instruments.event_streams.inc();
        }
        Self { instruments, method, began: Instant::now(), code: Code::Cancelled, origin, span, log_span }
    }

    /// Writes the line about the call, and completes its span.
    fn log(&mut self) {
        let code = name(self.code);
        self.span.set("rpc.response.status_code", code);
        self.span.set("carlo.request_id", &self.origin.origin.request_id);
        if !matches!(self.code, Code::Ok | Code::Cancelled) {
            self.span.fail(code);
        }
        let key = self.origin.key.get().copied().flatten().map(tracing::field::display);
        let duration_ms = self.began.elapsed().as_secs_f64() * 1e3;
        let method = &*self.method;
        self.log_span.in_scope(|| {
            if is_read(method) {
                tracing::debug!(method, code, duration_ms, key, "answered");
            } else {
                tracing::info!(method, code, duration_ms, key, "answered");
            }
        });
    }

    fn note(&mut self, headers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(headers) {
            self.code = status.code();
        }
    }
}

impl Drop for MeasuredCall {
    fn drop(&mut self) {
        self.log();
        let instruments = &self.instruments;
        instruments.in_progress.dec();
        if self.method.ends_with(WATCH) {
            instruments.event_streams.dec();
        }
        let mut method = std::mem::take(&mut self.method);
        if self.code == Code::Unimplemented {
            OTHER.clone_into(&mut method);
        }
        let is_stream = method == OTHER || STREAMS.iter().any(|stream| method.ends_with(stream));
        if !is_stream {
            let seconds = self.began.elapsed().as_secs_f64();
            instruments.request_seconds.get_or_create(&Method { method: method.clone() }).observe(seconds);
        }
        instruments.requests.get_or_create(&CallLabels { method, code: name(self.code) }).inc();
    }
}

/// Whether a method, like `Jobs/Submit`, changes nothing. A worker's stream has lines of its own.
fn is_read(method: &str) -> bool {
    let (service, method) = method.split_once('/').unwrap_or(("", method));
    let is_ours = ["Accounts", "Batches", "Cluster", "Jobs", "Webhooks"].contains(&service);
    !is_ours || READS.iter().any(|word| method.starts_with(word))
}

/// A body whose trailers contain the call's status.
struct MeasuredBody {
    body: tonic::body::Body,
    call: MeasuredCall,
}

impl Body for MeasuredBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.call.note(trailers);
                }
            }
            Poll::Ready(Some(Err(status))) => self.call.code = status.code(),
            _ => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The code's name in the gRPC specification.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_change_something_are_told_from_those_that_read() {
        for change in [
            "Jobs/Submit",
            "Jobs/Simulate",
            "Jobs/Cancel",
            "Batches/Create",
            "Batches/Cancel",
            "Accounts/CreateKey",
            "Accounts/RevokeKey",
            "Accounts/SetTiers",
            "Cluster/Drain",
            "Cluster/Undrain",
            "Webhooks/SetDefault",
            "Webhooks/Redeliver",
            "Cluster/LiftQuarantine",
        ] {
            assert!(!is_read(change), "{change}");
        }
        for read in [
            "Jobs/Get",
            "Jobs/Watch",
            "Batches/Stats",
            "Batches/Jobs",
            "Accounts/ListKeys",
            "Accounts/CheckKey",
            "Cluster/Status",
            "Cluster/Ready",
            "Cluster/ExportLedger",
            "Webhooks/ListDeliveries",
            "Webhooks/GetDefault",
            "Workers/Work",
            "other",
        ] {
            assert!(is_read(read), "{read}");
        }
    }
}
