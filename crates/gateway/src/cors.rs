//! CORS: the other origins whose pages may make calls from a browser. By default there are none.

use std::str::FromStr;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may cache the response to a preflight.
const MAX_AGE: Duration = Duration::from_hours(1);

/// The origins whose pages may make calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CorsOrigins {
    /// Every origin may call, `*`.
    is_any: bool,
    named: Vec<HeaderValue>,
}

/// The text is not a list of origins.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{origin:?} is not an origin: {reason}")]
pub struct OriginError {
    origin: String,
    reason: String,
}

impl CorsOrigins {
    /// Merges these lists.
    pub fn all(lists: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for list in lists {
            all.is_any |= list.is_any;
            all.named.extend(list.named);
        }
        all
    }

    /// Whether the list contains `origin` itself. `*` contains none.
    pub(crate) fn names(&self, origin: &str) -> bool {
        self.named.iter().any(|named| named == origin)
    }
}

impl FromStr for CorsOrigins {
    type Err = OriginError;

    /// Reads origins that are separated by commas. Blanks around them, and a comma at the end, are
    /// ignored.
    fn from_str(list: &str) -> Result<Self, OriginError> {
        let mut origins = Self::default();
        for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            if text == "*" {
                origins.is_any = true;
            } else {
                origins.named.push(origin(text)?);
            }
        }
        Ok(origins)
    }
}

/// Reads an origin and writes it as browsers do: in lower case, without the scheme's own port.
fn origin(text: &str) -> Result<HeaderValue, OriginError> {
    let refuse = |reason: String| OriginError { origin: text.to_owned(), reason };
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(refuse(format!("it has no scheme; write https://{text}, or * for every origin")));
    };
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err(refuse("the scheme must be http or https".to_owned()));
    }
    if let Some(at) = rest.find(['/', '?', '#']) {
        let origin = format!("{scheme}://{}", &rest[..at]);
        return Err(refuse(format!("it must end after the host or port; write {origin}")));
    }
    let uri: Uri = text.parse().map_err(|error| refuse(format!("{error}")))?;
    let authority = uri.authority().filter(|authority| !authority.host().is_empty());
    let authority = authority.ok_or_else(|| refuse("it has no host".to_owned()))?;
    if rest.contains(['@', '*']) {
        return Err(refuse("it may have a host and a port only, and * stands only by itself".to_owned()));
    }
    let host = authority.host().to_ascii_lowercase();
    let port = authority.port_u16();
    if rest.contains("]:") || (rest.contains(':') && !rest.contains('[')) {
        port.ok_or_else(|| refuse("its port is not a number from 0 to 65535".to_owned()))?;
    }
    let is_default = matches!((scheme.as_str(), port), (_, None) | ("http", Some(80)) | ("https", Some(443)));
    let port = port.filter(|_| !is_default).map(|port| format!(":{port}")).unwrap_or_default();
    HeaderValue::try_from(format!("{scheme}://{host}{port}")).map_err(|error| refuse(error.to_string()))
}

/// The layer that allows calls from these origins; `None` if there are none.
pub(crate) fn layer(origins: &CorsOrigins) -> Option<CorsLayer> {
    let header = HeaderName::from_static;
    let request_headers = [
        AUTHORIZATION,
        CONTENT_TYPE,
        IF_NONE_MATCH,
        header("x-api-key"),
        header("idempotency-key"),
        header("last-event-id"),
        header("prefer"),
        header("x-request-id"),
    ];
    let response_headers = [
        ETAG,
        LOCATION,
        RETRY_AFTER,
        header("preference-applied"),
        header("ratelimit"),
        header("ratelimit-policy"),
        header("x-job-id"),
        header("x-request-id"),
    ];
    let allow = match origins {
        CorsOrigins { is_any: true, .. } => AllowOrigin::any(),
        CorsOrigins { named, .. } if named.is_empty() => return None,
        CorsOrigins { named, .. } => AllowOrigin::list(named.iter().cloned()),
    };
    Some(
        CorsLayer::new()
            .allow_origin(allow)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers(request_headers)
            .expose_headers(response_headers)
            .max_age(MAX_AGE),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for (list, named) in [
            ("https://example.org", &["https://example.org"][..]),
            (" https://a.example , http://b.example:8080,", &["https://a.example", "http://b.example:8080"]),
            ("HTTPS://Example.org:443,http://x:80", &["https://example.org", "http://x"]),
            ("http://[::1]:3000", &["http://[::1]:3000"]),
            ("", &[]),
        ] {
            let origins: CorsOrigins = list.parse().unwrap();
            assert_eq!(
                (origins.is_any, origins.named),
                (false, named.iter().map(|name| name.parse().unwrap()).collect()),
                "{list}"
            );
        }
        let any: CorsOrigins = "https://a.example, *".parse().unwrap();
        assert!(any.is_any && any.names("https://a.example") && !any.names("https://b.example"));
    }

    #[test]
    fn what_would_never_match_is_refused_in_words() {
        for (text, words) in [
            ("example.org", "it has no scheme; write https://example.org"),
            ("https://example.org/", "write https://example.org"),
            ("https://example.org/app", "write https://example.org"),
            ("ftp://example.org", "the scheme must be http or https"),
            ("null", "it has no scheme"),
            ("https://", "is not an origin"),
            ("https://*.example.org", "* stands only by itself"),
            ("https://user@example.org", "it may have a host and a port only"),
            ("https://example.org:99999", "is not an origin"),
            ("https://example.org:", "is not an origin"),
            ("https://ex\u{e4}mple.org", "is not an origin"),
            ("https://a.example,b.example", "\"b.example\" is not an origin"),
        ] {
            let error = text.parse::<CorsOrigins>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
