//! Logs: to stderr, one line an event, as text or as JSON.

use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

/// The variable that says what is logged, in the syntax of `tracing-subscriber`'s `EnvFilter`: `info`, `carlo_schedule=debug`, …
pub const FILTER_VARIABLE: &str = "CARLO_LOG";

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// One JSON object a line.
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

/// Starts logging for this process. `default` is the filter where [`FILTER_VARIABLE`] is not set; a filter that can't be read falls
/// back to it, with a warning. Later calls change nothing.
pub fn init(format: LogFormat, default: &str) {
    let (filter, fault) = match std::env::var(FILTER_VARIABLE).ok().map(|text| text.parse::<EnvFilter>()) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(default), Some(error)),
        None => (EnvFilter::new(default), None),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let installed = match format {
        LogFormat::Text => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    if let (Ok(()), Some(error)) = (installed, fault) {
        tracing::warn!(%error, "{FILTER_VARIABLE} can't be read; logging {default}");
    }
}
