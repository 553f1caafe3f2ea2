//! Exports spans with OpenTelemetry's protocol (OTLP over gRPC). OpenTelemetry's own variables
//! configure it: `OTEL_EXPORTER_OTLP_*`, `OTEL_BSP_*`, `OTEL_SERVICE_NAME`,
//! `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`.
//!
//! Ended spans wait in a bounded queue for a thread that sends them. If the queue is full or the
//! collector doesn't take them, they are lost, and nothing else happens.

use std::error::Error;
use std::num::{NonZeroU64, NonZeroU128};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter,
};
use tokio::runtime::Handle;

use super::{Kind, TraceContext};
use crate::log_throttle::LogThrottle;

/// How long the last spans may take.
const STOP_MAX: Duration = Duration::from_secs(1);

static EXPORT: OnceLock<Export> = OnceLock::new();
static ENDED: AtomicU64 = AtomicU64::new(0);
static EXPORTED: AtomicU64 = AtomicU64::new(0);

/// Spans that have ended and spans that a collector has taken, since the process started. `None`
/// if spans are not exported.
pub(super) fn counts() -> Option<(u64, u64)> {
    EXPORT.get().map(|_| (ENDED.load(Ordering::Relaxed), EXPORTED.load(Ordering::Relaxed)))
}

#[derive(Debug)]
struct Export {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// Starts the export from this process. Later calls change nothing.
pub(super) fn start(daemon: &'static str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build()?;
    let exporter =
        Watched { exporter: Arc::new(exporter), runtime: Handle::try_current()?, throttle: Mutex::default() };
    let is_named = std::env::var("OTEL_SERVICE_NAME").is_ok_and(|name| !name.is_empty())
        || std::env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|all| all.contains("service.name="));
    let mut resource =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if !is_named {
        resource = resource.with_service_name(format!("carlo-{daemon}"));
    }
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.build())
        .with_span_processor(BatchSpanProcessor::builder(exporter).build())
        .build();
    let tracer = provider.tracer("carlo");
    // Only the first call exports.
    let _ = EXPORT.set(Export { provider, tracer });
    Ok(())
}

/// Exports the last spans, within [`STOP_MAX`].
pub(super) async fn stop() {
    let Some(Export { provider, .. }) = EXPORT.get() else { return };
    let stopping = tokio::task::spawn_blocking(|| provider.shutdown_with_timeout(STOP_MAX));
    let is_done = matches!(tokio::time::timeout(STOP_MAX, stopping).await, Ok(Ok(Ok(()))));
    if !is_done {
        tracing::debug!("the last spans could not be exported in time");
    }
}

/// A span that is exported when it is dropped.
#[derive(Debug)]
pub(super) struct Recording(Span);

impl Recording {
    /// Begins a span. The first value is absent if the trace was not chosen to be recorded. `None`
    /// if spans are not exported.
    pub(super) fn begin(
        name: &str,
        kind: Kind,
        parent: Option<TraceContext>,
    ) -> Option<(Option<Self>, TraceContext)> {
        let Export { tracer, .. } = EXPORT.get()?;
        let parent = parent.map_or_else(Context::new, |TraceContext { trace, span, flags }| {
            Context::new().with_remote_span_context(SpanContext::new(
                TraceId::from_bytes(trace.get().to_be_bytes()),
                SpanId::from_bytes(span.get().to_be_bytes()),
                TraceFlags::new(flags),
                true,
                TraceState::NONE,
            ))
        });
        let kind = match kind {
            Kind::Server => SpanKind::Server,
            Kind::Producer => SpanKind::Producer,
            Kind::Consumer => SpanKind::Consumer,
        };
        let span = tracer.span_builder(name.to_owned()).with_kind(kind).start_with_context(tracer, &parent);
        let context = span.span_context();
        let context = TraceContext {
            trace: NonZeroU128::new(u128::from_be_bytes(context.trace_id().to_bytes()))?,
            span: NonZeroU64::new(u64::from_be_bytes(context.span_id().to_bytes()))?,
            flags: context.trace_flags().to_u8(),
        };
        Some((span.is_recording().then_some(Self(span)), context))
    }

    pub(super) fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.set_attribute(KeyValue::new(name, value));
    }

    pub(super) fn fail(&mut self, message: String) {
        self.0.set_status(Status::error(message));
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        ENDED.fetch_add(1, Ordering::Relaxed);
        self.0.end();
    }
}

/// An exporter that counts what is taken and logs failures, once a minute. It works on the
/// daemon's runtime, because the thread that calls it has none.
#[derive(Debug)]
struct Watched<E> {
    exporter: Arc<E>,
    runtime: Handle,
    throttle: Mutex<LogThrottle>,
}

impl<E: SpanExporter + 'static> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let exporter = Arc::clone(&self.exporter);
        let task = self.runtime.spawn(async move { exporter.export(batch).await });
        let ended = |error: tokio::task::JoinError| OTelSdkError::InternalFailure(error.to_string());
        let outcome = task.await.map_err(ended).flatten();
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        match &outcome {
            Ok(()) => {
                EXPORTED.fetch_add(count, Ordering::Relaxed);
                throttle.reset();
            }
            Err(error) => {
                let error = error.to_string();
                if throttle.admits(&error) {
                    tracing::warn!(error, spans = count, "the collector did not take spans");
                }
            }
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}
