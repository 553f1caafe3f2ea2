//! Exit codes, and errors on stderr.

use std::process::ExitCode;

use carlo_service::chain;
use carlo_service::listen::ListenError;
use carlo_service::telemetry::{self, FilterError};
use carlo_service::tls::TlsError;

use crate::client::ClientError;
use crate::commands::NoSuchJob;
use crate::keys::NoSuchKey;
use crate::nodes::NoSuchNode;
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
            || error.is::<BadArgument>()
            || error.is::<Unverifiable>()
            || error.is::<TlsError>()
            || error.is::<FilterError>()
        {
            return Self::BadInput;
        }
        if let Some(ListenError::NotLoopback(_)) = error.downcast_ref() {
            return Self::BadInput;
        }
        if error.is::<NoSuchNode>() || error.is::<NoSuchKey>() || error.is::<NoSuchJob>() {
            return Self::NotFound;
        }
        match error.downcast_ref() {
            Some(ClientError::Url { .. } | ClientError::Key) => Self::BadInput,
            Some(ClientError::Refused(response)) => match response.problem.status {
                400 | 413 | 415 | 422 => Self::BadInput,
                401 | 403 => Self::NotAllowed,
                402 | 429 => Self::Limited,
                404 => Self::NotFound,
                _ => Self::Failed,
            },
            _ => Self::Failed,
        }
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
    telemetry::say(&visible::lines(line));
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use carlo_rest::Problem;

    use super::*;
    use crate::client::ErrorResponse;

    fn refused(status: u16) -> anyhow::Error {
        let text = String::new;
        let problem = Problem {
            kind: text(),
            title: text(),
            status,
            detail: text(),
            instance: text(),
            errors: vec![],
            error: text(),
            quota: None,
            budget_cap_usd: None,
        };
        anyhow::Error::new(ClientError::Refused(Box::new(ErrorResponse {
            problem,
            retry_after: None,
            job: None,
        })))
    }

    #[test]
    fn the_servers_status_decides_the_code_also_beneath_a_context() {
        for (status, exit) in [
            (400, Exit::BadInput),
            (422, Exit::BadInput),
            (404, Exit::NotFound),
            (401, Exit::NotAllowed),
            (403, Exit::NotAllowed),
            (402, Exit::Limited),
            (429, Exit::Limited),
            (409, Exit::Failed),
            (500, Exit::Failed),
        ] {
            let error = Err::<(), _>(refused(status)).context("failed to do it").unwrap_err();
            assert_eq!(Exit::of(&error), exit, "{status}");
        }
    }

    #[test]
    fn a_reader_that_has_read_enough_is_no_error() {
        assert_eq!(Exit::of(&StdoutClosed.into()), Exit::Ok);
    }
}
