//! The router: which handler serves which path, and the layers around them.
//!
//! Handlers are in files named after their paths: `GET /simulations/batch/usage` is in
//! `routes/simulations/batch/usage.rs`. From the outside in, the layers are CORS, metrics,
//! encoding, request ids and the log, problems, limits of the head, and panics. Around everything
//! but the probes is [`browser_guard`], around the calls of the contract also [`admission`], which
//! admits callers with a key and limits how many requests are handled at the same time.

pub(crate) mod api;
mod readyz;
pub(crate) mod simulations;

use std::sync::Arc;

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

use self::api::{admin, cluster, compare, jobs, sensitivity, simulate, solve, sweep, webhooks};
use self::simulations::batch;
use crate::app::{App, Shared};
use crate::concurrency::ConcurrencyLimit;
use crate::coordinator::Coordinator;
use crate::key_cache::KeyCache;
use crate::metrics::{self, Metrics};
use crate::problem::{self, Failure};
use crate::readiness::Readiness;
use crate::response_cache::ResponseCache;
use crate::revalidate::Revalidator;
use crate::{
    Config, admission, browser_guard, cors, encoding, head_limits, openapi, query, request_log, web,
};

/// The whole router.
pub(crate) fn router(
    config: &Config,
    coordinator: Coordinator,
    is_open_address: bool,
    shutdown: CancellationToken,
) -> Router {
    let coordinator = Arc::new(coordinator);
    let metrics = Metrics::new(config.tls.as_ref());
    let readiness = Arc::new(Readiness::new(Arc::clone(&coordinator)));
    metrics.watch_readiness(Arc::clone(&readiness));
    tokio::spawn(Arc::clone(&readiness).keep_checking(shutdown.clone()));
    let app = Arc::new(Shared {
        revalidator: Arc::new(Revalidator::new(Arc::clone(&coordinator))),
        readiness,
        key_cache: KeyCache::new(Arc::clone(&coordinator)),
        concurrency: ConcurrencyLimit::new(config.requests_max, config.streams_max),
        coordinator,
        response_cache: ResponseCache::default(),
        body_timeout: config.body_timeout,
        answer_wait: config.answer_wait,
        cors_origins: config.cors_origins.clone(),
        is_open_address,
        shutdown,
        metrics: metrics.clone(),
    });
    let (contract, description) = contract().split_for_parts();
    let routes = contract
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), admission::admit))
        .merge(openapi::routes(description))
        .merge(problem::routes())
        .merge(if config.web { web::routes() } else { Router::new() })
        .layer(from_fn_with_state(app.clone(), browser_guard::guard))
        .route("/readyz", get(readyz::ready))
        .merge(metrics.route())
        .with_state(app);
    let routes = with_layers(routes).layer(from_fn_with_state(metrics, metrics::measure));
    match cors::layer(&config.cors_origins) {
        Some(layer) => routes.layer(layer),
        None => routes,
    }
}

/// The calls of the contract, with their description.
pub(crate) fn contract() -> OpenApiRouter<App> {
    let with_parameters = OpenApiRouter::new()
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::samples::samples))
        .routes(routes!(simulate::simulate))
        .routes(routes!(sensitivity::sensitivity))
        .routes(routes!(compare::compare))
        .routes(routes!(solve::solve))
        .routes(routes!(admin::usage::list))
        .routes(routes!(admin::audit::list))
        .routes(routes!(simulations::list))
        .routes(routes!(simulations::get))
        .routes(routes!(simulations::result))
        .routes(routes!(batch::list))
        .routes(routes!(batch::usage::history))
        .routes(routes!(webhooks::list))
        .routes(routes!(webhooks::default::set, webhooks::default::get, webhooks::default::clear))
        .routes(routes!(webhooks::deliveries::list));
    OpenApiRouter::with_openapi(openapi::Description::openapi())
        .routes(routes!(jobs::submit))
        .routes(routes!(jobs::update))
        .routes(routes!(jobs::events::events))
        .routes(routes!(jobs::simulations::replay))
        .routes(routes!(jobs::report::report))
        .routes(routes!(jobs::sweep::points))
        .routes(routes!(sweep::sweep))
        .routes(routes!(cluster::status))
        .routes(routes!(cluster::history))
        .routes(routes!(cluster::events))
        .routes(routes!(cluster::drain))
        .routes(routes!(cluster::undrain))
        .routes(routes!(cluster::lift_quarantine))
        .routes(routes!(admin::keys::create, admin::keys::list))
        .routes(routes!(admin::keys::revoke))
        .routes(routes!(admin::keys::rotate))
        .routes(routes!(admin::tokens::create, admin::tokens::list))
        .routes(routes!(admin::tokens::revoke))
        .routes(routes!(admin::tiers::get, admin::tiers::set))
        .routes(routes!(simulations::submit))
        .routes(routes!(simulations::cancel))
        .routes(routes!(simulations::delete))
        .routes(routes!(webhooks::enable))
        .routes(routes!(webhooks::delete))
        .routes(routes!(webhooks::deliveries::retry))
        .routes(routes!(batch::create))
        .routes(routes!(batch::stats))
        .routes(routes!(batch::usage::usage))
        .routes(routes!(batch::get))
        .routes(routes!(batch::jobs))
        .routes(routes!(batch::events::events))
        .routes(routes!(batch::results))
        .routes(routes!(batch::cancel))
        .routes(routes!(batch::delete))
        .route_layer(from_fn(query::none))
        .merge(with_parameters)
}

/// Adds the layers that every request passes through.
fn with_layers(routes: Router) -> Router {
    routes
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(from_fn(head_limits::limit))
        .layer(from_fn(problem::render))
        .layer(from_fn(request_log::log))
        .layer(CompressionLayer::new())
        .layer(from_fn(encoding::gzip_or_plain))
}

async fn unknown_route(uri: Uri) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

/// The 405 of a path with other methods, to which the router adds `Allow`.
async fn wrong_method(method: Method, uri: Uri) -> Failure {
    let detail = format!("{} can't be asked for with the method {method}", uri.path());
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

#[cfg(test)]
mod tests;
