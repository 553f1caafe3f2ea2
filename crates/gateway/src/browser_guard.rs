//! Protects a gateway whose cluster has authentication off against web pages of other sites. A
//! browser sends their requests to loopback, too, and only `Host`, `Origin` and `Sec-Fetch-Site`
//! distinguish them from the user's own.
//!
//! With authentication on, a page has no key, so nothing is checked here.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::Failure;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses the request if authentication is off and it may come from a page of another site, or
/// from another machine.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Some(refusal) = refusal(&app, &request) {
        // Only these requests need to know whether authentication is off, which may take a call.
        match app.readiness.authentication_is_off().await {
            Ok(false) => {}
            Ok(true) => return refusal.into_response(),
            Err(failure) => return failure.into_response(),
        }
    }
    next.run(request).await
}

/// Why the request is refused if authentication is off.
fn refusal(app: &App, request: &Request) -> Option<Failure> {
    if app.is_open_address {
        let detail = "this gateway listens on an address that other machines can reach, but its cluster has \
                      authentication off: turn it on (--auth on), or let the gateway listen on 127.0.0.1";
        return Some(Failure::new(StatusCode::FORBIDDEN, detail));
    }
    let hosts = hosts(request);
    if !hosts.iter().all(|host| is_loopback(host)) {
        let detail = "authentication is off, so only requests to localhost, 127.0.0.1 or [::1] are answered: \
                      the Host of this request is another one";
        return Some(Failure::new(StatusCode::MISDIRECTED_REQUEST, detail));
    }
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let is_foreign = |headers: &HeaderMap| {
        let is_allowed = |origin: &str| is_same_origin(origin, &hosts) || app.cors_origins.names(origin);
        let is_allowed = |origin: &HeaderValue| origin.to_str().is_ok_and(is_allowed);
        // A page from a configured origin is cross-site, too.
        let is_cross_site = headers.get_all(SEC_FETCH_SITE).iter().any(|site| site == "cross-site");
        !headers.get_all(ORIGIN).iter().all(is_allowed) || (is_cross_site && !headers.contains_key(ORIGIN))
    };
    (!is_safe && is_foreign(request.headers())).then(|| {
        let detail = "authentication is off, so pages of other origins can't change anything: the Origin of \
                      this request is neither the gateway's own nor one that --cors-origin names";
        Failure::new(StatusCode::FORBIDDEN, detail)
    })
}

/// Every host that the request names: that of its URI, if it has one, and those of `Host`.
fn hosts(request: &Request) -> Vec<String> {
    let from_uri = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let from_headers = request.headers().get_all(HOST).iter();
    let from_headers = from_headers.map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    from_uri.into_iter().chain(from_headers).collect()
}

/// Whether `host`, with or without a port, is this machine. No name server is asked.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_local_name = name == "localhost" || name.ends_with(".localhost");
    !host.contains('@')
        && (is_local_name || address.is_ok_and(|address| address.to_canonical().is_loopback()))
}

/// Whether `origin` is the gateway's own, by the host that the request names.
fn is_same_origin(origin: &str, hosts: &[String]) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| hosts.iter().any(|host| host.eq_ignore_ascii_case(authority)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_from_what_only_looks_like_it() {
        for host in [
            "localhost",
            "LocalHost:3001",
            "a.localhost.",
            "127.0.0.1:80",
            "127.8.9.10",
            "[::1]:3001",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil@localhost",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
            "2130706433",
            "localhost evil",
            "127.1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_the_gateways_own_with_the_same_port_only() {
        let hosts = ["localhost:3001".to_owned()];
        assert!(is_same_origin("http://localhost:3001", &hosts));
        for origin in ["null", "http://localhost:3000", "http://localhost", "localhost:3001", "file://"] {
            assert!(!is_same_origin(origin, &hosts), "{origin}");
        }
    }
}
