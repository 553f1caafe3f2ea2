//! `/metrics`: requests by route and status, and their durations. crates/service/README.md lists
//! the metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;
use carlo_service::metrics;
use carlo_service::tls::Identity;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::readiness::Readiness;

/// Upper bounds of the histogram's buckets, seconds: from a fast read to the longest long poll.
const BUCKETS: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
/// The route label of unknown paths. Paths themselves are not labels, because clients could make up
/// any number of them.
const UNKNOWN_ROUTE: &str = "none";

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    all: metrics::Metrics,
    answers: Family<RequestLabels, Counter>,
    durations: Family<Route, Histogram>,
    open: Gauge<i64, AtomicI64>,
    /// Open event streams.
    event_streams: Gauge,
    ready: Gauge,
    clock_skew: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

impl Metrics {
    /// Metrics without values. Watches the gateway's certificate, if there is one.
    pub(crate) fn new(identity: Option<&Identity>) -> Self {
        let all = metrics::Metrics::new("gateway");
        let answers = Family::default();
        let durations = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let (open, event_streams, ready) = (Gauge::default(), Gauge::default(), Gauge::default());
        let clock_skew = Gauge::<f64, AtomicU64>::default();
        all.register(|to| {
            to.register("carlo_http_requests", "Requests with a response", answers.clone());
            let help = "Time from a request's head to its response's head";
            to.register("carlo_http_request_duration_seconds", help, durations.clone());
            let help = "Requests that are in progress";
            to.register("carlo_http_requests_in_progress", help, open.clone());
            let help = "Open streams of events";
            to.register("carlo_event_streams_open", help, event_streams.clone());
            to.register("carlo_ready", "1 where /readyz answers 200", ready.clone());
            let help = "How far the leading coordinator's clock is ahead of this one";
            to.register("carlo_gateway_clock_skew_seconds", help, clock_skew.clone());
        });
        if let Some(identity) = identity {
            all.watch_certificate(identity);
        }
        Self { all, answers, durations, open, event_streams, ready, clock_skew }
    }

    pub(crate) fn route<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let all = self.all.clone();
        let show = async move |headers: HeaderMap| -> ([(HeaderName, &'static str); 1], String) {
            let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
            let (media_type, text) = all.scrape(accept).await;
            ([(CONTENT_TYPE, media_type)], text)
        };
        Router::new().route("/metrics", get(show))
    }

    /// Updates readiness before each scrape.
    pub(crate) fn watch_readiness(&self, readiness: Arc<Readiness>) {
        let (ready, clock_skew) = (self.ready.clone(), self.clock_skew.clone());
        self.all.on_scrape(move || {
            let (ready, clock_skew, readiness) = (ready.clone(), clock_skew.clone(), Arc::clone(&readiness));
            async move {
                ready.set(i64::from(readiness.check().await.is_ok()));
                clock_skew.set(readiness.clock_skew_seconds());
            }
        });
    }

    /// Counts an event stream as long as the returned value lives.
    pub(crate) fn event_stream(&self) -> EventStream {
        self.event_streams.inc();
        EventStream(self.event_streams.clone())
    }
}

/// An open event stream.
#[derive(Debug)]
pub(crate) struct EventStream(Gauge);

impl Drop for EventStream {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The layer that measures every request.
pub(crate) async fn measure(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let path = request.extensions().get::<MatchedPath>().map_or(UNKNOWN_ROUTE, MatchedPath::as_str);
    let route = path.to_owned();
    // Clients may send any method, so only the usual ones are labels.
    let method = request.method().as_str();
    let is_usual = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"].contains(&method);
    let method = if is_usual { method } else { "other" }.to_owned();
    metrics.open.inc();
    let open = OpenRequest(&metrics.open);
    let response = next.run(request).await;
    drop(open);
    let route = Route { route };
    metrics.durations.get_or_create(&route).observe(began.elapsed().as_secs_f64());
    let labels = RequestLabels { method, route: route.route, status: response.status().as_u16() };
    metrics.answers.get_or_create(&labels).inc();
    response
}

/// Counts a request as open until it is dropped, which also happens when the client disconnects.
struct OpenRequest<'a>(&'a Gauge<i64, AtomicI64>);

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
