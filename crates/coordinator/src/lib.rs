//! The coordinator: the shell around the pure scheduler. It feeds it commands and the time, commits its records to the ledger, and only
//! then carries out its effects and answers.
//!
//! ```text
//!  gRPC calls ─► jobs, cluster ─┐                     ┌─► ledger (commit)
//!                               ├─► core ─► scheduler ┤
//!  worker streams ─► workers ───┘                     └─► effects, answers (after the commit)
//! ```
//!
//! * [`core`]: one task that owns the scheduler; everything else talks to it through a bounded channel.
//! * [`lead`]: term after term: one that ends is followed by another, here or elsewhere.
//! * [`entries`]: records as entries of the ledger, and back. [`job_metadata`]: what the scheduler needn't know of a job.
//! * [`jobs`], [`batches`], [`accounts`], [`cluster`], [`workers`]: the gRPC services, thin. [`auth`]: what each of their calls comes through.
//! * [`deadline`]: the end of streams whose caller waits no longer.
//! * [`access`]: who is let in. [`idempotency`]: which requests were answered already.
//! * [`advertise`]: the URL at which others reach it.
//! * [`environment`]: the calendar and randomness, which a simulation replaces.
//! * [`to_proto`]: what the scheduler shows, as messages. [`recommend`]: what would help, in sentences.
//!
//! How work is shared out is the scheduler's business, how a simulation is computed the kernel's.

mod access;

mod accounts;
mod advertise;
mod auth;
mod batches;
mod cluster;
mod config;
mod core;
mod deadline;
mod entries;
mod environment;
mod idempotency;
mod job_metadata;
mod jobs;
mod lead;
mod ledger_reads;
mod recommend;
mod simulate;
mod to_proto;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use carlo_service::CancellationToken;
use carlo_service::tls::Pair;
use carlo_store::{Ledger, LedgerError};
use carlo_types::limits::MESSAGE_BYTES_MAX;
use carlo_wire::v1::accounts_server::AccountsServer;
use carlo_wire::v1::batches_server::BatchesServer;
use carlo_wire::v1::cluster_server::ClusterServer;
use carlo_wire::v1::jobs_server::JobsServer;
use carlo_wire::v1::workers_server::WorkersServer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_stream::Stream;
use tonic::transport::server::{Connected, TcpIncoming};
use tonic::transport::{Identity, ServerTlsConfig};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};

pub use crate::access::{Access, AccessError, JoinToken};
use crate::accounts::AccountsService;
pub use crate::advertise::AdvertiseError;
use crate::auth::ServiceState;
use crate::batches::BatchesService;
use crate::cluster::ClusterService;
pub use crate::config::{Config, Data, Settings};
use crate::deadline::Deadlines;
use crate::entries::EntryError;
pub use crate::environment::{Environment, Machine};
use crate::jobs::JobsService;
use crate::workers::WorkersService;

/// How long a peer may take to speak TLS.
const TLS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long open calls may go on once the coordinator is shut down.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// A peer that answers no ping for this long is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// Calls at once on one connection.
const CALLS_PER_CONNECTION_MAX: u32 = 1_000;

/// Why a coordinator ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger failed. The coordinator ends, because what it has in memory may be ahead of what is durable.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger holds an entry that can't be read.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The gRPC server failed.
    #[error("failed to serve")]
    Serve(#[from] tonic::transport::Error),
    /// There is no URL at which others reach it.
    #[error(transparent)]
    Advertise(#[from] AdvertiseError),
    /// The listener is not usable.
    #[error("failed to listen")]
    Listen(#[from] std::io::Error),
}

/// Serves on `listener` until `shutdown`: leads the cluster, or, where several coordinators share the data and another one leads, tells
/// callers where that is.
///
/// # Errors
///
/// When the ledger can't be opened, read or written, or the server fails. With shared data a ledger that fails only ends the term.
pub async fn run(config: Config, listener: TcpListener, shutdown: CancellationToken) -> Result<(), Error> {
    let address = listener.local_addr()?;
    let url = advertise::url(config.advertise, address, config.settings.tls.is_some())?;
    let ledger = config.data.open(&url)?;
    // Without it every small answer waits 40 ms for the acknowledgement of the one before.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tracing::info!(listen = %address, url, "coordinator starts");
    carlo_service::notify::ready();
    serve(config.settings, ledger, Arc::new(Machine), url, incoming, shutdown).await
}

/// Serves those who connect through `incoming` from `ledger` until `shutdown`. `address` is the URL at which others reach it.
///
/// # Errors
///
/// When the ledger can't be read or written, or the server fails. Where several coordinators share the ledger, that only ends the term.
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
    let access = settings.access.clone();
    let listening = server(settings.tls.as_ref())?;
    let (leader, leadership) =
        lead::leader(settings, Arc::clone(&ledger), Arc::clone(&environment), address.clone());
    let state = ServiceState { leadership: leadership.clone(), ledger, environment };
    let accounts = AccountsService::new(state.clone());
    let batches = BatchesService::new(state.clone());
    let jobs = JobsService::new(state.clone());
    let cluster = ClusterService::new(state, address.clone());
    let workers = WorkersService::new(leadership.clone(), access);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<JobsServer<JobsService>>().await;
    health.set_serving::<AccountsServer<AccountsService>>().await;
    health.set_serving::<BatchesServer<BatchesService>>().await;
    health.set_serving::<ClusterServer<ClusterService>>().await;
    health.set_serving::<WorkersServer<WorkersService>>().await;
    let router = listening
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .max_concurrent_streams(CALLS_PER_CONNECTION_MAX)
        .layer(Deadlines)
        .add_service(health_service)
        .add_service(reflection())
        .add_service(JobsServer::new(jobs).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(AccountsServer::new(accounts).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(BatchesServer::new(batches).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(ClusterServer::new(cluster))
        .add_service(WorkersServer::new(workers).max_decoding_message_size(MESSAGE_BYTES_MAX));

    // Whichever ends first ends the other: without a leader's core, or somebody who knows of one, no call can be answered.
    let stop = shutdown.child_token();
    let serving = async {
        tokio::select! {
            () = leadership.settled() => {}
            () = stop.cancelled() => return Ok(()),
        }
        tracing::info!(address, "coordinator serves");
        // On the heap, because with TLS it is as large as all that it can be at work on.
        let served = Box::pin(router.serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned()));
        tokio::select! {
            served = served => served.map_err(Error::from),
            () = async { stop.cancelled().await; tokio::time::sleep(DRAIN_TIMEOUT).await } => Ok(()),
        }
    };
    let leading = async {
        let ended = leader.run(stop.clone()).await;
        stop.cancel();
        ended
    };
    let (served, ended) = tokio::join!(serving, leading);
    ended?;
    served
}

/// A server that speaks TLS where it has what to show.
fn server(tls: Option<&Pair>) -> Result<tonic::transport::Server, Error> {
    let server = tonic::transport::Server::builder();
    let Some(Pair { certificates, key }) = tls else { return Ok(server) };
    let identity = Identity::from_pem(certificates, key);
    Ok(server.tls_config(ServerTlsConfig::new().identity(identity).timeout(TLS_TIMEOUT))?)
}

/// Tells clients what is served here.
fn reflection() -> ServerReflectionServer<impl ServerReflection> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(carlo_wire::DESCRIPTORS)
        .build_v1()
        .expect("the files were compiled into this program")
}
