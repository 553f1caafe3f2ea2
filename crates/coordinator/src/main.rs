//! `carlo-coordinator`: parses the arguments and calls [`carlo_coordinator::run`].

#[path = "main/etcd.rs"]
mod etcd;
#[path = "main/ledger.rs"]
mod ledger;
#[path = "main/secrets.rs"]
mod secrets;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use carlo_coordinator::{Access, AccessError, Config, Data, Error, Settings};
use carlo_service::admin::{self, AdminListen};
use carlo_service::arguments::{self, List};
use carlo_service::daemon::{self, Failure};
use carlo_service::listen::{self, ListenError};
use carlo_service::reload::{self, Reloadable};
use carlo_service::shutdown::Signals;
use carlo_service::telemetry::LogFormat;
use carlo_service::tls::{Identity, TlsError, Trust};
use carlo_store::LedgerError;
use carlo_webhooks::{Allowed, Reach};
use clap::{Parser, ValueEnum};

use secrets::{SecretFiles, TiersFile};

/// With thousands of workers, memory is mostly freed by other threads than those that allocated it.
/// With the system's allocator a report takes 30 % more processor (`benches/scale`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The default port of the admin endpoint.
const ADMIN_PORT: u16 = 7071;

/// Queues the jobs of a carlo cluster, leases them to workers, and keeps every acknowledged job in
/// its data directory.
///
/// Exit codes: 0 shut down, 1 failed, 2 bad arguments.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<ledger::Command>,
    /// The address on which to listen for gateways and workers.
    #[arg(long, env = "CARLO_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
    /// The directory of the ledger, created if it doesn't exist. For a single coordinator; several
    /// share a ledger in etcd.
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
    /// The URL at which gateways and workers reach this coordinator. While it leads, the other
    /// coordinators refer them to this URL [default: that of `--listen`].
    #[arg(long, env = "CARLO_ADVERTISE", value_name = "URL")]
    advertise: Option<String>,
    /// Whether callers need an API key and workers a join token. `off` is for loopback addresses
    /// only.
    #[arg(long, env = "CARLO_AUTH", value_enum, ignore_case = true, default_value_t = Auth::On)]
    auth: Auth,
    /// A file with an API key of the user `admin`. If the cluster has no admin key, the file is
    /// created, readable by its owner only [default: DIR/admin-key].
    #[arg(long, env = "CARLO_ADMIN_KEY_FILE", value_name = "FILE")]
    admin_key_file: Option<PathBuf>,
    /// A file with a join token for workers. If the cluster has no join token, the file is created,
    /// readable by its owner only [default: DIR/join-token].
    #[arg(long, env = "CARLO_JOIN_TOKEN_FILE", value_name = "FILE")]
    join_token_file: Option<PathBuf>,
    /// Adds the admin key and the join token of these files to the cluster's although it has other
    /// ones. Files that don't exist are created.
    #[arg(long, env = "CARLO_ADOPT_SECRETS")]
    adopt_secrets: bool,
    /// The share of leases that another node computes again, to find nodes that compute wrongly: 0
    /// to 1. While fewer than two nodes get leases, nothing is checked.
    #[arg(long, env = "CARLO_SPOT_CHECK", value_name = "SHARE", default_value_t = 0.001, value_parser = share)]
    spot_check: f64,
    /// A JSON file with limits of tiers and the price of a token for the whole cluster. It replaces
    /// those in the ledger. `carlo tiers` shows and changes them later.
    #[arg(long, env = "CARLO_TIERS", value_name = "FILE")]
    tiers: Option<PathBuf>,
    /// The certificates for TLS, as PEM, the server's own first.
    #[arg(long, env = "CARLO_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the first certificate, as PEM.
    #[arg(long, env = "CARLO_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Certificates of the authorities that sign workers' certificates, as PEM: a worker that
    /// presents one joins without a token.
    #[arg(
        long,
        env = "CARLO_CLIENT_CA_FILE",
        value_name = "FILE",
        requires = "tls_cert",
        requires = "client_name"
    )]
    client_ca_file: Option<PathBuf>,
    /// The names in these certificates that may join, like worker-1.example or *.workers.example.
    #[arg(long, env = "CARLO_CLIENT_NAME", value_name = "NAME[,NAME]", requires = "client_ca_file")]
    client_name: Vec<List>,
    /// Allows webhooks at http URLs, too. Their requests are signed, but not encrypted.
    #[arg(long, env = "CARLO_WEBHOOK_ALLOW_HTTP")]
    webhook_allow_http: bool,
    /// Addresses, networks and hosts that webhooks may reach although they are not of the public
    /// internet, like 10.1.2.3, 10.1.0.0/16, hooks.example or *.hooks.example.
    #[arg(long, env = "CARLO_WEBHOOK_ALLOW", value_name = "HOST_OR_NETWORK[,…]")]
    webhook_allow: Vec<List>,
    /// Certificates of the authorities that are trusted for webhooks, as PEM [default: the
    /// system's].
    #[arg(long, env = "CARLO_WEBHOOK_CA_FILE", value_name = "FILE")]
    webhook_ca_file: Option<PathBuf>,
    /// Allows addresses other than loopback without TLS. All traffic, including API keys, is then
    /// unencrypted.
    #[arg(long, env = "CARLO_PLAINTEXT")]
    plaintext: bool,
    /// The address on which to serve /healthz, /readyz and /metrics over HTTP, or `off` [default:
    /// 127.0.0.1:7071, or a free port].
    #[arg(long, env = "CARLO_ADMIN_LISTEN", value_name = "ADDR")]
    admin_listen: Option<AdminListen>,
    /// The format of log lines: text or json. The environment variable `CARLO_LOG` says what is
    /// logged, like `info` or `carlo_schedule=debug`.
    #[arg(long, env = "CARLO_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Auth {
    /// Callers need an API key, and workers a join token.
    #[value(aliases = ["true", "yes", "1"])]
    On,
    /// Every caller is the user `local`, and any worker may join.
    #[value(aliases = ["false", "no", "0"])]
    Off,
}

fn main() -> ExitCode {
    let arguments: Arguments = arguments::parse();
    let options = daemon::Options { name: "coordinator", log_format: arguments.log_format, threads: None };
    daemon::run(options, async |signals| {
        let ended = match arguments.command {
            Some(ledger::Command::Ledger(command)) => ledger::run(command).await,
            None => Box::pin(lead(arguments, signals)).await,
        };
        ended.map_err(failure)
    })
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}

fn failure(error: anyhow::Error) -> Failure {
    let has_bad_arguments = error.is::<BadArguments>()
        || error.is::<TlsError>()
        || matches!(error.downcast_ref(), Some(ListenError::NotLoopback(_)))
        || matches!(
            error.downcast_ref(),
            Some(
                Error::Ledger(LedgerError::Refused { .. })
                    | Error::Advertise(_)
                    | Error::Access(AccessError::Foreign { .. })
            )
        );
    if has_bad_arguments { Failure::bad_arguments(error) } else { Failure::failed(error) }
}

/// The context of an error that is caused by the arguments.
#[derive(Debug, thiserror::Error)]
#[error("bad arguments")]
struct BadArguments;

async fn lead(arguments: Arguments, signals: Signals) -> anyhow::Result<()> {
    let (settings, mut reloadable) = settings(&arguments)?;
    let listener = match arguments.auth {
        Auth::On if arguments.plaintext || settings.tls.is_some() => {
            listen::anywhere(arguments.listen).await?
        }
        Auth::On | Auth::Off => listen::loopback(arguments.listen).await?,
    };
    let mut client_identity = None;
    let data = if let Some(directory) = arguments.data_dir {
        Data::Directory(directory)
    } else {
        let (data, files) = arguments.etcd.data().context(BadArguments)?;
        client_identity = files.identity();
        reloadable.push(Box::new(files));
        data
    };
    tokio::spawn(reload::keep_current(reloadable, signals.reload, signals.shutdown.clone()));
    let admin = admin::listen(arguments.admin_listen, ADMIN_PORT).await?;
    let config =
        Config { settings, advertise: arguments.advertise, admin, client_identity, ..Config::new(data) };
    Ok(Box::pin(carlo_coordinator::run(config, listener, signals.shutdown)).await?)
}

/// The settings, and the files among them that may change.
fn settings(arguments: &Arguments) -> anyhow::Result<(Settings, Vec<Box<dyn Reloadable>>)> {
    let mut settings = Settings::default();
    settings.scheduler.spot_check_share = arguments.spot_check;
    let mut reloadable: Vec<Box<dyn Reloadable>> = Vec::new();
    if let Some(path) = &arguments.tiers {
        let (file, terms) = TiersFile::read(path, settings.updates.clone())?;
        settings.replaces_terms = true;
        settings.terms = terms;
        reloadable.push(Box::new(file));
    }
    settings.webhook_reach = Reach {
        allows_http: arguments.webhook_allow_http,
        allowed: allowed(arguments.webhook_allow.clone()).context(BadArguments)?,
    };
    if let Some(file) = &arguments.webhook_ca_file {
        settings.webhook_trust = Trust::from_file(file)?;
        reloadable.push(Box::new(settings.webhook_trust.clone()));
    }
    if let (Some(certificates), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) {
        let client_authorities = arguments.client_ca_file.as_deref();
        let identity = Identity::asking_clients(certificates, key, &["h2"], client_authorities)?;
        reloadable.push(Box::new(identity.clone()));
        settings.tls = Some(identity);
        settings.client_names = arguments::items(arguments.client_name.clone());
    }
    if let Auth::On = arguments.auth {
        let file = |given: &Option<PathBuf>, name: &str| {
            let in_directory = || arguments.data_dir.as_ref().map(|directory| directory.join(name));
            let words = || {
                format!(
                    "failed to find the {name}: without --data-dir its file must be named, with --{name}-file"
                )
            };
            given.clone().or_else(in_directory).with_context(words)
        };
        let admin_key = file(&arguments.admin_key_file, "admin-key")?;
        let join_token = file(&arguments.join_token_file, "join-token")?;
        let (files, access) = SecretFiles::read(admin_key, join_token, settings.updates.clone())?;
        settings.access = access;
        reloadable.push(Box::new(files));
        if let Access::Keys { adopts, .. } = &mut settings.access {
            *adopts = arguments.adopt_secrets;
        }
    }
    Ok((settings, reloadable))
}

/// The exceptions for webhooks, or all faults of them.
fn allowed(lists: Vec<List>) -> anyhow::Result<Vec<Allowed>> {
    let (mut allowed, mut faults) = (Vec::new(), Vec::new());
    for item in arguments::items(lists) {
        match item.parse::<Allowed>() {
            Ok(exception) => allowed.push(exception),
            Err(error) => faults.push(error.to_string()),
        }
    }
    anyhow::ensure!(faults.is_empty(), "--webhook-allow: {}", faults.join("; "));
    Ok(allowed)
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
