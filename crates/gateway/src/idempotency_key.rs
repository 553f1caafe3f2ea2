//! The header `Idempotency-Key`: a request that is repeated with the same key gets the first
//! response. The coordinator remembers the keys.

use axum::http::{HeaderMap, HeaderName, StatusCode};
use carlo_types::limits::IDEMPOTENCY_KEY_BYTES_MAX;

use crate::problem::Failure;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The key of a request; empty if it has none.
///
/// # Errors
///
/// 400 if the header is given twice, or is anything but 1 to 255 visible ASCII characters.
pub(crate) fn read(headers: &HeaderMap) -> Result<String, Failure> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(String::new()) };
    let key = key.as_bytes();
    let is_valid = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len())
        && key.iter().all(u8::is_ascii_graphic)
        && keys.next().is_none();
    match std::str::from_utf8(key) {
        Ok(key) if is_valid => Ok(key.to_owned()),
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
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn an_idempotency_key_is_visible_ascii() {
        let read = |values: &[&str]| {
            let headers =
                values.iter().map(|value| (IDEMPOTENCY_KEY, HeaderValue::try_from(*value).unwrap()));
            read(&headers.collect()).ok()
        };
        assert_eq!(read(&[]).as_deref(), Some(""));
        assert_eq!(read(&["a-1~"]).as_deref(), Some("a-1~"));
        assert_eq!(read(&[&"x".repeat(255)]).map(|key| key.len()), Some(255));
        for wrong in [&[""][..], &["a b"], &[&"x".repeat(256)], &["\u{e4}"], &["a", "b"]] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
