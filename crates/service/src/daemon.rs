//! A daemon's `main`: logs, signals, the runtime, the exit code.

use std::error::Error;
use std::process::ExitCode;

use crate::shutdown::{self, Signals};
use crate::telemetry::{self, LogFormat};
use crate::{descriptors, tls};

/// The exit code of arguments that can't be used, clap's too.
const BAD_ARGUMENTS: u8 = 2;

/// Why a daemon ends.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
    has_bad_arguments: bool,
}

impl Failure {
    /// Other arguments, variables or files would help: exit code 2.
    pub fn bad_arguments(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), has_bad_arguments: true }
    }

    /// Anything else: exit code 1.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), has_bad_arguments: false }
    }
}

/// How a daemon runs.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How its log lines look.
    pub log_format: LogFormat,
    /// Threads of its runtime; as many as the machine has cores where absent.
    pub threads: Option<usize>,
}

/// Runs a daemon until it ends: `body` is the daemon itself, with the signals that it must heed.
///
/// An error that ends it is logged whatever the log's filter says. What still blocks at the end, a
/// lookup of a name say, isn't waited for.
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
    let ended = runtime.block_on(async { body(shutdown::signals().map_err(Failure::failed)?).await });
    runtime.shutdown_background();
    ended
}
