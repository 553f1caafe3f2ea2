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
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::server::TlsStream;

use super::trust::authorities;
use super::validity::Validity;
use super::{TlsError, certificates, provider, read};
use crate::files;

/// A daemon's certificate and key. Clones share them, so all use the files that were read last.
#[derive(Clone)]
pub struct Identity(Arc<Shared>);

struct Shared {
    certificates: PathBuf,
    key: PathBuf,
    /// The authorities that sign clients' certificates; `None` if clients need none.
    client_authorities: Option<PathBuf>,
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
        Self::asking_clients(certificates, key, protocols, None)
    }

    /// The same for a daemon that asks clients for a certificate, which these authorities (a PEM
    /// file) must have signed. A client may do without one.
    ///
    /// # Errors
    ///
    /// If the files can't be used.
    pub fn asking_clients(
        certificates: &Path,
        key: &Path,
        protocols: &[&str],
        client_authorities: Option<&Path>,
    ) -> Result<Self, TlsError> {
        let files = Files { certificates, key, client_authorities };
        let protocols: Vec<_> = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let current = RwLock::new(files.load(&protocols)?);
        files::check_secret(key);
        let identity = Self(Arc::new(Shared {
            certificates: certificates.to_owned(),
            key: key.to_owned(),
            client_authorities: client_authorities.map(Path::to_owned),
            protocols,
            current,
        }));
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
        let Shared { certificates, key, client_authorities, protocols, .. } = &*self.0;
        let files = Files { certificates, key, client_authorities: client_authorities.as_deref() };
        if files.read()?.digest() == self.current().digest {
            return Ok(false);
        }
        let new = files.load(protocols)?;
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

/// The files of an identity.
struct Files<'a> {
    certificates: &'a Path,
    key: &'a Path,
    client_authorities: Option<&'a Path>,
}

/// Their contents.
struct Contents {
    certificates: Vec<u8>,
    key: Vec<u8>,
    client_authorities: Option<Vec<u8>>,
}

impl Files<'_> {
    fn read(&self) -> Result<Contents, TlsError> {
        let client_authorities = self.client_authorities.map(read).transpose()?;
        Ok(Contents { certificates: read(self.certificates)?, key: read(self.key)?, client_authorities })
    }

    fn load(&self, protocols: &[Vec<u8>]) -> Result<Current, TlsError> {
        let fault = |file: &Path| {
            let file = file.to_owned();
            move |source| TlsError::File { file, source }
        };
        let contents = self.read()?;
        let chain = certificates(&contents.certificates).map_err(fault(self.certificates))?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(fault(self.key))?;
        let validity = chain.first().and_then(|certificate| Validity::of(certificate));
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = match (self.client_authorities, &contents.client_authorities) {
            (Some(file), Some(pem)) => {
                let roots = Arc::new(authorities(pem, file)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| TlsError::ClientAuthorities(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols = protocols.to_vec();
        Ok(Current { config: Arc::new(config), validity, digest: contents.digest() })
    }
}

impl Contents {
    fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let empty = Vec::new();
        for content in [&self.certificates, &self.key, self.client_authorities.as_ref().unwrap_or(&empty)] {
            digest.update(content.len().to_be_bytes());
            digest.update(content);
        }
        digest.finalize().into()
    }
}
