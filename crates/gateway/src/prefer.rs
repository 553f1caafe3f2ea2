//! `Prefer: wait=N` (RFC 7240): long polls.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use carlo_service::CancellationToken;

use crate::problem::Failure;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// The longest wait for a change.
const WAIT_SECONDS_MAX: u32 = 30;

/// How long a client wants to wait for a change. As the RFC demands, an unreadable preference is
/// ignored. A longer wait than the maximum becomes the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wait {
    seconds: Option<u32>,
}

impl Wait {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let preferences = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let seconds = preferences.flat_map(|list| list.split(',')).find_map(|preference| {
            let (name, value) = preference.split(';').next()?.split_once('=')?;
            let seconds: u32 = value.trim().trim_matches('"').parse().ok()?;
            name.trim().eq_ignore_ascii_case("wait").then_some(seconds.min(WAIT_SECONDS_MAX))
        });
        Self { seconds }
    }

    /// Whether the client wants to wait.
    pub(crate) fn is_some(self) -> bool {
        self.seconds.is_some_and(|seconds| seconds > 0)
    }

    pub(crate) fn milliseconds(self) -> u32 {
        self.seconds.unwrap_or(0) * 1_000
    }

    pub(crate) fn duration(self) -> Duration {
        Duration::from_millis(self.milliseconds().into())
    }

    /// Makes `call` with this wait. If the gateway shuts down meanwhile, it repeats the call
    /// without a wait, so that the client gets the current state at once.
    pub(crate) async fn until_shutdown<T, F>(
        self,
        shutdown: &CancellationToken,
        call: impl Fn(Self) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        if !self.is_some() {
            return call(self).await;
        }
        tokio::select! {
            // The shutdown also ends the call, but this branch gives a better response.
            biased;
            () = shutdown.cancelled() => call(Self::default()).await,
            result = call(self) => result,
        }
    }

    /// Adds `Preference-Applied` to the response.
    pub(crate) fn applied(self, mut response: Response) -> Response {
        if let Some(seconds) = self.seconds {
            let value = HeaderValue::try_from(format!("wait={seconds}")).expect("digits");
            response.headers_mut().insert(PREFERENCE_APPLIED, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_found_among_other_preferences() {
        for (values, seconds) in [
            (&["wait=5"][..], Some(5)),
            (&["respond-async, wait=10"], Some(10)),
            (&["respond-async", "Wait = \"7\""], Some(7)),
            (&["wait=31"], Some(30)),
            (&["wait=0"], Some(0)),
            (&["wait"], None),
            (&["wait=-1"], None),
            (&["wait=1.5"], None),
            (&["waiting=3"], None),
            (&[], None),
        ] {
            let headers = values.iter().map(|value| (PREFER, HeaderValue::try_from(*value).unwrap()));
            assert_eq!(Wait::of(&headers.collect()).seconds, seconds, "{values:?}");
        }
    }
}
