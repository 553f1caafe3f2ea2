//! carlo's REST door. Outside it speaks HTTP and the JSON of `carlo_rest`; inside it calls a coordinator over gRPC, and that is all it
//! knows of the cluster: no schedule, no store, no state of its own. Any number of gateways may stand beside each other.
//!
//! * [`routes`]: which path leads where, and what every request passes through; [`places`]: how many at the same time.
//! * [`caller`]: who calls, and what they hear of their limits.
//! * [`jobs`], [`events`], [`simulate`], [`simulations`], [`batches`], [`accounts`], [`cluster`]: the handlers.
//! * [`body`], [`query`], [`prefer`], [`ids`]: what comes in, refused with every fault at once.
//! * [`reply`]: what goes out, with its `ETag`. [`encoding`]: compressed or not.
//! * [`kept`], [`confirm`]: what goes out again, because it can't change any more.
//! * [`openapi`]: the description of the calls. [`metrics`]: how they went. [`cors`]: who else's pages may make them.
//! * [`problem`]: every error, and the one table from faults to statuses.
//! * [`calls`]: calls to a coordinator: deadlines, and which of them are repeated where.
//! * [`convert`]: messages ↔ JSON shapes.
//! * [`server`]: connections, their limits, and the end of them.

mod accounts;
mod batches;
mod body;
mod caller;
mod calls;
mod cluster;
mod confirm;
mod convert;
mod cors;
mod encoding;
mod events;
mod ids;
mod jobs;
mod kept;
mod metrics;
mod openapi;
mod places;
mod plans;
mod prefer;
mod problem;
mod query;
mod reply;
mod routes;
mod server;
mod simulate;
mod simulations;

use std::time::Duration;

pub use axum::http::HeaderValue;
use carlo_service::CancellationToken;
use carlo_service::tls::Identity;
use carlo_wire::AddressError;
pub use carlo_wire::Trust;
use tokio::net::TcpListener;

/// What a gateway needs to know. Every limit has a default in [`Config::new`].
#[derive(Debug, Clone)]
pub struct Config {
    /// URLs of the coordinators, at least one.
    pub coordinators: Vec<String>,
    /// Who is believed to be one of them at an `https` URL.
    pub trust: Trust,
    /// How long a call to the coordinators may take, with all its attempts.
    pub call_timeout: Duration,
    /// How long a client may take to send a body.
    pub body_timeout: Duration,
    /// How long a client may take to send the head of a request, and stay idle between two requests.
    pub header_timeout: Duration,
    /// Requests that are handled at the same time; one more is answered with 503.
    pub requests_max: usize,
    /// Requests that are held or streamed at the same time, apart from the others: waiting for a change, for results, for events.
    pub streams_max: usize,
    /// Origins, like `https://example.org`, whose pages may call from a browser; none where empty.
    pub cors_origins: Vec<HeaderValue>,
    /// What clients are shown over TLS; without it, nothing is encrypted.
    pub tls: Option<Identity>,
    /// Connections that are open at the same time; further ones wait to be accepted.
    pub connections_max: usize,
}

impl Config {
    /// A gateway to these coordinators.
    pub fn new(coordinators: Vec<String>) -> Self {
        Self {
            coordinators,
            trust: Trust::default(),
            call_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            requests_max: 512,
            streams_max: 1_000,
            cors_origins: Vec::new(),
            tls: None,
            connections_max: 4096,
        }
    }
}

/// Why a gateway can't run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The coordinators' URLs can't be used.
    #[error(transparent)]
    Coordinators(#[from] AddressError),
}

/// Serves until `shutdown`, then lets the requests that are being handled end, for at most three seconds.
///
/// It starts, and goes on, whether or not a coordinator can be reached; `/readyz` says.
///
/// # Errors
///
/// At once, where the configuration can't be used.
pub async fn run(config: Config, listener: TcpListener, shutdown: CancellationToken) -> Result<(), Error> {
    let calls = calls::Calls::new(&config)?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, coordinators = config.coordinators.join(","), "gateway serves");
    }
    let router = routes::router(&config, calls, shutdown.clone());
    carlo_service::notify::ready();
    server::serve(&config, listener, router, shutdown).await;
    Ok(())
}
