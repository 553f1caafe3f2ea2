//! Which path leads where, and what every request passes through, from the outside in: compression, problems and request ids, panics,
//! the limit of requests at the same time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::calls::Calls;
use crate::problem::{self, Failure};
use crate::{Config, cluster, jobs};

/// What handlers share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) calls: Arc<Calls>,
    pub(crate) body_timeout: Duration,
}

/// Everything that a gateway answers.
pub(crate) fn router(config: &Config, calls: Calls) -> Router {
    let app = App { calls: Arc::new(calls), body_timeout: config.body_timeout };
    let routes = Router::new()
        .route("/api/jobs", post(jobs::submit).get(jobs::list))
        .route("/api/jobs/{id}", get(jobs::get).delete(jobs::cancel))
        .route("/api/cluster/status", get(cluster::status))
        .route("/api/cluster/nodes/{id}/drain", post(cluster::drain))
        .route("/api/cluster/nodes/{id}/undrain", post(cluster::undrain))
        .route("/readyz", get(cluster::ready))
        .with_state(app);
    within_limits(routes, config.requests_max)
}

/// Puts `routes` behind what every request passes through.
fn within_limits(routes: Router, requests_max: usize) -> Router {
    let places = Arc::new(Semaphore::new(requests_max));
    routes
        .layer(from_fn_with_state(places, take_place))
        // Outside of the limit: a gateway that has much to do lives.
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(from_fn(problem::render))
        .layer(CompressionLayer::new())
}

async fn take_place(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(_place) = places.try_acquire() else {
        let detail = "the gateway is handling as many requests as it can";
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    };
    next.run(request).await
}

async fn no_route(uri: Uri) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

/// `Allow` is added by the router.
async fn no_method(method: Method, uri: Uri) -> Failure {
    let detail = format!("{} can't be asked for with the method {method}", uri.path());
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

#[cfg(test)]
mod tests;
