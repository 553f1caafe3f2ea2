//! `carlo-coordinator`: parses its arguments, then [`carlo_coordinator::run`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use carlo_coordinator::{Access, Config, Data, Settings};
use carlo_service::listen;
use carlo_service::telemetry::{self, LogFormat};
use carlo_tenancy::Terms;
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
    /// Whether callers need keys and workers the join token. `off` is for loopback addresses only.
    #[arg(long, env = "CARLO_AUTH", value_enum, default_value_t = Auth::On)]
    auth: Auth,
    /// Holds a key of the user `admin`; made at the first start, for its owner alone to read [default: DIR/admin-key].
    #[arg(long, env = "CARLO_ADMIN_KEY_FILE", value_name = "FILE")]
    admin_key_file: Option<PathBuf>,
    /// Holds what workers join with; made at the first start, for its owner alone to read [default: DIR/join-token].
    #[arg(long, env = "CARLO_JOIN_TOKEN_FILE", value_name = "FILE")]
    join_token_file: Option<PathBuf>,
    /// JSON that changes the limits of tiers and the price of a token.
    #[arg(long, env = "CARLO_TIERS", value_name = "FILE")]
    tiers: Option<PathBuf>,
    /// Allows addresses other than loopback although what travels, keys too, is not encrypted.
    #[arg(long, env = "CARLO_PLAINTEXT")]
    plaintext: bool,
    /// How log lines look: text or json. What is logged is in `CARLO_LOG`, like `info` or `carlo_schedule=debug`.
    #[arg(long, env = "CARLO_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Auth {
    /// Callers need keys, workers the join token.
    On,
    /// Every caller is the user `local`, and any worker may join.
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
    let settings = settings(&arguments)?;
    let shutdown = carlo_service::shutdown::on_signal()?;
    let listener = match arguments.auth {
        Auth::On if arguments.plaintext => listen::anywhere(arguments.listen).await?,
        Auth::On | Auth::Off => listen::loopback(arguments.listen).await?,
    };
    let config = Config { settings, ..Config::new(Data::Directory(arguments.data_dir)) };
    Ok(carlo_coordinator::run(config, listener, shutdown).await?)
}

fn settings(arguments: &Arguments) -> anyhow::Result<Settings> {
    let mut settings = Settings::default();
    if let Some(path) = &arguments.tiers {
        settings.terms =
            terms(path).with_context(|| format!("failed to use the tiers in {}", path.display()))?;
    }
    if let Auth::On = arguments.auth {
        let file =
            |given: &Option<PathBuf>, name| given.clone().unwrap_or_else(|| arguments.data_dir.join(name));
        let admin_key = file(&arguments.admin_key_file, "admin-key");
        settings.access = Access::from_files(&admin_key, &file(&arguments.join_token_file, "join-token"))?;
    }
    Ok(settings)
}

fn terms(path: &Path) -> anyhow::Result<Terms> {
    let text = std::fs::read_to_string(path)?;
    Terms::parse(&text).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(faults.join("; "))
    })
}
