//! The authorities that a connecting daemon trusts.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::client::ClientIdentity;
use super::{TlsError, certificates, provider, read};

/// The authorities that are trusted to sign a server's certificate at an `https` URL. Clones share
/// them, so all use the authorities that were read last.
#[derive(Debug, Clone, Default)]
pub struct Trust(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The file with the authorities; `None` for the system's.
    file: Option<PathBuf>,
    /// What is presented to servers that ask for a certificate.
    identity: Option<ClientIdentity>,
    current: RwLock<Option<Current>>,
}

#[derive(Debug, Clone)]
struct Current {
    pem: Vec<u8>,
    config: Arc<ClientConfig>,
}

impl Trust {
    /// The system's authorities. They are read at the first connection.
    pub fn system() -> Self {
        Self::default()
    }

    /// The authorities in this PEM file.
    ///
    /// # Errors
    ///
    /// If the file can't be used.
    pub fn from_file(file: &Path) -> Result<Self, TlsError> {
        let current = RwLock::new(Some(config(&read(file)?, file, None)?));
        Ok(Self(Arc::new(Shared { file: Some(file.to_owned()), current, ..Shared::default() })))
    }

    /// The same authorities for a client that presents this certificate to servers that ask for
    /// one.
    ///
    /// # Errors
    ///
    /// If the authorities can't be used.
    pub fn presenting(&self, identity: ClientIdentity) -> Result<Self, TlsError> {
        let file = self.0.file.clone();
        let place = file.as_deref().unwrap_or(Path::new("authorities"));
        // The system's are read at the first connection.
        let current = self.current().filter(|current| !current.pem.is_empty());
        let current = current.map(|current| config(&current.pem, place, Some(&identity))).transpose()?;
        Ok(Self(Arc::new(Shared { file, identity: Some(identity), current: RwLock::new(current) })))
    }

    /// What it presents to servers that ask for a certificate.
    pub fn identity(&self) -> Option<&ClientIdentity> {
        self.0.identity.as_ref()
    }

    /// The authorities in this PEM text.
    ///
    /// # Errors
    ///
    /// If they can't be used.
    pub fn in_authorities(pem: &[u8]) -> Result<Self, TlsError> {
        let current = RwLock::new(Some(config(pem, Path::new("authorities"), None)?));
        Ok(Self(Arc::new(Shared { current, ..Shared::default() })))
    }

    /// Performs the TLS handshake with the server of this name over a connected stream. `protocols`
    /// are offered to it (ALPN).
    ///
    /// # Errors
    ///
    /// If the server doesn't speak TLS, or its certificate is not trusted.
    pub async fn connect<S>(&self, name: &str, protocols: &[&str], stream: S) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let invalid = |error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error);
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| invalid(TlsError::ServerName(name.to_owned())))?;
        let mut config = (*self.config().map_err(invalid)?).clone();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config)).connect(server, stream).await
    }

    /// Reads the file again. Returns whether it had changed. New connections use the new
    /// authorities.
    ///
    /// # Errors
    ///
    /// If the file can't be used. The previous authorities stay in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let Some(file) = &self.0.file else { return Ok(false) };
        let pem = read(file)?;
        let is_new = self.current().is_none_or(|current| current.pem != pem);
        if is_new {
            self.set(config(&pem, file, self.identity())?);
        }
        Ok(is_new)
    }

    fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(current) = self.current() {
            return Ok(current.config);
        }
        let mut roots = RootCertStore::empty();
        // On a system without authorities no server is trusted, and connecting fails with that
        // reason.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let current = Current { pem: Vec::new(), config: client(roots, self.identity())? };
        self.set(current.clone());
        Ok(current.config)
    }

    fn current(&self) -> Option<Current> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, current: Current) {
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Some(current);
    }
}

fn config(pem: &[u8], file: &Path, identity: Option<&ClientIdentity>) -> Result<Current, TlsError> {
    Ok(Current { pem: pem.to_vec(), config: client(authorities(pem, file)?, identity)? })
}

/// The certificates of authorities, from the content of a PEM file.
pub(super) fn authorities(pem: &[u8], file: &Path) -> Result<RootCertStore, TlsError> {
    let certificates =
        certificates(pem).map_err(|source| TlsError::File { file: file.to_owned(), source })?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(TlsError::Authorities)?;
    }
    Ok(roots)
}

fn client(roots: RootCertStore, identity: Option<&ClientIdentity>) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider());
    let config = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots);
    Ok(Arc::new(match identity {
        Some(identity) => {
            let mut config = config.with_client_cert_resolver(identity.resolver());
            // A resumed session has the certificate of the first one, which may have been replaced.
            config.resumption = Resumption::disabled();
            config
        }
        None => config.with_no_client_auth(),
    }))
}
