//! TLS: what a daemon that listens shows those who connect, and whom one that connects believes; from PEM files, for rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::files;

/// Takes a connection's TLS off.
pub use tokio_rustls::TlsAcceptor;

/// What a daemon shows its clients.
pub type Identity = Arc<ServerConfig>;

/// Certificates, the daemon's own first, and their key, which go together: the content of their files.
#[derive(Clone)]
pub struct Pair {
    /// PEM.
    pub certificates: Vec<u8>,
    /// PEM.
    pub key: Vec<u8>,
}

// The key is nobody's business.
impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair")
    }
}

/// Why TLS can't be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read, or isn't PEM.
    #[error("failed to read {}", file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// Certificates and key don't go together.
    #[error("failed to use the certificates with their key")]
    Identity(#[from] rustls::Error),
}

/// Reads the certificates and their key. `protocols` are offered to clients in this order (ALPN).
pub fn identity(certificates: &Path, key: &Path, protocols: &[&str]) -> Result<Identity, TlsError> {
    read(certificates, key, protocols).map(|(identity, _)| identity)
}

/// The same, for a server that makes its own of them.
pub fn pair(certificates: &Path, key: &Path) -> Result<Pair, TlsError> {
    read(certificates, key, &[]).map(|(_, pair)| pair)
}

/// The certificates in a file, whose owners are believed: PEM. At least one.
pub fn authorities(file: &Path) -> Result<Vec<u8>, TlsError> {
    let pem = bytes(file)?;
    certificates(&pem).map_err(|source| TlsError::File { file: file.to_owned(), source })?;
    Ok(pem)
}

/// Has everything in this process that speaks TLS use one implementation of its ciphers. To be called before anything does.
pub fn install_provider() {
    // Where somebody else has, it is the same one: there is no other in this program.
    let _ = ring::default_provider().install_default();
}

fn read(certificates_file: &Path, key_file: &Path, protocols: &[&str]) -> Result<(Identity, Pair), TlsError> {
    let pair = Pair { certificates: bytes(certificates_file)?, key: bytes(key_file)? };
    let fault = |file: &Path| {
        let file = file.to_owned();
        move |source| TlsError::File { file, source }
    };
    let chain = certificates(&pair.certificates).map_err(fault(certificates_file))?;
    let key = PrivateKeyDer::from_pem_slice(&pair.key).map_err(fault(key_file))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config =
        builder.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok((Arc::new(config), pair))
}

fn bytes(file: &Path) -> Result<Vec<u8>, TlsError> {
    files::read(file)
        .map_err(|source| TlsError::File { file: file.to_owned(), source: pem::Error::Io(source) })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let nowhere = Path::new("/nowhere/cert.pem");
        for error in [
            identity(nowhere, nowhere, &[]).unwrap_err(),
            pair(nowhere, nowhere).unwrap_err(),
            authorities(nowhere).unwrap_err(),
        ] {
            assert_eq!(error.to_string(), "failed to read /nowhere/cert.pem");
        }
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let error = authorities(&file).unwrap_err();
        assert!(error.to_string().ends_with("Cargo.toml"), "{error}");
        identity(&file, &file, &[]).unwrap_err();
    }
}
