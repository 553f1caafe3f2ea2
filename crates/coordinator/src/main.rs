//! `carlo-coordinator`: parses its arguments, then [`carlo_coordinator::run`].

#[path = "main/etcd.rs"]
mod etcd;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use carlo_coordinator::{Config, Data, Error};
use carlo_service::listen::{self, ListenError};
use carlo_service::telemetry::{self, LogFormat};
use carlo_store::LedgerError;
use clap::{Parser, ValueEnum};

/// The exit code of arguments that can't be used, clap's too.
const BAD_ARGUMENTS: u8 = 2;

/// Queues the jobs of a carlo cluster, leases them to workers, and keeps every acknowledged job in its data directory.
///
/// Exit codes: 0 shut down, 1 failed, 2 bad arguments.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where gateways and workers reach it.
    #[arg(long, env = "CARLO_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
    /// Where it keeps its ledger; made where there is none. For a coordinator that has no others beside it.
    #[arg(
        long,
        env = "CARLO_DATA_DIR",
        value_name = "DIR",
        required_unless_present = "etcd",
        conflicts_with = "etcd"
    )]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    etcd: etcd::EtcdArguments,
    /// The URL at which gateways and workers reach it, which the others tell while it leads [default: that of `--listen`].
    #[arg(long, env = "CARLO_ADVERTISE", value_name = "URL")]
    advertise: Option<String>,
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
    let Err(error) = lead(arguments).await else { return ExitCode::SUCCESS };
    tracing::error!("{error:#}");
    let bad_arguments = error.is::<BadArguments>()
        || matches!(error.downcast_ref(), Some(ListenError::NotLoopback(_)))
        || matches!(error.downcast_ref(), Some(Error::Ledger(LedgerError::Refused { .. })));
    if bad_arguments { BAD_ARGUMENTS.into() } else { ExitCode::FAILURE }
}

/// The context of an error that other arguments would mend.
#[derive(Debug, thiserror::Error)]
#[error("bad arguments")]
struct BadArguments;

async fn lead(arguments: Arguments) -> anyhow::Result<()> {
    let Auth::Off = arguments.auth;
    let shutdown = carlo_service::shutdown::on_signal()?;
    let data = match arguments.data_dir {
        Some(directory) => Data::Directory(directory),
        None => arguments.etcd.data().context(BadArguments)?,
    };
    let listener = listen::loopback(arguments.listen).await?;
    let config = Config { advertise: arguments.advertise, ..Config::new(data) };
    Ok(carlo_coordinator::run(config, listener, shutdown).await?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_ledger_is_in_one_place() {
        let parse = |arguments: &[&str]| {
            Arguments::try_parse_from([&["carlo-coordinator", "--auth", "off"], arguments].concat())
        };
        parse(&["--data-dir", "/data"]).unwrap();
        parse(&["--etcd", "http://a:2379,http://b:2379", "--etcd-user", "carlo"]).unwrap();
        parse(&[]).unwrap_err();
        parse(&["--data-dir", "/data", "--etcd", "http://a:2379"]).unwrap_err();
    }
}
