//! Logging to stderr, one line per event, as text or JSON.
//!
//! * [`filter`]: selects what is logged.
//! * [`json`]: the JSON format.

mod filter;
mod json;

use std::env::VarError;
use std::error::Error;
use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;

pub use filter::FilterError;

use json::JsonLines;

use crate::stderr::{self, LineWriter};

/// The variable that sets what is logged: a level, `target=level`, or several of them separated by
/// commas, such as `info` or `carlo_schedule=debug`.
pub const FILTER_VARIABLE: &str = "CARLO_LOG";
/// The target of errors that end the process. They are logged whatever the filter says.
const FATAL: &str = "fatal";

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected text or json"),
        }
    }
}

/// Active logging. Dropping it waits briefly for the last lines to be written.
#[must_use = "the last lines may be lost unless it is dropped at the end of the process"]
pub struct Telemetry(());

impl Drop for Telemetry {
    fn drop(&mut self) {
        stderr::flush();
    }
}

/// Starts logging for this process. `default` is the level of targets that [`FILTER_VARIABLE`]
/// doesn't name, and of all targets if it is empty or not set. Later calls change nothing.
///
/// The second value is the error if the variable can't be used. Even then logging starts, at
/// `default`, so that the error can be logged.
pub fn init(format: LogFormat, default: &str) -> (Telemetry, Result<(), FilterError>) {
    let text = match std::env::var(FILTER_VARIABLE) {
        Ok(text) => Ok(Some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(FilterError::NotUnicode),
    };
    let (filter, checked) = match text.and_then(|text| filter::filter(text.as_deref(), default)) {
        Ok(filter) => (filter, Ok(())),
        Err(error) => (EnvFilter::new(format!("{default},{FATAL}=error")), Err(error)),
    };
    // If the thread can't be started there is no log, but the daemon works.
    let Ok(writer) = LineWriter::start(std::io::stderr()) else { return (Telemetry(()), checked) };
    let is_debug = filter.max_level_hint().is_none_or(|level| level >= LevelFilter::DEBUG);
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(writer.clone());
    let installed = match format {
        LogFormat::Text => lines.with_ansi(has_colours()).with_target(is_debug).try_init(),
        LogFormat::Json => {
            lines.with_ansi(false).fmt_fields(JsonFields::new()).event_format(JsonLines).try_init()
        }
    };
    if installed.is_ok() {
        // Only the first call installs a subscriber.
        stderr::install(writer);
    }
    (Telemetry(()), checked)
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}

/// Whether lines may be coloured: on a terminal with colours, unless `NO_COLOR` (no-color.org) is
/// set.
fn has_colours() -> bool {
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    std::io::stderr().is_terminal() && !is_refused && !is_dumb
}

/// Logs an error that ends the process, whatever the filter says.
pub fn fatal(error: &(dyn Error + 'static)) {
    tracing::error!(target: FATAL, "{}", crate::chain(error));
}

/// Makes panics log lines, whatever the filter says and in the log's format.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("without a message");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        tracing::error!(target: FATAL, place, thread, "a panic: {message}");
    }));
}
