//! `carlo-worker`: parses its arguments, then [`carlo_worker::run`].

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use carlo_service::arguments::{self, List};
use carlo_service::daemon::{self, Failure};
use carlo_service::files;
use carlo_service::shutdown::Signals;
use carlo_service::telemetry::LogFormat;
use carlo_service::tls::{self, TlsError};
use carlo_worker::{Config, Error, JoinToken, Trust};
use clap::Parser;

/// Threads that talk to the coordinator; those that compute are others.
const RUNTIME_THREADS: usize = 2;

/// Computes for a carlo cluster on every core of this machine. Ends at SIGTERM or Ctrl-C once it has reported what it holds.
///
/// Exit codes: 0 shut down, 1 failed or refused by the coordinator, 2 bad arguments.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// URLs of the cluster's coordinators.
    #[arg(long, env = "CARLO_COORDINATOR", value_name = "URL[,URL]", required = true)]
    coordinator: Vec<List>,
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

fn main() -> ExitCode {
    let arguments: Arguments = arguments::parse();
    let options = daemon::Options { log_format: arguments.log_format, threads: Some(RUNTIME_THREADS) };
    daemon::run(options, async |signals| work(arguments, signals).await.map_err(failure))
}

fn failure(error: anyhow::Error) -> Failure {
    let has_bad_arguments =
        error.is::<TlsError>() || matches!(error.downcast_ref(), Some(Error::Addresses(_) | Error::Level(_)));
    if has_bad_arguments { Failure::bad_arguments(error) } else { Failure::failed(error) }
}

async fn work(arguments: Arguments, signals: Signals) -> anyhow::Result<()> {
    let join_token = arguments.join_token_file.as_deref().map(join_token).transpose()?;
    let authorities = arguments.ca_file.as_deref().map(tls::authorities).transpose()?;
    let config = Config {
        trust: authorities.as_deref().map_or_else(Trust::default, Trust::in_authorities),
        threads: arguments.threads,
        name: arguments.name,
        join_token,
        ..Config::new(arguments::items(arguments.coordinator))
    };
    Ok(carlo_worker::run(config, signals.shutdown).await?)
}

fn join_token(path: &Path) -> anyhow::Result<JoinToken> {
    let text = files::read_text(path).with_context(|| format!("failed to read {}", path.display()))?;
    JoinToken::new(text.trim()).with_context(|| format!("{} holds no join token", path.display()))
}
