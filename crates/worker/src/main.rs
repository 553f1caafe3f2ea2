//! `carlo-worker`: parses its arguments, then [`carlo_worker::run`].

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use carlo_service::telemetry::{self, LogFormat};
use carlo_service::tls::{self, TlsError};
use carlo_worker::{Config, Error, JoinToken, Trust};
use clap::Parser;

/// The exit code of arguments that can't be used, clap's too.
const BAD_ARGUMENTS: u8 = 2;

/// Computes for a carlo cluster on every core of this machine. Ends at SIGTERM or Ctrl-C once it has reported what it holds.
///
/// Exit codes: 0 shut down, 1 failed or refused by the coordinator, 2 bad arguments.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// URLs of the cluster's coordinators.
    #[arg(long, env = "CARLO_COORDINATOR", value_name = "URL[,URL]", value_delimiter = ',', required = true)]
    coordinator: Vec<String>,
    /// Certificates of those who vouch for coordinators at `https` URLs, as PEM [default: the system's].
    #[arg(long, env = "CARLO_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Threads that compute [default: one for each core].
    #[arg(long, env = "CARLO_THREADS")]
    threads: Option<NonZeroUsize>,
    /// A name for this worker in lists [default: the host's].
    #[arg(long, env = "CARLO_NAME")]
    name: Option<String>,
    /// Holds what the cluster's coordinator lets workers join with: its file of the same option.
    #[arg(long, env = "CARLO_JOIN_TOKEN_FILE", value_name = "FILE")]
    join_token_file: Option<PathBuf>,
    /// How log lines look: text or json. What is logged is in `CARLO_LOG`, like `info` or `carlo_worker=debug`.
    #[arg(long, env = "CARLO_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    telemetry::init(arguments.log_format, "info");
    let Err(error) = work(arguments).await else { return ExitCode::SUCCESS };
    tracing::error!("{error:#}");
    let bad_arguments =
        error.is::<TlsError>() || matches!(error.downcast_ref(), Some(Error::Addresses(_) | Error::Level(_)));
    if bad_arguments { BAD_ARGUMENTS.into() } else { ExitCode::FAILURE }
}

async fn work(arguments: Arguments) -> anyhow::Result<()> {
    let shutdown = carlo_service::shutdown::on_signal()?;
    let join_token = arguments.join_token_file.as_deref().map(join_token).transpose()?;
    let authorities = arguments.ca_file.as_deref().map(tls::authorities).transpose()?;
    let config = Config {
        trust: authorities.as_deref().map_or_else(Trust::default, Trust::in_authorities),
        threads: arguments.threads,
        name: arguments.name,
        join_token,
        ..Config::new(arguments.coordinator)
    };
    Ok(carlo_worker::run(config, shutdown).await?)
}

fn join_token(path: &Path) -> anyhow::Result<JoinToken> {
    let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    JoinToken::new(text.trim()).with_context(|| format!("{} holds no join token", path.display()))
}
