//! The coordinator: the shell around the pure scheduler. It passes commands and the time to the
//! scheduler, commits the records to the ledger, and only then carries out the effects and sends
//! the responses.
//!
//! ```text
//!  gRPC calls ─► jobs, cluster ─┐                     ┌─► ledger (commit)
//!                               ├─► core ─► scheduler ┤
//!  worker streams ─► workers ───┘                     └─► effects, responses (after the commit)
//! ```
//!
//! * [`lead`]: elections and terms. [`core`]: the task that owns the scheduler for one term. All
//!   other tasks send it requests through a bounded channel.
//! * [`standby`]: the coordinators that wait to lead.
//! * [`jobs`], [`batches`], [`accounts`], [`cluster`], [`workers`]: the other gRPC services. [`auth`]:
//!   the authentication of their calls. [`to_proto`]: the conversion of the core's views to
//!   messages. [`request_checks`]: checks of fields that several requests have.
//! * [`webhooks`]: the gRPC service of webhooks. [`delivery`]: the requests to their URLs.
//!   [`hook_state`]: where the events of one job or batch are sent.
//! * [`simulate`], [`samples`]: jobs that callers wait for, and streams of single simulations.
//!   [`snapshot`]: a job at one moment.
//! * [`entries`]: the conversion of records to entries of the ledger, and back. [`ledger_reads`]:
//!   reads of results. [`ledger_files`]: export and import. [`job_metadata`]: names of jobs, which
//!   the scheduler doesn't need.
//! * [`incoming`]: connections before their first call. [`intake`]: limits on what a call may send.
//!   [`deadline`]: the end of streams at their caller's deadline. [`reflection`]: the list of
//!   services for clients.
//! * [`report_checks`]: plausibility checks of workers' reports.
//! * [`access`]: initial keys and tokens. [`idempotency`]: keys of answered requests.
//! * [`config`], [`advertise`]: the configuration, and the URL at which others reach this
//!   coordinator.
//! * [`probes`], [`metrics`]: readiness and metrics. [`clock_skew`]: the clocks of workers.
//! * [`origin`]: the request that a log line or a span belongs to.
//! * [`environment`]: the calendar and randomness, which simulations replace.
//!
//! How work is distributed is decided in `carlo-schedule`; how a simulation is computed, in
//! `carlo-kernel`.

mod access;

mod accounts;
mod advertise;
mod auth;
mod batches;
mod clock_skew;
mod cluster;
mod config;
mod core;
mod deadline;
mod delivery;
mod entries;
mod environment;
mod hook_state;
mod idempotency;
mod incoming;
mod intake;
mod job_metadata;
mod jobs;
mod lead;
mod ledger_export;
pub mod ledger_files;
mod ledger_reads;
mod metrics;
mod origin;
mod probes;
mod reflection;
mod report_checks;
mod request_checks;
mod samples;
mod simulate;
mod snapshot;
mod standby;
mod to_proto;
mod webhooks;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use carlo_service::CancellationToken;
use carlo_service::metrics::Metrics;
use carlo_service::tls::{ClientIdentity, Identity};
use carlo_store::{Ledger, LedgerError};
use carlo_types::limits::MESSAGE_BYTES_MAX;
use carlo_wire::v1::accounts_server::AccountsServer;
use carlo_wire::v1::batches_server::BatchesServer;
use carlo_wire::v1::cluster_server::ClusterServer;
use carlo_wire::v1::jobs_server::JobsServer;
use carlo_wire::v1::webhooks_server::WebhooksServer;
use carlo_wire::v1::workers_server::WorkersServer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_stream::Stream;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::transport::server::Connected;

pub use crate::access::{Access, AccessError, Credential};
use crate::accounts::AccountsService;
pub use crate::advertise::AdvertiseError;
use crate::auth::ServiceState;
use crate::batches::BatchesService;
use crate::cluster::ClusterService;
pub use crate::config::{Config, Data, Settings, Updates};
use crate::deadline::Deadlines;
use crate::delivery::sender::Sender;
use crate::entries::EntryError;
pub use crate::environment::{Environment, SystemEnvironment};
use crate::intake::Intake;
use crate::jobs::JobsService;
use crate::metrics::Instruments;
use crate::metrics::calls::Measure;
use crate::metrics::ledger::MeasuredLedger;
use crate::standby::{Introduction, Standbys};
use crate::webhooks::WebhooksService;
use crate::workers::WorkersService;

/// How long open calls may continue during a shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// A peer that doesn't answer pings for this long is disconnected.
const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// Simultaneous calls on one connection.
const CALLS_PER_CONNECTION_MAX: u32 = 1_000;

/// Calls of one connection that were reset before the server accepted them. If there are more, the
/// connection is closed. The limit is above the number of simultaneous calls: a gateway has many
/// callers on one connection, and resets by one of them must not end the calls of the others.
const PENDING_RESETS_MAX: usize = 2 * CALLS_PER_CONNECTION_MAX as usize;

/// The reason why a coordinator ended without being shut down.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger failed. The state in memory may be ahead of the ledger, so it can't be used any
    /// more.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger contains an entry that can't be read.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The gRPC server failed.
    #[error("failed to serve")]
    Serve(#[from] tonic::transport::Error),
    /// There is no URL at which others can reach this coordinator.
    #[error(transparent)]
    Advertise(#[from] AdvertiseError),
    /// The configured keys and tokens can't be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The listener can't be used.
    #[error("failed to listen")]
    Listen(#[from] std::io::Error),
}

/// Serves on `listener` until `shutdown`. If another coordinator with the same ledger leads, refers
/// callers to that one.
///
/// # Errors
///
/// If the ledger can't be opened, read or written, or if the server fails. If the ledger is shared,
/// a temporary failure of it only ends the term.
pub async fn run(config: Config, listener: TcpListener, shutdown: CancellationToken) -> Result<(), Error> {
    let address = listener.local_addr()?;
    let url = advertise::url(config.advertise, address, config.settings.tls.is_some())?;
    let ledger = config.data.open(&url)?;
    let incoming = incoming::incoming(listener, config.settings.tls.clone(), shutdown.clone());
    tracing::info!(listen = %address, url, "coordinator starts");
    carlo_service::notify::ready();
    let instruments = Arc::<Instruments>::default();
    let ledger: Arc<dyn Ledger> =
        Arc::new(MeasuredLedger { inner: ledger, instruments: Arc::clone(&instruments) });
    let measured = Measured { instruments, admin: config.admin, client_identity: config.client_identity };
    let Settings { webhook_reach, webhook_trust, .. } = &config.settings;
    let sender = Arc::new(Sender::new(webhook_reach.clone(), webhook_trust.clone()));
    let machine = Machine { environment: Arc::new(SystemEnvironment), sender: Some(sender) };
    let serving = serve_all(config.settings, ledger, machine, url, incoming, measured, shutdown);
    Box::pin(serving).await
}

/// Enables the compression of requests and, for clients that accept it, of responses.
macro_rules! compressed {
    ($service:expr) => {
        $service.accept_compressed(Gzip).send_compressed(Gzip)
    };
}

/// Serves the connections of `incoming`, with this ledger, until `shutdown`. `address` is the URL
/// at which others reach this coordinator. Events are recorded for webhooks, and not sent.
///
/// # Errors
///
/// If the ledger can't be read or written, or if the server fails. If the ledger is shared, a
/// temporary failure of it only ends the term.
pub async fn serve<I, C>(
    settings: Settings,
    ledger: Arc<dyn Ledger>,
    environment: Arc<dyn Environment>,
    address: String,
    incoming: I,
    shutdown: CancellationToken,
) -> Result<(), Error>
where
    I: Stream<Item = std::io::Result<C>>,
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let measured = Measured { instruments: Arc::default(), admin: None, client_identity: None };
    let machine = Machine { environment, sender: None };
    Box::pin(serve_all(settings, ledger, machine, address, incoming, measured, shutdown)).await
}

/// What this coordinator reaches besides its ledger and its callers.
struct Machine {
    environment: Arc<dyn Environment>,
    /// Sends the requests of webhooks.
    sender: Option<Arc<Sender>>,
}

/// The instruments, and the listener of the admin endpoint that shows them.
struct Measured {
    instruments: Arc<Instruments>,
    admin: Option<TcpListener>,
    client_identity: Option<ClientIdentity>,
}

/// [`serve`] with an admin endpoint.
async fn serve_all<I, C>(
    settings: Settings,
    ledger: Arc<dyn Ledger>,
    Machine { environment, sender }: Machine,
    address: String,
    incoming: I,
    Measured { instruments, admin, client_identity }: Measured,
    shutdown: CancellationToken,
) -> Result<(), Error>
where
    I: Stream<Item = std::io::Result<C>>,
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let (tls, client_names) = (settings.tls.clone(), settings.client_names.clone());
    let (leader, leadership) = lead::leader(
        settings,
        Arc::clone(&ledger),
        Arc::clone(&environment),
        address.clone(),
        Arc::clone(&instruments),
        sender,
    );
    let standbys = Arc::new(Standbys::new(Arc::clone(&ledger), Arc::clone(&environment)));
    if let Some(listener) = admin {
        let metrics = metrics_of(tls.as_ref(), client_identity.as_ref());
        let admin = probes::admin(
            &metrics,
            Arc::clone(&instruments),
            leadership.clone(),
            Arc::clone(&ledger),
            Arc::clone(&standbys),
        );
        tokio::spawn(admin.serve(listener, shutdown.clone()));
    }
    let checks_reports = environment.checks_reports();
    let introduction = Introduction {
        ledger: Arc::clone(&ledger),
        environment: Arc::clone(&environment),
        url: address.clone(),
        tls,
    };
    let state =
        ServiceState { leadership: leadership.clone(), ledger, environment: Arc::clone(&environment) };
    let accounts = AccountsService::new(state.clone());
    let batches = BatchesService::new(state.clone());
    let jobs = JobsService::new(state.clone());
    let webhooks = WebhooksService::new(state.clone());
    let cluster = ClusterService::new(state, address.clone(), standbys);
    let workers = WorkersService::new(
        leadership.clone(),
        Arc::clone(&instruments),
        Arc::clone(&environment),
        client_names,
        checks_reports,
    );
    let (health, health_service) = tonic_health::server::health_reporter();
    let following = probes::follow(leadership.clone(), health, Arc::clone(&instruments));
    let (reflection, reflection_v1alpha) = reflection::services();
    let router = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .max_concurrent_streams(CALLS_PER_CONNECTION_MAX)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
        .layer(Measure(instruments))
        .layer(Deadlines)
        .layer(Intake::new(leadership.clone()))
        .add_service(health_service)
        .add_service(reflection)
        .add_service(reflection_v1alpha)
        .add_service(compressed!(JobsServer::new(jobs)).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(compressed!(AccountsServer::new(accounts)).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(compressed!(BatchesServer::new(batches)).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(compressed!(WebhooksServer::new(webhooks)).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(compressed!(ClusterServer::new(cluster)))
        .add_service(compressed!(WorkersServer::new(workers)).max_decoding_message_size(MESSAGE_BYTES_MAX));

    // The end of either task ends the other: without the leader's task no call can be served.
    let stop = shutdown.child_token();
    let serving = async {
        tokio::select! {
            () = leadership.settled() => {}
            () = stop.cancelled() => return Ok(()),
        }
        tracing::info!(address, "coordinator serves");
        // On the heap, because this future is very large with TLS.
        let served = Box::pin(router.serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned()));
        tokio::select! {
            served = served => served.map_err(Error::from),
            () = async { stop.cancelled().await; tokio::time::sleep(DRAIN_TIMEOUT).await } => Ok(()),
        }
    };
    let leading = async {
        let ended = Box::pin(leader.run(stop.clone())).await;
        stop.cancel();
        ended
    };
    let (served, ended) = tokio::select! {
        both = async { tokio::join!(serving, leading) } => both,
        () = following => unreachable!("it runs until the leader's task ends"),
        never = introduction.repeat() => match never {},
    };
    ended?;
    served
}

/// A coordinator's metrics with the expiry of its certificates: of its server, and for etcd.
fn metrics_of(server: Option<&Identity>, client: Option<&ClientIdentity>) -> Metrics {
    let metrics = Metrics::new("coordinator");
    if let Some(identity) = server {
        metrics.watch_certificate(identity);
    }
    if let Some(identity) = client {
        metrics.watch_client_certificate(identity);
    }
    metrics
}
