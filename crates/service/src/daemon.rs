//! A daemon's `main`: logging, signals, the runtime and the exit code.

use std::error::Error;
use std::process::ExitCode;

use crate::shutdown::{self, Signals};
use crate::telemetry::{self, LogFormat};
use crate::{descriptors, tls, trace};

/// The exit code for bad arguments, the same as clap's.
const BAD_ARGUMENTS: u8 = 2;

/// Why a daemon ended.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
    has_bad_arguments: bool,
}

impl Failure {
    /// Exit code 2: other arguments, variables or files would help.
    pub fn bad_arguments(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), has_bad_arguments: true }
    }

    /// Exit code 1: anything else.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), has_bad_arguments: false }
    }
}

/// Options of the process.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Options {
    /// The daemon's name: `coordinator`, `gateway`, `worker`.
    pub name: &'static str,
    pub log_format: LogFormat,
    /// Threads of the runtime; `None` for one per core.
    pub threads: Option<usize>,
}

/// Runs a daemon until it ends. `body` is the daemon, which must react to the signals.
///
/// An error that ends the daemon is logged whatever the log filter says. Work that still blocks at
/// the end, such as a DNS lookup, isn't waited for.
pub fn run<F>(options: Options, body: impl FnOnce(Signals) -> F) -> ExitCode
where
    F: Future<Output = Result<(), Failure>>,
{
    let (_telemetry, filter) = telemetry::init(options.log_format, "info");
    telemetry::log_panics();
    let ended = filter.map_err(Failure::bad_arguments).and_then(|()| block_on(options, body));
    let Err(failure) = ended else { return ExitCode::SUCCESS };
    telemetry::fatal(&*failure.error);
    if failure.has_bad_arguments { BAD_ARGUMENTS.into() } else { ExitCode::FAILURE }
}

fn block_on<F>(options: Options, body: impl FnOnce(Signals) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    descriptors::raise_limit();
    tls::install_provider();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = options.threads {
        builder.worker_threads(threads);
    }
    let runtime = builder.enable_all().build().map_err(Failure::failed)?;
    let ended = runtime.block_on(async {
        trace::start_export(options.name);
        let ended = body(shutdown::signals().map_err(Failure::failed)?).await;
        trace::stop_export().await;
        ended
    });
    runtime.shutdown_background();
    ended
}
