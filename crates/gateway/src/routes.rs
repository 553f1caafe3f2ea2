//! Which path leads where, and what every request passes through, from the outside in: compression, problems and request ids, panics,
//! the limits of requests at the same time; and on calls of the contract, who calls.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use carlo_service::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::calls::Calls;
use crate::confirm::Confirmations;
use crate::kept::Kept;
use crate::metrics::{self, Metrics};
use crate::places::{self, Places};
use crate::problem::{self, Failure};
use crate::{
    Config, accounts, batches, caller, cluster, cors, encoding, events, jobs, openapi, plans, query,
    simulate, simulations,
};

/// What handlers share; every layer of every request takes hold of it anew.
pub(crate) type App = Arc<Shared>;

/// The same itself.
pub(crate) struct Shared {
    pub(crate) calls: Arc<Calls>,
    pub(crate) confirmations: Arc<Confirmations>,
    pub(crate) kept: Kept,
    pub(crate) body_timeout: Duration,
    /// Ends what would not end by itself.
    pub(crate) ending: CancellationToken,
}

/// Everything that a gateway answers, until `ending`.
pub(crate) fn router(config: &Config, calls: Calls, ending: CancellationToken) -> Router {
    let calls = Arc::new(calls);
    let confirmations = Arc::new(Confirmations::new(Arc::clone(&calls)));
    let app = Arc::new(Shared {
        calls,
        confirmations,
        kept: Kept::default(),
        body_timeout: config.body_timeout,
        ending,
    });
    let metrics = Metrics::new();
    let (contract, described) = contract().split_for_parts();
    let routes = contract
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(app.clone(), caller::account))
        .route("/readyz", get(cluster::ready))
        .merge(openapi::routes(described))
        .merge(problem::routes())
        .merge(metrics.route())
        .with_state(app);
    let routes = within_limits(routes, Places::new(config.requests_max, config.streams_max));
    let routes = routes.layer(from_fn_with_state(metrics, metrics::measure));
    match cors::layer(&config.cors_origins) {
        Some(layer) => routes.layer(layer),
        None => routes,
    }
}

/// The calls of the contract.
fn contract() -> OpenApiRouter<App> {
    let with_parameters = OpenApiRouter::new()
        .routes(routes!(jobs::list))
        .routes(routes!(simulations::list))
        .routes(routes!(batches::list))
        .routes(routes!(accounts::history));
    OpenApiRouter::with_openapi(openapi::Description::openapi())
        .routes(routes!(jobs::submit))
        .routes(routes!(jobs::get, jobs::cancel))
        .routes(routes!(events::events))
        .routes(routes!(jobs::replay))
        .routes(routes!(simulate::simulate))
        .routes(routes!(simulate::sensitivity))
        .routes(routes!(plans::compare))
        .routes(routes!(plans::solve))
        .routes(routes!(cluster::status))
        .routes(routes!(cluster::drain))
        .routes(routes!(cluster::undrain))
        .routes(routes!(accounts::create_key, accounts::keys))
        .routes(routes!(accounts::revoke_key))
        .routes(routes!(simulations::submit))
        .routes(routes!(simulations::get))
        .routes(routes!(simulations::result))
        .routes(routes!(simulations::cancel))
        .routes(routes!(batches::create))
        .routes(routes!(batches::stats))
        .routes(routes!(accounts::usage))
        .routes(routes!(batches::get))
        .routes(routes!(batches::jobs))
        .routes(routes!(batches::results))
        .routes(routes!(batches::cancel))
        .route_layer(from_fn(query::none))
        .merge(with_parameters)
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
        .layer(from_fn(encoding::gzip_or_plain))
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
