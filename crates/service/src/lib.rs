//! What every daemon needs and no domain knows.
//!
//! * [`daemon`]: a daemon's `main`: logs, signals, the runtime, the exit code.
//! * [`telemetry`], [`log_throttle`]: what is logged and how; how often the same failure is.
//! * [`notify`]: what it tells systemd.
//! * [`shutdown`]: SIGINT and SIGTERM end a daemon, SIGHUP makes it read its files again.
//! * [`admin`], [`metrics`]: health, readiness and metrics over HTTP.
//! * [`arguments`], [`files`]: how variables, lists and files are read.
//! * [`listen`], [`descriptors`]: where a daemon listens, and how many connections it may have.
//! * [`reload`]: files that are read again when they change.
//! * [`tls`]: what it shows those who connect, and whom it believes.

pub mod admin;
pub mod arguments;
pub mod daemon;
pub mod descriptors;
pub mod files;
pub mod listen;
pub mod log_throttle;
pub mod metrics;
pub mod notify;
pub mod reload;
pub mod shutdown;
pub mod telemetry;
pub mod tls;

use std::error::Error;

/// Asks whoever holds it to end.
pub use tokio_util::sync::CancellationToken;

/// An error and its causes in one line, without a cause that the words before it already end with.
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
