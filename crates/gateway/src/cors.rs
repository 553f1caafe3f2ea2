//! Pages of other origins in browsers: off, unless origins are configured.

use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may remember what it was allowed.
const REMEMBERED: Duration = Duration::from_hours(1);

/// Lets pages of these origins call, if there are any.
pub(crate) fn layer(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let header = HeaderName::from_static;
    let sent = [
        AUTHORIZATION,
        CONTENT_TYPE,
        IF_NONE_MATCH,
        header("x-api-key"),
        header("idempotency-key"),
        header("last-event-id"),
        header("prefer"),
        header("x-request-id"),
    ];
    let read = [
        ETAG,
        LOCATION,
        RETRY_AFTER,
        header("preference-applied"),
        header("ratelimit"),
        header("ratelimit-policy"),
        header("x-request-id"),
    ];
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins.iter().cloned()))
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers(sent)
            .expose_headers(read)
            .max_age(REMEMBERED)
    })
}
