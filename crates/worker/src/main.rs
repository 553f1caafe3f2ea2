//! `carlo-worker`: parses its arguments, then [`carlo_worker::run`].

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use carlo_service::admin::{self, AdminListen};
use carlo_service::arguments::{self, List};
use carlo_service::daemon::{self, Failure};
use carlo_service::reload::{self, Reloadable};
use carlo_service::shutdown::Signals;
use carlo_service::telemetry::LogFormat;
use carlo_service::tls::{ClientIdentity, TlsError};
use carlo_worker::{Config, Error, JoinToken, Trust};
use clap::Parser;

/// The admin endpoint's default port.
const ADMIN_PORT: u16 = 7072;
/// Threads that talk to the coordinator. The compute threads are separate.
const RUNTIME_THREADS: usize = 2;

/// Computes for a carlo cluster on every core of this machine. Ends at SIGTERM or Ctrl-C after it
/// has reported its leases.
///
/// Exit codes: 0 shut down, 1 failed or refused by the coordinator, 2 bad arguments.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// URLs of the cluster's coordinators.
    #[arg(long, env = "CARLO_COORDINATOR", value_name = "URL[,URL]", required = true)]
    coordinator: Vec<List>,
    /// Certificates of the authorities that sign coordinators' certificates at `https` URLs, as PEM
    /// [default: the system's].
    #[arg(long, env = "CARLO_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The certificates to join with instead of a token, its own first, as PEM; for coordinators
    /// with --client-ca-file.
    #[arg(long, env = "CARLO_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of the first certificate, as PEM.
    #[arg(long, env = "CARLO_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Threads that compute [default: one for each core that this process may use, by its affinity
    /// and the limit of its control group].
    #[arg(long, env = "CARLO_THREADS")]
    threads: Option<NonZeroUsize>,
    /// A name for this worker in lists [default: the host's].
    #[arg(long, env = "CARLO_NAME")]
    name: Option<String>,
    /// File with the token to join with: the same as the coordinator's option of this name.
    #[arg(long, env = "CARLO_JOIN_TOKEN_FILE", value_name = "FILE")]
    join_token_file: Option<PathBuf>,
    /// Where it serves /healthz, /readyz and /metrics over HTTP, or `off` [default: 127.0.0.1:7072,
    /// or a free port].
    #[arg(long, env = "CARLO_ADMIN_LISTEN", value_name = "ADDR")]
    admin_listen: Option<AdminListen>,
    /// Format of log lines: text or json. `CARLO_LOG` sets what is logged, like `info` or
    /// `carlo_worker=debug`.
    #[arg(long, env = "CARLO_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

fn main() -> ExitCode {
    let arguments: Arguments = arguments::parse();
    let options =
        daemon::Options { name: "worker", log_format: arguments.log_format, threads: Some(RUNTIME_THREADS) };
    daemon::run(options, async |signals| work(arguments, signals).await.map_err(failure))
}

fn failure(error: anyhow::Error) -> Failure {
    let has_bad_arguments =
        error.is::<TlsError>() || matches!(error.downcast_ref(), Some(Error::Addresses(_) | Error::Level(_)));
    if has_bad_arguments { Failure::bad_arguments(error) } else { Failure::failed(error) }
}

async fn work(arguments: Arguments, signals: Signals) -> anyhow::Result<()> {
    let join_token = arguments.join_token_file.as_deref().map(JoinToken::from_file).transpose()?;
    let mut trust = arguments.ca_file.as_deref().map(Trust::from_file).transpose()?.unwrap_or_default();
    if let (Some(certificates), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) {
        trust = trust.presenting(ClientIdentity::from_files(certificates, key)?)?;
    }
    let mut reloadable: Vec<Box<dyn Reloadable>> = vec![Box::new(trust.clone())];
    reloadable.extend(trust.identity().map(|identity| Box::new(identity.clone()) as Box<dyn Reloadable>));
    reloadable.extend(join_token.iter().map(|token| Box::new(token.clone()) as Box<dyn Reloadable>));
    tokio::spawn(reload::keep_current(reloadable, signals.reload, signals.shutdown.clone()));
    let config = Config {
        admin: admin::listen(arguments.admin_listen, ADMIN_PORT).await?,
        trust,
        threads: arguments.threads,
        name: arguments.name,
        join_token,
        ..Config::new(arguments::items(arguments.coordinator))
    };
    Ok(carlo_worker::run(config, signals.shutdown).await?)
}
