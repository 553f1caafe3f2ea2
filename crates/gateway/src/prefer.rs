//! What a request's headers ask for beside the request itself: `Prefer: wait` (RFC 7240), `Idempotency-Key`.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use carlo_types::limits::IDEMPOTENCY_KEY_BYTES_MAX;

use crate::problem::Failure;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest wait for a change.
const WAIT_SECONDS_MAX: u32 = 30;

/// How long a client would wait for a change. A preference that can't be read is none, as the RFC says; a longer wait is the
/// longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wait {
    seconds: Option<u32>,
}

impl Wait {
    /// What these headers prefer.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let preferences = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let seconds = preferences.flat_map(|list| list.split(',')).find_map(|preference| {
            let (name, value) = preference.split(';').next()?.split_once('=')?;
            let seconds: u32 = value.trim().trim_matches('"').parse().ok()?;
            name.trim().eq_ignore_ascii_case("wait").then_some(seconds.min(WAIT_SECONDS_MAX))
        });
        Self { seconds }
    }

    /// Whether it waits at all.
    pub(crate) fn is_some(self) -> bool {
        self.seconds.is_some_and(|seconds| seconds > 0)
    }

    /// The wait in milliseconds.
    pub(crate) fn milliseconds(self) -> u32 {
        self.seconds.unwrap_or(0) * 1_000
    }

    /// The wait.
    pub(crate) fn duration(self) -> Duration {
        Duration::from_millis(self.milliseconds().into())
    }

    /// Says on the answer that it was honoured.
    pub(crate) fn applied(self, mut response: Response) -> Response {
        if let Some(seconds) = self.seconds {
            let value = HeaderValue::try_from(format!("wait={seconds}")).expect("digits");
            response.headers_mut().insert(PREFERENCE_APPLIED, value);
        }
        response
    }
}

/// The key under which a repeated request gets the first answer; empty where there is none.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<String, Failure> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(String::new()) };
    let key = key.as_bytes();
    let is_sane = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len())
        && key.iter().all(u8::is_ascii_graphic)
        && keys.next().is_none();
    match std::str::from_utf8(key) {
        Ok(key) if is_sane => Ok(key.to_owned()),
        _ => {
            let detail = format!(
                "Idempotency-Key must be one value of 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters"
            );
            Err(Failure::new(StatusCode::BAD_REQUEST, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::try_from(*value).unwrap())).collect()
    }

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
            assert_eq!(Wait::of(&headers(&PREFER, values)).seconds, seconds, "{values:?}");
        }
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii() {
        let read = |values: &[&str]| idempotency_key(&headers(&IDEMPOTENCY_KEY, values)).ok();
        assert_eq!(read(&[]).as_deref(), Some(""));
        assert_eq!(read(&["a-1~"]).as_deref(), Some("a-1~"));
        assert_eq!(read(&[&"x".repeat(255)]).map(|key| key.len()), Some(255));
        for wrong in [&[""][..], &["a b"], &[&"x".repeat(256)], &["\u{e4}"], &["a", "b"]] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
