//! Which path leads where, and what every request passes through, from the outside in: compression, problems and request ids, panics,
//! the limits of requests at the same time; and on calls of the contract, who calls.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};
use carlo_service::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::calls::Calls;
use crate::places::{self, Places};
use crate::problem::{self, Failure};
use crate::{Config, accounts, batches, caller, cluster, events, jobs, plans, query, simulate, simulations};

/// What handlers share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) calls: Arc<Calls>,
    pub(crate) body_timeout: Duration,
    /// Ends what would not end by itself.
    pub(crate) ending: CancellationToken,
}

/// Everything that a gateway answers, until `ending`.
pub(crate) fn router(config: &Config, calls: Calls, ending: CancellationToken) -> Router {
    let app = App { calls: Arc::new(calls), body_timeout: config.body_timeout, ending };
    let routes = Router::new().merge(contract(&app)).route("/readyz", get(cluster::ready)).with_state(app);
    within_limits(routes, Places::new(config.requests_max, config.streams_max))
}

/// The calls of the contract.
fn contract(app: &App) -> Router<App> {
    let with_parameters = Router::new()
        .route("/api/jobs", get(jobs::list))
        .route("/simulations", get(simulations::list))
        .route("/simulations/batch", get(batches::list))
        .route("/simulations/batch/usage/history", get(accounts::history));
    Router::new()
        .route("/api/jobs", post(jobs::submit))
        .route("/api/jobs/{id}", get(jobs::get).delete(jobs::cancel))
        .route("/api/jobs/{id}/events", get(events::events))
        .route("/api/simulate", post(simulate::simulate))
        .route("/api/sensitivity", post(simulate::sensitivity))
        .route("/api/compare", post(plans::compare))
        .route("/api/solve", post(plans::solve))
        .route("/api/cluster/status", get(cluster::status))
        .route("/api/cluster/nodes/{id}/drain", post(cluster::drain))
        .route("/api/cluster/nodes/{id}/undrain", post(cluster::undrain))
        .route("/api/admin/keys", post(accounts::create_key).get(accounts::keys))
        .route("/api/admin/keys/{id}", delete(accounts::revoke_key))
        .route("/simulations", post(simulations::submit))
        .route("/simulations/{job_id}", get(simulations::get))
        .route("/simulations/{job_id}/result", get(simulations::result))
        .route("/simulations/{job_id}/cancel", post(simulations::cancel))
        .route("/simulations/batch", post(batches::create))
        .route("/simulations/batch/stats", get(batches::stats))
        .route("/simulations/batch/usage", get(accounts::usage))
        .route("/simulations/batch/{batch_id}", get(batches::get))
        .route("/simulations/batch/{batch_id}/jobs", get(batches::jobs))
        .route("/simulations/batch/{batch_id}/results", get(batches::results))
        .route("/simulations/batch/{batch_id}/cancel", post(batches::cancel))
        .route_layer(from_fn(query::none))
        .merge(with_parameters)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(app.clone(), caller::account))
}

/// Puts `routes` behind what every request passes through.
fn within_limits(routes: Router, places: Places) -> Router {
    routes
        .layer(from_fn_with_state(places, places::take))
        // Outside of the limit: a gateway that has much to do lives.
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(from_fn(problem::render))
        .layer(CompressionLayer::new())
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
