//! Exit codes, and errors on stderr.

#[cfg(feature = "cluster")]
mod cluster;

use std::process::ExitCode;

use carlo_service::{chain, stderr};

use crate::local::InvalidRequest;
use crate::output::StdoutClosed;
use crate::render::visible;
use crate::request::RequestError;
use crate::verify::Unverifiable;

/// The exit codes, as `carlo --help` documents them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Success.
    Ok = 0,
    /// Something failed: no server can be reached, or the server failed.
    Failed = 1,
    /// The arguments, the file or the request in it are invalid. (clap uses the same code.)
    BadInput = 2,
    /// The job that was waited for failed.
    JobFailed = 3,
    /// The job that was waited for was cancelled by somebody else.
    JobCancelled = 4,
    /// There is no such job, batch, node or key.
    NotFound = 5,
    /// The verified results differ from those of their request.
    Different = 6,
    /// The key is missing, unknown, or lacks the necessary role.
    NotAllowed = 7,
    /// A limit, a quota or a budget is exceeded.
    Limited = 8,
    /// Ended by SIGINT or SIGTERM.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The exit code of an error.
    pub fn of(error: &anyhow::Error) -> Self {
        if error.is::<StdoutClosed>() {
            // The reader of stdout has read enough, as in `carlo jobs | head -1`.
            return Self::Ok;
        }
        if error.is::<RequestError>()
            || error.is::<InvalidRequest>()
            || error.is::<BadArgument>()
            || error.is::<Unverifiable>()
        {
            return Self::BadInput;
        }
        #[cfg(feature = "cluster")]
        if let Some(exit) = cluster::exit(error) {
            return exit;
        }
        Self::Failed
    }
}

/// An invalid argument that only the command can recognize.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadArgument(pub String);

/// Prints an error to stderr and returns its exit code.
pub fn report(error: &anyhow::Error) -> Exit {
    if !error.is::<StdoutClosed>() {
        say(&format!("error: {}", chain(&**error)));
    }
    Exit::of(error)
}

/// Writes a line to stderr. Ignores errors.
pub fn say(line: &str) {
    stderr::say(&visible::lines(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_read_enough_is_no_error() {
        assert_eq!(Exit::of(&StdoutClosed.into()), Exit::Ok);
    }
}
