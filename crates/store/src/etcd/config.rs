//! The configuration of the connection to etcd.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use etcd_client::{Certificate, ConnectOptions, Identity, TlsOptions};

use crate::ledger::LedgerError;

/// The longest prefix, in bytes.
const PREFIX_BYTES_MAX: usize = 128;

/// How to connect to etcd.
#[derive(Debug, Clone)]
pub struct EtcdConfig {
    /// URLs of the members, at least one: `http://…` or, with [`tls`](Self::tls), `https://…`.
    pub urls: Vec<String>,
    /// Every key begins with this prefix and a slash. Clusters that share an etcd need different
    /// prefixes.
    pub prefix: String,
    /// The user, if etcd demands authentication.
    pub user: Option<EtcdCredentials>,
    /// TLS settings; `None` for an unencrypted connection.
    pub tls: Option<EtcdTls>,
    /// Replaces the user and the TLS settings while the ledger is used.
    pub updates: EtcdUpdates,
}

/// A user and TLS settings that replace those of a configuration. Clones share them: each new
/// connection uses the latest.
#[derive(Clone, Default)]
pub struct EtcdUpdates(Arc<RwLock<Option<Secrets>>>);

type Secrets = (Option<EtcdCredentials>, Option<EtcdTls>);

impl EtcdUpdates {
    /// Uses these from the next connection on.
    pub fn replace(&self, user: Option<EtcdCredentials>, tls: Option<EtcdTls>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some((user, tls));
    }

    fn get(&self) -> Option<Secrets> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Shows no secret.
impl fmt::Debug for EtcdUpdates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EtcdUpdates")
    }
}

/// A user of etcd.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EtcdCredentials {
    pub name: String,
    pub password: String,
}

/// Doesn't show the password.
impl fmt::Debug for EtcdCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdCredentials").field("name", &self.name).finish_non_exhaustive()
    }
}

/// TLS settings of a connection to etcd, as PEM.
#[derive(Clone)]
pub struct EtcdTls {
    /// The certificates of the authorities that sign etcd's certificate.
    pub authority: Vec<u8>,
    /// The client certificate and its key, if etcd demands one.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// Doesn't show the key.
impl fmt::Debug for EtcdTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdTls").field("has_identity", &self.identity.is_some()).finish_non_exhaustive()
    }
}

impl EtcdConfig {
    /// An etcd at these URLs, with the prefix `carlo`, without a user and unencrypted.
    pub fn new(urls: Vec<String>) -> Self {
        Self { urls, prefix: "carlo".to_owned(), user: None, tls: None, updates: EtcdUpdates::default() }
    }

    /// Checks that the configuration is usable.
    pub(super) fn check(&self) -> Result<(), LedgerError> {
        if self.urls.is_empty() {
            return Err(refused("etcd", "no URL was given"));
        }
        for url in &self.urls {
            if url.contains('@') {
                // The part before the @ may contain a password, so the URL is not repeated in the
                // message.
                return Err(refused("etcd", "a user and a password must not be part of its URL"));
            }
            let scheme = if self.tls.is_some() { "https://" } else { "http://" };
            if !url.starts_with(scheme) || url.len() == scheme.len() {
                let reason = match &self.tls {
                    Some(_) => "with TLS it must be a URL like https://10.0.0.1:2379",
                    None if url.starts_with("https://") => {
                        "https needs the authority that signs its certificate"
                    }
                    None => "it must be a URL like http://127.0.0.1:2379",
                };
                return Err(refused(url, reason));
            }
        }
        let fits = (1..=PREFIX_BYTES_MAX).contains(&self.prefix.len())
            && self.prefix.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            Ok(())
        } else {
            Err(refused("etcd", "the prefix must be 1 to 128 printable ASCII characters without spaces"))
        }
    }

    pub(super) fn options(&self) -> ConnectOptions {
        // No `with_timeout`: it would also cut off the campaign. Each call has its own timeout.
        let mut options =
            ConnectOptions::new().with_connect_timeout(super::QUESTION_TIMEOUT).with_require_leader(true);
        let (user, tls) = self.updates.get().unwrap_or_else(|| (self.user.clone(), self.tls.clone()));
        if let Some(EtcdCredentials { name, password }) = &user {
            // etcd refuses a request with an expired token before it does anything, so it is safe
            // to repeat.
            options = options.with_user(name, password).with_auto_token_refresh(true);
        }
        if let Some(tls) = &tls {
            let mut wanted = TlsOptions::new().ca_certificate(Certificate::from_pem(&tls.authority));
            if let Some((certificate, key)) = &tls.identity {
                wanted = wanted.identity(Identity::from_pem(certificate, key));
            }
            options = options.with_tls(wanted);
        }
        options
    }
}

pub(super) fn refused(at: &str, reason: impl Into<String>) -> LedgerError {
    LedgerError::Refused { at: at.to_owned(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cant_be_used_is_refused_in_words() {
        let tls = EtcdTls { authority: Vec::new(), identity: None };
        let with = |urls: &[&str], tls: Option<&EtcdTls>| EtcdConfig {
            tls: tls.cloned(),
            ..EtcdConfig::new(urls.iter().map(|&url| url.to_owned()).collect())
        };
        let cases = [
            (with(&[], None), "no URL was given"),
            (with(&["127.0.0.1:2379"], None), "a URL like http://127.0.0.1:2379"),
            (with(&["http://a:1", "https://b:1"], None), "needs the authority"),
            (with(&["http://a:1"], Some(&tls)), "a URL like https://"),
            (with(&["http://"], None), "a URL like http://127.0.0.1:2379"),
            (with(&["http://carlo:secret@a:1"], None), "must not be part of its URL"),
            (EtcdConfig { prefix: String::new(), ..with(&["http://a:1"], None) }, "the prefix must be"),
            (EtcdConfig { prefix: "a b".to_owned(), ..with(&["http://a:1"], None) }, "the prefix must be"),
        ];
        for (config, words) in cases {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("secret"), "{error}");
        }
        with(&["https://a:1", "https://b:1"], Some(&tls)).check().unwrap();
    }

    #[test]
    fn secrets_are_not_shown() {
        let credentials = EtcdCredentials { name: "carlo".to_owned(), password: "secret".to_owned() };
        let tls = EtcdTls { authority: vec![], identity: Some((vec![], b"secret".to_vec())) };
        let config = EtcdConfig { user: Some(credentials), tls: Some(tls), ..EtcdConfig::new(Vec::new()) };
        let shown = format!("{config:?}");
        assert!(shown.contains("carlo") && !shown.contains("secret") && !shown.contains("115"), "{shown}");
    }
}
