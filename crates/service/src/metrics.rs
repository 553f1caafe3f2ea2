//! A daemon's metrics, in Prometheus' formats.
//!
//! README.md lists them all. Each daemon measures its own metrics. Here are those that all daemons
//! have, and the encoding.

mod process;
mod text;

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::tls::{ClientIdentity, Identity};
use crate::{stderr, trace};

/// The media types of `OpenMetrics` and of Prometheus' own format.
const OPEN_METRICS: &str = "application/openmetrics-text";
const OPEN_METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Upper bounds of buckets for durations in seconds, from a tenth of a millisecond to longer than
/// any call.
pub const SECONDS_BUCKETS: [f64; 14] =
    [0.0001, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// The same for durations of jobs, from a hundredth of a second to a day.
pub const LONG_SECONDS_BUCKETS: [f64; 12] =
    [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0];

type Refresh = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A daemon's metrics. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Shared>);

struct Shared {
    registry: Mutex<Registry>,
    refresh: Mutex<Vec<Arc<Refresh>>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// The metrics that every daemon has. `daemon` is its name: `coordinator`, `gateway`, `worker`.
    pub fn new(daemon: &'static str) -> Self {
        let mut registry = Registry::default();
        let build = Info::new([("daemon", daemon), ("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("carlo_build", "Which program this is", build);
        registry.register_collector(Box::new(Daemon));
        registry.register_collector(Box::new(process::Process));
        Self(Arc::new(Shared { registry: Mutex::new(registry), refresh: Mutex::default() }))
    }

    /// Adds a daemon's own metrics.
    pub fn register(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.registry());
    }

    /// Adds the expiry of the daemon's certificate.
    pub fn watch_certificate(&self, identity: &Identity) {
        self.registry().register_collector(Box::new(Certificate(identity.clone())));
    }

    /// Adds the expiry of the certificate that the daemon presents to servers.
    pub fn watch_client_certificate(&self, identity: &ClientIdentity) {
        self.registry().register_collector(Box::new(ClientCertificate(identity.clone())));
    }

    /// Calls `refresh` before each scrape to update values.
    pub fn on_scrape<F>(&self, refresh: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let refresh: Refresh = Box::new(move || Box::pin(refresh()));
        self.0.refresh.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(refresh));
    }

    /// The metrics and their media type: `OpenMetrics` if the `Accept` header asks for it,
    /// otherwise the text format 0.0.4.
    pub async fn scrape(&self, accept: Option<&str>) -> (&'static str, String) {
        let all = self.0.refresh.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for refresh in all {
            refresh().await;
        }
        let mut text = String::new();
        // Writing to a `String` can't fail.
        let _ = encode(&mut text, &self.registry());
        if accept.is_some_and(|accept| accept.contains(OPEN_METRICS)) {
            (OPEN_METRICS_TYPE, text)
        } else {
            (PROMETHEUS_TYPE, text::without_open_metrics(&text))
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a gauge that is measured during the scrape.
pub fn write_gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: f64,
) -> Result<(), std::fmt::Error> {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

/// Writes a counter that is measured during the scrape. `name` is without `_total`.
pub fn write_counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: f64,
) -> Result<(), std::fmt::Error> {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

/// Metrics of the log and of the runtime.
#[derive(Debug)]
struct Daemon;

impl Collector for Daemon {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let encoder = &mut encoder;
        let dropped = stderr::dropped_lines() as f64;
        write_counter(encoder, "carlo_log_lines_dropped", "Log lines that stderr did not accept", dropped)?;
        if let Some((ended, exported)) = trace::counts() {
            let help = "Spans of traces that have ended";
            write_counter(encoder, "carlo_trace_spans_ended", help, ended as f64)?;
            let help = "Spans that the collector has taken; the others wait, or are lost";
            write_counter(encoder, "carlo_trace_spans_exported", help, exported as f64)?;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return Ok(()) };
        let runtime = runtime.metrics();
        let (workers, tasks) = (runtime.num_workers() as f64, runtime.num_alive_tasks() as f64);
        write_gauge(encoder, "carlo_tokio_workers", "Threads of the runtime", workers)?;
        write_gauge(encoder, "carlo_tokio_alive_tasks", "Tasks of the runtime", tasks)?;
        let queued = runtime.global_queue_depth() as f64;
        write_gauge(encoder, "carlo_tokio_global_queue_depth", "Tasks that wait for a thread", queued)
    }
}

#[derive(Debug)]
struct Certificate(Identity);

impl Collector for Certificate {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(expires) = self.0.expires() else { return Ok(()) };
        let name = "carlo_tls_certificate_expiry_timestamp_seconds";
        write_gauge(&mut encoder, name, "When the daemon's own certificate expires", unix_seconds(expires))
    }
}

#[derive(Debug)]
struct ClientCertificate(ClientIdentity);

impl Collector for ClientCertificate {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(expires) = self.0.expires() else { return Ok(()) };
        let name = "carlo_tls_client_certificate_expiry_timestamp_seconds";
        let help = "When the certificate expires that the daemon presents to servers";
        write_gauge(&mut encoder, name, help, unix_seconds(expires))
    }
}

fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
