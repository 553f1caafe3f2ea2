//! `carlo-gateway`: reads its arguments and runs.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use carlo_gateway::{Config, HeaderValue};
use carlo_service::listen::{self, ListenError};
use carlo_service::shutdown;
use carlo_service::telemetry::{self, LogFormat};
use clap::Parser;

const BAD_ARGUMENTS: u8 = 2;

/// carlo's REST door: HTTP and JSON outside, gRPC to the coordinator inside.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes:\n  0  ended on SIGINT or SIGTERM\n  1  failed, with the reason on stderr\n  2  bad arguments\n\n\
                  CARLO_LOG sets what is logged, like info or carlo_gateway=debug."
)]
struct Arguments {
    /// The address to serve HTTP on; a loopback address.
    #[arg(long, env = "CARLO_LISTEN", default_value = "127.0.0.1:3001", value_name = "ADDR")]
    listen: SocketAddr,
    #[arg(
        help = "The coordinators, separated by commas, like http://127.0.0.1:7070",
        long,
        env = "CARLO_COORDINATOR",
        required = true,
        value_delimiter = ',',
        value_name = "URL[,URL]"
    )]
    coordinator: Vec<String>,
    /// An origin whose pages may call from a browser, like <https://example.org>; may be given several times.
    #[arg(long, env = "CARLO_CORS_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    cors_origin: Vec<HeaderValue>,
    /// How a log line looks: text or json.
    #[arg(long, env = "CARLO_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    telemetry::init(arguments.log_format, "info");
    let Err(error) = serve(arguments).await else { return ExitCode::SUCCESS };
    tracing::error!("{error:#}");
    let bad_arguments = error.is::<carlo_gateway::Error>()
        || matches!(error.downcast_ref(), Some(ListenError::NotLoopback(_)));
    if bad_arguments { BAD_ARGUMENTS.into() } else { ExitCode::FAILURE }
}

async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal().context("failed to handle signals")?;
    let listener = listen::loopback(arguments.listen).await?;
    let config = Config { cors_origins: arguments.cors_origin, ..Config::new(arguments.coordinator) };
    Ok(carlo_gateway::run(config, listener, shutdown).await?)
}
