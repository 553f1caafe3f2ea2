//! The names in a client's certificate, and which of them are allowed.

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The names in this certificate (DER): DNS names and URIs, or the common name if it has neither.
pub(super) fn of(certificate: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let names: Vec<String> = alternatives
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::URI(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect();
    if !names.is_empty() {
        return names;
    }
    let common = certificate.subject().iter_common_name();
    common.filter_map(|name| name.as_str().ok().map(str::to_owned)).collect()
}

/// Whether a name fits a pattern: the name itself, or `*.` for any first label.
pub fn fits(pattern: &str, name: &str) -> bool {
    if pattern.eq_ignore_ascii_case(name) {
        return true;
    }
    match (pattern.strip_prefix("*."), name.split_once('.')) {
        (Some(domain), Some((label, rest))) => !label.is_empty() && domain.eq_ignore_ascii_case(rest),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_any_first_label() {
        for (pattern, name) in [
            ("worker-1.example", "worker-1.example"),
            ("Worker-1.example", "worker-1.EXAMPLE"),
            ("*.workers.example", "a.workers.example"),
            ("spiffe://carlo/worker", "spiffe://carlo/worker"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("worker-1.example", "worker-2.example"),
            ("*.workers.example", "workers.example"),
            ("*.workers.example", "a.b.workers.example"),
            ("*.workers.example", ".workers.example"),
            ("*", "anything"),
            ("", "a"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn alternative_names_go_before_the_common_name() {
        let mut parameters = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "common");
        let key = rcgen::KeyPair::generate().unwrap();
        assert_eq!(of(parameters.self_signed(&key).unwrap().der()), ["a.example"]);
        parameters.subject_alt_names.clear();
        assert_eq!(of(parameters.self_signed(&key).unwrap().der()), ["common"]);
        assert!(of(b"nonsense").is_empty());
    }
}
