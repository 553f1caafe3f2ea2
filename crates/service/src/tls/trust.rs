//! The authorities that a connecting daemon trusts.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{TlsError, certificates, provider, read};

/// The authorities that are trusted to sign a server's certificate at an `https` URL. Clones share
/// them, so all use the authorities that were read last.
#[derive(Debug, Clone, Default)]
pub struct Trust(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The file with the authorities; `None` for the system's.
    file: Option<PathBuf>,
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
        let current = load(file)?;
        Ok(Self(Arc::new(Shared { file: Some(file.to_owned()), current: RwLock::new(Some(current)) })))
    }

    /// The authorities in this PEM text.
    ///
    /// # Errors
    ///
    /// If they can't be used.
    pub fn in_authorities(pem: &[u8]) -> Result<Self, TlsError> {
        let current = config(pem, Path::new("authorities"))?;
        Ok(Self(Arc::new(Shared { file: None, current: RwLock::new(Some(current)) })))
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
            self.set(config(&pem, file)?);
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
        let current = Current { pem: Vec::new(), config: client(roots)? };
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

fn load(file: &Path) -> Result<Current, TlsError> {
    config(&read(file)?, file)
}

fn config(pem: &[u8], file: &Path) -> Result<Current, TlsError> {
    let file = || file.to_owned();
    let certificates = certificates(pem).map_err(|source| TlsError::File { file: file(), source })?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(TlsError::Authorities)?;
    }
    Ok(Current { pem: pem.to_vec(), config: client(roots)? })
}

fn client(roots: RootCertStore) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider());
    let config = builder.with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
