//! The certificate chain that a daemon presents, and its key.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::server::TlsStream;

use super::validity::Validity;
use super::{TlsError, certificates, provider, read};
use crate::files;

/// A daemon's certificate and key. Clones share them, so all use the files that were read last.
#[derive(Clone)]
pub struct Identity(Arc<Shared>);

struct Shared {
    certificates: PathBuf,
    key: PathBuf,
    protocols: Vec<Vec<u8>>,
    current: RwLock<Current>,
}

/// What was read last.
#[derive(Clone)]
struct Current {
    config: Arc<ServerConfig>,
    validity: Option<Validity>,
    /// Digest of the files' contents.
    digest: [u8; 32],
}

// The key must not be printed.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.0.certificates.display())
    }
}

impl Identity {
    /// Reads the certificates, the daemon's own first, and the key. `protocols` are offered to
    /// clients in this order (ALPN). Logs a warning if a certificate isn't valid now.
    ///
    /// # Errors
    ///
    /// If the files can't be used.
    pub fn from_files(certificates: &Path, key: &Path, protocols: &[&str]) -> Result<Self, TlsError> {
        let protocols: Vec<_> = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let current = load(certificates, key, &protocols)?;
        files::check_secret(key);
        let (certificates, key) = (certificates.to_owned(), key.to_owned());
        let identity = Self(Arc::new(Shared { certificates, key, protocols, current: RwLock::new(current) }));
        identity.warn();
        Ok(identity)
    }

    /// Performs the TLS handshake with a client that has connected.
    ///
    /// # Errors
    ///
    /// If the handshake fails.
    pub async fn accept<S>(&self, stream: S) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        TlsAcceptor::from(self.current().config).accept(stream).await
    }

    /// Reads the files again. Returns whether they had changed. New connections use the new files.
    ///
    /// # Errors
    ///
    /// If the files can't be used, for example because they are half written or don't match. The
    /// previous ones stay in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let Shared { certificates, key, protocols, .. } = &*self.0;
        if digest(&read(certificates)?, &read(key)?) == self.current().digest {
            return Ok(false);
        }
        let new = load(certificates, key, protocols)?;
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }

    /// Warns about a certificate that is not valid now or expires soon.
    pub fn warn(&self) {
        if let Some(validity) = self.current().validity {
            validity.warn(&self.0.certificates);
        }
    }

    /// When the first certificate expires.
    pub fn expires(&self) -> Option<SystemTime> {
        self.current().validity.map(|validity| validity.until)
    }

    fn current(&self) -> Current {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn load(certificates_file: &Path, key_file: &Path, protocols: &[Vec<u8>]) -> Result<Current, TlsError> {
    let fault = |file: &Path| {
        let file = file.to_owned();
        move |source| TlsError::File { file, source }
    };
    let (certificates_pem, key_pem) = (read(certificates_file)?, read(key_file)?);
    let chain = certificates(&certificates_pem).map_err(fault(certificates_file))?;
    let key = PrivateKeyDer::from_pem_slice(&key_pem).map_err(fault(key_file))?;
    let validity = chain.first().and_then(|certificate| Validity::of(certificate));
    let builder = ServerConfig::builder_with_provider(provider());
    let mut config =
        builder.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = protocols.to_vec();
    Ok(Current { config: Arc::new(config), validity, digest: digest(&certificates_pem, &key_pem) })
}

fn digest(certificates: &[u8], key: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(certificates.len().to_be_bytes());
    digest.update(certificates);
    digest.update(key);
    digest.finalize().into()
}
