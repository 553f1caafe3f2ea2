//! `/metrics`: what was asked for, how it was answered and how long that took, in the text format of Prometheus.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::problem::Failure;

/// Upper bounds of the histogram's buckets, seconds: from a tenth of a target to longer than any call.
const BUCKETS: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
/// The route of what leads nowhere: paths are not labels, or anybody could make as many as they like.
const NOWHERE: &str = "none";

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    answers: Family<Answered, Counter>,
    durations: Family<Route, Histogram>,
    open: Gauge<i64, AtomicI64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

impl Metrics {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("carlo_gateway");
        let answers = Family::default();
        let durations = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let open = Gauge::default();
        registry.register("answers", "Requests that were answered", answers.clone());
        let words = "Time from a request's head to its answer's head";
        registry.register_with_unit("answer_time", words, Unit::Seconds, durations.clone());
        registry.register("open_requests", "Requests that are being handled", open.clone());
        Self { registry: Arc::new(registry), answers, durations, open }
    }

    /// The route that shows them.
    pub(crate) fn route<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let registry = Arc::clone(&self.registry);
        Router::new().route("/metrics", get(async move || show(&registry)))
    }
}

fn show(registry: &Registry) -> Response {
    const TYPE: HeaderValue =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    let mut text = String::new();
    match encode(&mut text, registry) {
        Ok(()) => ([(CONTENT_TYPE, TYPE)], text).into_response(),
        Err(error) => Failure::internal(error.to_string()).into_response(),
    }
}

/// Measures a request.
pub(crate) async fn measure(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let path = request.extensions().get::<MatchedPath>().map_or(NOWHERE, MatchedPath::as_str);
    let route = path.to_owned();
    // Any token is a method; only the usual ones are labels.
    let method = request.method().as_str();
    let usual = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"].contains(&method);
    let method = if usual { method } else { "other" }.to_owned();
    metrics.open.inc();
    let response = Open(&metrics.open).until(next.run(request)).await;
    let route = Route { route };
    metrics.durations.get_or_create(&route).observe(began.elapsed().as_secs_f64());
    let answered = Answered { method, route: route.route, status: response.status().as_u16() };
    metrics.answers.get_or_create(&answered).inc();
    response
}

/// A request that is open, also where its client leaves before the answer.
struct Open<'a>(&'a Gauge<i64, AtomicI64>);

impl Open<'_> {
    async fn until(self, answer: impl Future<Output = Response>) -> Response {
        answer.await
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
