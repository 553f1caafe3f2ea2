//! What all handlers share.

use std::sync::Arc;
use std::time::Duration;

use carlo_service::CancellationToken;

use crate::concurrency::ConcurrencyLimit;
use crate::coordinator::Coordinator;
use crate::cors::CorsOrigins;
use crate::key_cache::KeyCache;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::response_cache::ResponseCache;
use crate::revalidate::Revalidator;

/// What the handlers share.
pub(crate) type App = Arc<Shared>;

/// The target of [`App`].
pub(crate) struct Shared {
    pub(crate) coordinator: Arc<Coordinator>,
    pub(crate) revalidator: Arc<Revalidator>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) key_cache: KeyCache,
    pub(crate) concurrency: ConcurrencyLimit,
    pub(crate) response_cache: ResponseCache,
    pub(crate) body_timeout: Duration,
    /// How long a call waits for the results that it returns.
    pub(crate) answer_wait: Duration,
    pub(crate) cors_origins: CorsOrigins,
    /// Whether other machines can reach the gateway.
    pub(crate) is_open_address: bool,
    /// Ends streams when the gateway shuts down.
    pub(crate) shutdown: CancellationToken,
    pub(crate) metrics: Metrics,
}
