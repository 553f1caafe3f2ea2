//! `carlo-gateway`: parses the arguments and calls [`carlo_gateway::run`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use carlo_gateway::{Config, CorsOrigins, IDLE_TIMEOUT, Trust};
use carlo_service::arguments::{self, List};
use carlo_service::daemon::{self, Failure};
use carlo_service::listen::{self, ListenError};
use carlo_service::reload::{self, Reloadable};
use carlo_service::shutdown::Signals;
use carlo_service::telemetry::LogFormat;
use carlo_service::tls::{Identity, TlsError};
use clap::Parser;

/// carlo's REST server: HTTP and JSON for clients, gRPC to the coordinator.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes:\n  0  ended on SIGINT or SIGTERM\n  1  failed, with the reason on stderr\n  2  bad arguments\n\n\
                  CARLO_LOG sets what is logged, like info or carlo_gateway=debug."
)]
struct Arguments {
    /// The address to serve HTTP on. Without TLS it must be a loopback address.
    #[arg(long, env = "CARLO_LISTEN", default_value = "127.0.0.1:3001", value_name = "ADDR")]
    listen: SocketAddr,
    #[arg(
        help = "The coordinators, separated by commas, like http://127.0.0.1:7070",
        long,
        env = "CARLO_COORDINATOR",
        required = true,
        value_name = "URL[,URL]"
    )]
    coordinator: Vec<List>,
    /// Certificates of the authorities that sign coordinators' certificates at `https` URLs, as PEM
    /// [default: the system's].
    #[arg(long, env = "CARLO_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The certificate chain for TLS, the gateway's own certificate first, as PEM.
    #[arg(long, env = "CARLO_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of the first certificate, as PEM.
    #[arg(long, env = "CARLO_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Allows addresses other than loopback without TLS, although everything, including keys, is
    /// sent unencrypted.
    #[arg(long, env = "CARLO_PLAINTEXT")]
    plaintext: bool,
    /// Origins whose pages may make calls from a browser, like <https://example.org>; * is every
    /// origin.
    #[arg(long, env = "CARLO_CORS_ORIGIN", value_name = "ORIGIN[,ORIGIN]")]
    cors_origin: Vec<CorsOrigins>,
    /// Seconds that a connection may stay idle. Must be longer than the load balancer's setting.
    #[arg(
        long,
        env = "CARLO_IDLE_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = IDLE_TIMEOUT.as_secs(),
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    idle_timeout: u64,
    /// Serves only the REST interface, without web pages.
    #[arg(long, env = "CARLO_NO_WEB")]
    no_web: bool,
    /// Format of log lines: text or json.
    #[arg(long, env = "CARLO_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
}

fn main() -> ExitCode {
    let arguments: Arguments = arguments::parse();
    let options = daemon::Options { name: "gateway", log_format: arguments.log_format, threads: None };
    daemon::run(options, async |signals| serve(arguments, signals).await.map_err(failure))
}

fn failure(error: anyhow::Error) -> Failure {
    let has_bad_arguments = error.is::<carlo_gateway::Error>()
        || error.is::<TlsError>()
        || matches!(error.downcast_ref(), Some(ListenError::NotLoopback(_)));
    if has_bad_arguments { Failure::bad_arguments(error) } else { Failure::failed(error) }
}

async fn serve(arguments: Arguments, signals: Signals) -> anyhow::Result<()> {
    let tls = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificates), Some(key)) => {
            Some(Identity::from_files(certificates, key, &["h2", "http/1.1"])?)
        }
        _ => None,
    };
    let listener = if tls.is_some() || arguments.plaintext {
        listen::anywhere(arguments.listen).await?
    } else {
        listen::loopback(arguments.listen).await?
    };
    let trust = arguments.ca_file.as_deref().map(Trust::from_file).transpose()?.unwrap_or_default();
    let mut reloadable: Vec<Box<dyn Reloadable>> = vec![Box::new(trust.clone())];
    reloadable.extend(tls.iter().map(|identity| Box::new(identity.clone()) as Box<dyn Reloadable>));
    tokio::spawn(reload::keep_current(reloadable, signals.reload, signals.shutdown.clone()));
    let coordinators = arguments::items(arguments.coordinator);
    let config = Config {
        cors_origins: CorsOrigins::all(arguments.cors_origin),
        idle_timeout: Duration::from_secs(arguments.idle_timeout),
        tls,
        trust,
        web: !arguments.no_web,
        ..Config::new(coordinators)
    };
    Ok(carlo_gateway::run(config, listener, signals.shutdown).await?)
}
