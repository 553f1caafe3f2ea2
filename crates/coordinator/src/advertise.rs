//! The URL at which gateways and workers reach this coordinator. While this one leads, the other
//! coordinators refer callers to this URL.

use std::net::{IpAddr, SocketAddr};

use tonic::codegen::http::Uri;

/// The reason why a URL can't be advertised.
#[derive(Debug, thiserror::Error)]
pub enum AdvertiseError {
    /// The text isn't a URL with a scheme.
    #[error("--advertise {0:?} is not a URL: expected something like https://coordinator.example:7070")]
    NotAUrl(String),
    /// The address is a wildcard, to which nobody can connect.
    #[error(
        "{0} can't be advertised: it stands for every address of this machine, and leads nowhere from another one; \
         give the URL at which gateways and workers reach it, with --advertise"
    )]
    Unspecified(String),
}

/// The `given` URL, or one made from the listening address.
pub(crate) fn url(
    given: Option<String>,
    address: SocketAddr,
    is_encrypted: bool,
) -> Result<String, AdvertiseError> {
    let scheme = if is_encrypted { "https" } else { "http" };
    let Some(url) = given else {
        let url = format!("{scheme}://{address}");
        return if is_unspecified(address.ip()) { Err(AdvertiseError::Unspecified(url)) } else { Ok(url) };
    };
    let parsed: Option<Uri> = url.parse().ok();
    let has_scheme = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    let host = parsed.as_ref().filter(|uri| has_scheme(uri)).and_then(Uri::host).map(str::to_owned);
    let Some(host) = host else { return Err(AdvertiseError::NotAUrl(url)) };
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    // Resolvers read "0" and "0.0" as addresses, too.
    let is_zero = host.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if is_zero || ip.is_some_and(is_unspecified) { Err(AdvertiseError::Unspecified(url)) } else { Ok(url) }
}

/// Also where the address of IPv4 is written as one of IPv6.
fn is_unspecified(ip: IpAddr) -> bool {
    ip.to_canonical().is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advertised(given: &str) -> Result<String, AdvertiseError> {
        url(Some(given.to_owned()), ([127, 0, 0, 1], 7070).into(), false)
    }

    #[test]
    fn an_address_that_leads_nowhere_is_refused() {
        for given in [
            "http://0.0.0.0:7070",
            "https://[::]:7070",
            "http://[::ffff:0.0.0.0]:7070",
            "http://[0:0:0:0:0:0:0:0]:7070",
            "http://0:7070",
            "http://0.0:7070",
        ] {
            assert!(matches!(advertised(given), Err(AdvertiseError::Unspecified(_))), "{given}");
        }
        for given in ["coordinator:7070", "127.0.0.1:7070", "ftp://a:1", "", "/path"] {
            assert!(matches!(advertised(given), Err(AdvertiseError::NotAUrl(_))), "{given}");
        }
        for everywhere in [([0, 0, 0, 0], 7070).into(), "[::]:7070".parse().unwrap()] {
            let everywhere = url(None, everywhere, true).unwrap_err();
            assert!(everywhere.to_string().contains("with --advertise"), "{everywhere}");
        }
    }

    #[test]
    fn an_address_that_others_reach_is_taken() {
        for given in ["http://coordinator:7070", "https://[::1]:7070"] {
            assert_eq!(advertised(given).unwrap(), given);
        }
        assert_eq!(url(None, ([10, 0, 0, 1], 70).into(), true).unwrap(), "https://10.0.0.1:70");
    }
}
