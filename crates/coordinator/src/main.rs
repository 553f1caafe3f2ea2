//! `carlo-coordinator`: parses its arguments, then [`carlo_coordinator::run`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use carlo_coordinator::{Config, Data};
use carlo_service::listen;
use carlo_service::telemetry::{self, LogFormat};
use clap::{Parser, ValueEnum};

/// Queues the jobs of a carlo cluster, leases them to workers, and keeps every acknowledged job in its data directory.
///
/// Exit codes: 0 shut down, 1 failed, 2 bad arguments.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where gateways and workers reach it.
    #[arg(long, env = "CARLO_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
    /// Where it keeps its ledger; made where there is none.
    #[arg(long, env = "CARLO_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// How callers prove who they are. There are no keys yet, so `off` must be said; it is for loopback addresses only.
    #[arg(long, env = "CARLO_AUTH", value_enum)]
    auth: Auth,
    /// How log lines look: text or json. What is logged is in `CARLO_LOG`, like `info` or `carlo_schedule=debug`.
    #[arg(long, env = "CARLO_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Auth {
    /// Every caller is the user `local`.
    Off,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    telemetry::init(arguments.log_format, "info");
    match lead(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn lead(arguments: Arguments) -> anyhow::Result<()> {
    let Auth::Off = arguments.auth;
    let shutdown = carlo_service::shutdown::on_signal()?;
    let listener = listen::loopback(arguments.listen).await?;
    let config = Config::new(Data::Directory(arguments.data_dir));
    Ok(carlo_coordinator::run(config, listener, shutdown).await?)
}
