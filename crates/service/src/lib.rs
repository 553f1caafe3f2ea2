//! What every daemon needs, independent of the domain.
//!
//! Programs that need no network do without the feature `daemon`. They have [`arguments`],
//! [`files`], [`shutdown`] and [`stderr`].
//!
//! * [`daemon`]: a daemon's `main`: logging, signals, the runtime and the exit code.
//! * [`telemetry`], [`log_throttle`]: logging, and how often a repeated failure is logged.
//! * [`notify`]: notifications for systemd.
//! * [`stderr`]: lines on stderr, which never harm the process.
//! * [`shutdown`]: SIGINT and SIGTERM end a daemon, SIGHUP makes it reread its files.
//! * [`admin`], [`metrics`]: health, readiness and metrics over HTTP.
//! * [`arguments`], [`files`]: how variables, lists and files are read.
//! * [`clock`]: the calendar, and how far those of two daemons differ.
//! * [`listen`], [`descriptors`]: listening addresses, and the limit on open connections.
//! * [`pacing`]: responses at the pace of their clients.
//! * [`write_deadline`]: connections whose peer doesn't read.
//! * [`reload`]: rereads files that change.
//! * [`trace`]: spans of distributed traces, and their export.
//! * [`tls`]: a daemon's certificate, and the authorities it trusts.

#[cfg(feature = "daemon")]
pub mod admin;
pub mod arguments;
pub mod clock;
#[cfg(feature = "daemon")]
pub mod daemon;
#[cfg(feature = "daemon")]
pub mod descriptors;
pub mod files;
#[cfg(feature = "daemon")]
pub mod listen;
#[cfg(feature = "daemon")]
pub mod log_throttle;
#[cfg(feature = "daemon")]
pub mod metrics;
pub mod notify;
#[cfg(feature = "daemon")]
pub mod pacing;
#[cfg(feature = "daemon")]
pub mod reload;
pub mod shutdown;
pub mod stderr;
#[cfg(feature = "daemon")]
pub mod telemetry;
#[cfg(feature = "daemon")]
pub mod tls;
#[cfg(feature = "daemon")]
pub mod trace;
#[cfg(feature = "daemon")]
pub mod write_deadline;

use std::error::Error;

/// Signals a task to end.
pub use tokio_util::sync::CancellationToken;

/// An error and its causes in one line. A cause that the text before it already ends with is left
/// out.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !words.ends_with(&next) {
            words = format!("{words}: {next}");
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Level(&'static str, #[source] Option<Box<Level>>);
        let error = Level("failed to bind: in use", Some(Level("in use", None).into()));
        assert_eq!(
            chain(&Level("failed to start", Some(error.into()))),
            "failed to start: failed to bind: in use"
        );
    }
}
