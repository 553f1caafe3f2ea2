//! Compression of responses, for clients that accept gzip.

use axum::extract::Request;
use axum::http::header::ACCEPT_ENCODING;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// Reduces `Accept-Encoding` to gzip or nothing. A client that accepts neither gzip nor plain bytes
/// gets plain bytes, as RFC 9110 (section 12.5.3) allows: its request has been carried out by then,
/// and a refusal would not say so.
pub(crate) async fn gzip_or_plain(mut request: Request, next: Next) -> Response {
    let headers = request.headers_mut();
    let accepts_gzip = accepts_gzip(headers);
    headers.remove(ACCEPT_ENCODING);
    if accepts_gzip {
        headers.insert(ACCEPT_ENCODING, GZIP);
    }
    next.run(request).await
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut accepts_others = false;
    for coding in values.flat_map(|list| list.split(',')) {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let quality = quality.trim().strip_prefix("q=").map(|quality| quality.trim().parse::<f64>());
        let is_accepted = quality.is_none_or(|quality| quality.is_ok_and(|quality| quality > 0.0));
        match name.trim() {
            name if ["gzip", "x-gzip"].iter().any(|gzip| name.eq_ignore_ascii_case(gzip)) => {
                return is_accepted;
            }
            "*" => accepts_others = is_accepted,
            _ => {}
        }
    }
    accepts_others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_accepted_where_it_says_so() {
        for (accepted, gzip) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("deflate, x-gzip", true),
            ("*", true),
            ("*, gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("gzip; q=no", false),
            ("identity;q=0, br", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, accepted.parse().unwrap());
            assert_eq!(accepts_gzip(&headers), gzip, "{accepted}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
