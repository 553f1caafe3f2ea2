//! The exit codes of commands that run a cluster or use a server.

use carlo_service::listen::ListenError;
use carlo_service::telemetry::FilterError;
use carlo_service::tls::TlsError;

use super::Exit;
use crate::client::ClientError;
use crate::commands::NoSuchJob;
use crate::keys::NoSuchKey;
use crate::nodes::NoSuchNode;

/// The exit code of an error that has one of its own.
pub(super) fn exit(error: &anyhow::Error) -> Option<Exit> {
    let is_not_loopback = matches!(error.downcast_ref(), Some(ListenError::NotLoopback(_)));
    if error.is::<TlsError>() || error.is::<FilterError>() || is_not_loopback {
        return Some(Exit::BadInput);
    }
    if error.is::<NoSuchNode>() || error.is::<NoSuchKey>() || error.is::<NoSuchJob>() {
        return Some(Exit::NotFound);
    }
    match error.downcast_ref()? {
        ClientError::Url { .. } | ClientError::Key => Some(Exit::BadInput),
        ClientError::Refused(response) => match response.problem.status {
            400 | 413 | 415 | 422 => Some(Exit::BadInput),
            401 | 403 => Some(Exit::NotAllowed),
            402 | 429 => Some(Exit::Limited),
            404 => Some(Exit::NotFound),
            _ => None,
        },
        ClientError::Unreachable { .. } | ClientError::NotCarlo { .. } => None,
    }
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
}
