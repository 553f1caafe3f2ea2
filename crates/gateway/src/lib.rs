//! carlo's REST gateway. Clients send HTTP requests with the JSON of `carlo_rest`, and the gateway
//! calls a coordinator through gRPC. It has no other connection to the cluster and no state except
//! caches, so any number of gateways can run side by side.
//!
//! * [`routes`]: the router, and the handlers, in files named after their URLs.
//! * [`server`]: connections and their limits. [`concurrency`]: limits of concurrent requests.
//! * [`admission`]: the check of the key and the count of the call, before a handler runs.
//!   [`request_context`]: what is known of a request. [`key_cache`]: keys that are known to be
//!   good.
//! * [`head_limits`], [`body`], [`query`], [`fields`], [`prefer`], [`idempotency_key`],
//!   [`path_ids`]: the parts of a request. A refusal names all faults of a part at once.
//! * [`app`]: what all handlers share. [`api_call`]: what each of them gets. [`jobs`]: what several
//!   do with jobs in the same way.
//! * [`coordinator`]: the gRPC calls. [`convert`]: the conversion between messages and JSON.
//! * [`response_cache`], [`revalidate`]: responses that can't change any more.
//! * [`entity`], [`static_page`]: response bodies with their `ETag`. [`encoding`]: compression.
//! * [`problem`]: errors, and the status of each kind of fault.
//! * [`request_log`]: the id and the trace of every request, and its line in the log.
//! * [`line_json`]: JSON on single lines, for streams.
//! * [`readiness`]: the state of the coordinators. [`browser_guard`], [`cors`]: what pages in
//!   browsers may do.
//! * [`openapi`]: the description of the API. [`metrics`]: the metrics.
//! * [`web`]: the web interface. [`report`]: a job as a printable page.

mod admission;
mod api_call;
mod app;
mod body;
mod browser_guard;
mod concurrency;
mod convert;
mod coordinator;
mod cors;
mod encoding;
mod entity;
mod event_stream;
mod fields;
mod head_limits;
mod idempotency_key;
mod jobs;
mod key_cache;
mod line_json;
mod media_type;
mod metrics;
mod openapi;
mod path_ids;
mod prefer;
mod problem;
mod query;
mod readiness;
mod report;
mod request_context;
mod request_log;
mod response_cache;
mod revalidate;
mod routes;
mod server;
mod static_page;
mod web;

use std::time::Duration;

pub use crate::cors::{CorsOrigins, OriginError};
use carlo_service::CancellationToken;
use carlo_service::tls::Identity;
use carlo_wire::AddressError;
pub use carlo_wire::Trust;
use tokio::net::TcpListener;

/// How long connections may stay idle. This must be longer than in load balancers, most of which
/// use 60 s.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// How long a call waits for the results that it returns. Its job continues after that.
pub const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// The configuration of a gateway. Every limit has a default in [`Config::new`].
#[derive(Debug, Clone)]
pub struct Config {
    /// URLs of the coordinators, at least one.
    pub coordinators: Vec<String>,
    /// Which certificates are trusted at an `https` URL.
    pub trust: Trust,
    /// How long a call to the coordinators may take, all attempts included.
    pub call_timeout: Duration,
    /// How long a client may take to send a body.
    pub body_timeout: Duration,
    /// How long a call waits for the results that it returns.
    pub answer_wait: Duration,
    /// How long a client may take to send the head of a request.
    pub header_timeout: Duration,
    /// How long a connection may stay idle between two requests.
    pub idle_timeout: Duration,
    /// How long a client may take to read a part of a response.
    pub write_timeout: Duration,
    /// Requests that are handled at the same time. Further ones get 503. One user gets half of
    /// them.
    pub requests_max: usize,
    /// Long polls and streams that are handled at the same time, apart from other requests. One
    /// user gets half of them.
    pub streams_max: usize,
    /// Origins whose pages may call from a browser.
    pub cors_origins: CorsOrigins,
    /// Certificate and key for TLS; without them, nothing is encrypted.
    pub tls: Option<Identity>,
    /// Connections that are open at the same time. Further ones wait to be accepted.
    pub connections_max: usize,
    /// Whether the web interface is served.
    pub web: bool,
}

impl Config {
    /// A gateway to these coordinators, with the default limits.
    pub fn new(coordinators: Vec<String>) -> Self {
        Self {
            coordinators,
            trust: Trust::default(),
            call_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            answer_wait: ANSWER_WAIT,
            header_timeout: Duration::from_secs(10),
            idle_timeout: IDLE_TIMEOUT,
            write_timeout: Duration::from_secs(30),
            requests_max: 512,
            streams_max: 1_000,
            cors_origins: CorsOrigins::default(),
            tls: None,
            connections_max: 4096,
            web: true,
        }
    }
}

/// Why a gateway can't start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The coordinators' URLs can't be used.
    #[error(transparent)]
    Coordinators(#[from] AddressError),
}

/// Serves until `shutdown`, then waits at most three seconds for the requests in progress.
///
/// It runs whether or not a coordinator can be reached; `/readyz` says which.
///
/// # Errors
///
/// At once, if the configuration can't be used.
pub async fn run(config: Config, listener: TcpListener, shutdown: CancellationToken) -> Result<(), Error> {
    let coordinator = coordinator::Coordinator::new(&config, shutdown.clone())?;
    let address = listener.local_addr().ok();
    if let Some(address) = address {
        tracing::info!(%address, coordinators = config.coordinators.join(","), "gateway serves");
    }
    let is_open_address = address.is_some_and(|address| !address.ip().is_loopback());
    let router = routes::router(&config, coordinator, is_open_address, shutdown.clone());
    carlo_service::notify::ready();
    server::serve(&config, listener, router, shutdown).await;
    Ok(())
}
