//! The addresses to which a cluster may connect for webhooks. A user names the URL, so that without
//! these rules a user could make the coordinator call services inside its own network.
//!
//! Addresses are judged after the name has been resolved, and the coordinator connects to exactly
//! the address that was judged, so a name can't change its meaning in between (DNS rebinding).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::LazyLock;

use carlo_types::webhook::HttpUrl;
use ipnet::IpNet;
use url::Host;

/// Networks that are not the public internet, by IANA's registries of special addresses, and public
/// addresses of clouds that only their machines reach.
const SPECIAL: [(&str, &str); 30] = [
    ("0.0.0.0/8", "of this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "of a provider's internal network"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "of a cloud's metadata"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved for protocols"),
    ("192.0.2.0/24", "for documentation"),
    ("192.88.99.0/24", "of a 6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("64:ff9b:1::/48", "of a local translation"),
    ("100::/64", "discarded"),
    ("2001::/23", "reserved for protocols"),
    ("2001:db8::/32", "for documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "for documentation"),
    ("5f00::/16", "of segment routing"),
    ("fc00::/7", "unique local"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
    ("::/96", "IPv4-compatible"),
];
/// All public IPv6 addresses are in this network.
const GLOBAL: &str = "2000::/3";
/// Addresses that are translated to the IPv4 address in their last 32 bits (RFC 6052).
const TRANSLATED: &str = "64:ff9b::/96";

struct Networks {
    special: Vec<(IpNet, &'static str)>,
    global: IpNet,
    translated: IpNet,
}

static NETWORKS: LazyLock<Networks> = LazyLock::new(|| {
    let network = |text: &str| text.parse().expect("a constant that is a network");
    Networks {
        special: SPECIAL.iter().map(|(text, words)| (network(text), *words)).collect(),
        global: network(GLOBAL),
        translated: network(TRANSLATED),
    }
});

/// An exception from the rules: an address, a network, or a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// All addresses of this network.
    Network(IpNet),
    /// This host, in small letters, whatever its address is.
    Host(String),
    /// All hosts below this domain, in small letters.
    Below(String),
}

/// The text is no exception.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is neither an address nor a network like 10.1.0.0/16 nor a host like hooks.example or *.example"
)]
pub struct ParseAllowedError(String);

impl FromStr for Allowed {
    type Err = ParseAllowedError;

    fn from_str(text: &str) -> Result<Self, ParseAllowedError> {
        let error = || ParseAllowedError(text.to_owned());
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        let (name, is_below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        let Ok(Host::Domain(name)) = Host::parse(name) else { return Err(error()) };
        // An address with a typing mistake should not become a host that never exists.
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        let is_number = name.split('.').all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        match (is_name && !is_number, is_below) {
            (false, _) => Err(error()),
            (true, true) => Ok(Self::Below(name)),
            (true, false) => Ok(Self::Host(name)),
        }
    }
}

/// Why a URL or an address may not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants and their fields")]
pub enum Refused {
    #[error("must begin with https://: this cluster sends nothing unencrypted")]
    Unencrypted,
    #[error(
        "must not lead to {address}, which is {kind}: the operators of this cluster allow no such address"
    )]
    Address { address: IpAddr, kind: &'static str },
    #[error("must not lead to the cluster's own machine")]
    Localhost,
}

/// Where a cluster may connect to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// Whether URLs may be `http`.
    pub allows_http: bool,
    /// Exceptions from the rules about addresses.
    pub allowed: Vec<Allowed>,
}

impl Reach {
    /// Refuses what can be refused before the name is resolved.
    ///
    /// # Errors
    ///
    /// If the URL is not encrypted, or names a special address or this machine.
    pub fn check_url(&self, url: &HttpUrl) -> Result<(), Refused> {
        let url = url.parts();
        if url.scheme() != "https" && !self.allows_http {
            return Err(Refused::Unencrypted);
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.check(&address.to_string(), address.into()),
            Some(Host::Ipv6(address)) => self.check(&address.to_string(), address.into()),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                let is_local = name == "localhost" || name.ends_with(".localhost");
                let loopback = self.allows(name, Ipv4Addr::LOCALHOST.into());
                if is_local && !loopback && !self.allows(name, Ipv6Addr::LOCALHOST.into()) {
                    return Err(Refused::Localhost);
                }
                Ok(())
            }
            // A URL without a host is no `HttpUrl`.
            None => Ok(()),
        }
    }

    /// Whether this address, to which this host was resolved, may be reached.
    ///
    /// # Errors
    ///
    /// If the address is special, and not among the exceptions.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        match special(address) {
            Some(kind) if !self.allows(host, address) => Err(Refused::Address { address, kind }),
            _ => Ok(()),
        }
    }

    fn allows(&self, host: &str, address: IpAddr) -> bool {
        let plain = plain(address);
        self.allowed.iter().any(|allowed| match allowed {
            Allowed::Network(network) => network.contains(&address) || network.contains(&plain),
            Allowed::Host(name) => host.trim_end_matches('.').eq_ignore_ascii_case(name),
            Allowed::Below(domain) => {
                let host = host.trim_end_matches('.').to_ascii_lowercase();
                host.strip_suffix(domain.as_str())
                    .is_some_and(|below| below.len() > 1 && below.ends_with('.'))
            }
        })
    }
}

/// What kind of special address it is; `None` for one of the public internet.
fn special(address: IpAddr) -> Option<&'static str> {
    let (address, networks) = (plain(address), &*NETWORKS);
    let kind = networks.special.iter().find(|(network, _)| network.contains(&address)).map(|(_, kind)| *kind);
    kind.or_else(|| (address.is_ipv6() && !networks.global.contains(&address)).then_some("not public"))
}

/// The IPv4 address behind an IPv6 address that only stands for one.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    if NETWORKS.translated.contains(&address) {
        let [.., a, b, c, d] = v6.octets();
        return Ipv4Addr::new(a, b, c, d).into();
    }
    address
}

#[cfg(test)]
mod tests {
    use carlo_types::definition::Leaf as _;

    use super::*;

    fn reach(allowed: &[&str]) -> Reach {
        Reach { allows_http: false, allowed: allowed.iter().map(|text| text.parse().unwrap()).collect() }
    }

    fn url(text: &str) -> HttpUrl {
        HttpUrl::judge(text.to_owned(), &()).unwrap()
    }

    #[test]
    fn the_first_and_the_last_address_of_every_special_network_are_refused() {
        for (text, _) in SPECIAL {
            let network: IpNet = text.parse().unwrap();
            for address in [network.network(), network.broadcast()] {
                let refused = reach(&[]).check("host", address).unwrap_err();
                assert!(matches!(refused, Refused::Address { .. }), "{address}: {refused}");
            }
        }
    }

    #[test]
    fn every_class_of_addresses_is_judged() {
        let judge = |text: &str| special(text.parse().unwrap());
        for (text, kind) in [
            ("127.0.0.1", Some("loopback")),
            ("127.255.255.254", Some("loopback")),
            ("0.0.0.0", Some("of this network")),
            ("0.1.2.3", Some("of this network")),
            ("10.0.0.1", Some("private")),
            ("172.31.255.255", Some("private")),
            ("172.32.0.0", None),
            ("192.168.1.1", Some("private")),
            ("169.254.169.254", Some("link-local")),
            ("100.64.0.1", Some("of a provider's internal network")),
            ("100.100.100.200", Some("of a provider's internal network")),
            ("100.128.0.1", None),
            ("168.63.129.16", Some("of a cloud's metadata")),
            ("192.0.2.1", Some("for documentation")),
            ("198.51.100.1", Some("for documentation")),
            ("203.0.113.1", Some("for documentation")),
            ("224.0.0.1", Some("multicast")),
            ("239.255.255.255", Some("multicast")),
            ("255.255.255.255", Some("reserved")),
            ("1.1.1.1", None),
            ("93.184.216.34", None),
            ("::", Some("unspecified")),
            ("::1", Some("loopback")),
            ("::127.0.0.1", Some("IPv4-compatible")),
            ("::ffff:127.0.0.1", Some("loopback")),
            ("::ffff:10.0.0.1", Some("private")),
            ("::ffff:1.1.1.1", None),
            ("64:ff9b::10.0.0.1", Some("private")),
            ("64:ff9b::169.254.169.254", Some("link-local")),
            ("64:ff9b::1.1.1.1", None),
            ("64:ff9b:1::1", Some("of a local translation")),
            ("fd00:ec2::254", Some("unique local")),
            ("fc00::1", Some("unique local")),
            ("fe80::1", Some("link-local")),
            ("fec0::1", Some("site-local")),
            ("ff02::1", Some("multicast")),
            ("2001:db8::1", Some("for documentation")),
            ("3fff::1", Some("for documentation")),
            ("2001::1", Some("reserved for protocols")),
            ("2002:7f00:1::", Some("6to4")),
            ("4000::1", Some("not public")),
            ("2606:4700:4700::1111", None),
        ] {
            assert_eq!(judge(text), kind, "{text}");
        }
    }

    #[test]
    fn a_literal_address_is_refused_in_every_spelling() {
        for text in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://017700000001/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://１２７.0.0.1/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost:8443/",
        ] {
            let refused = reach(&[]).check_url(&url(text)).unwrap_err();
            assert_ne!(refused, Refused::Unencrypted, "{text}");
        }
        reach(&[]).check_url(&url("https://1.1.1.1/")).unwrap();
        reach(&[]).check_url(&url("https://example.org/")).unwrap();
        assert_eq!(reach(&[]).check_url(&url("http://example.org/")), Err(Refused::Unencrypted));
        let open = Reach { allows_http: true, ..Reach::default() };
        open.check_url(&url("http://example.org/")).unwrap();
        open.check_url(&url("http://127.0.0.1/")).unwrap_err();
    }

    #[test]
    fn operators_allow_addresses_networks_and_hosts() {
        let check = |allowed: &str, host: &str, address: &str| {
            reach(&[allowed]).check(host, address.parse().unwrap()).is_ok()
        };
        for (allowed, host, address, is_allowed) in [
            ("127.0.0.1", "a", "127.0.0.1", true),
            ("127.0.0.1", "a", "127.0.0.2", false),
            ("127.0.0.1", "a", "::ffff:127.0.0.1", true),
            ("[::1]", "a", "::1", true),
            ("10.1.0.0/16", "a", "10.1.255.255", true),
            ("10.1.0.0/16", "a", "10.2.0.0", false),
            ("fd00::/8", "a", "fd12::1", true),
            ("hooks.example", "hooks.example", "10.0.0.1", true),
            ("hooks.example", "Hooks.Example.", "10.0.0.1", true),
            ("hooks.example", "a.hooks.example", "10.0.0.1", false),
            ("*.example", "hooks.example", "10.0.0.1", true),
            ("*.example", "a.hooks.example", "10.0.0.1", true),
            ("*.example", "example", "10.0.0.1", false),
            ("*.example", "hooksexample", "10.0.0.1", false),
        ] {
            assert_eq!(check(allowed, host, address), is_allowed, "{allowed}: {host} at {address}");
        }
        reach(&["127.0.0.0/8"]).check_url(&url("https://localhost/")).unwrap();
        reach(&["::1"]).check_url(&url("https://localhost/")).unwrap();
        reach(&["localhost"]).check_url(&url("https://localhost/")).unwrap();
    }

    #[test]
    fn what_is_no_exception_is_refused_in_words() {
        for text in ["", "10.0.0.0/33", "10.0.0", "1.2.3.4.5", "https://a", "a b", "*", "*.", "a/b"] {
            let error = text.parse::<Allowed>().unwrap_err();
            assert!(error.to_string().contains("is neither an address"), "{text}: {error}");
        }
    }
}
