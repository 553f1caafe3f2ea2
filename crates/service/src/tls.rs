//! TLS for a daemon that listens: its certificates and their key, from PEM files, for rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// Takes a connection's TLS off.
pub use tokio_rustls::TlsAcceptor;

/// What a daemon shows its clients.
pub type Identity = Arc<ServerConfig>;

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

/// Reads the certificates, the daemon's own first, and their key. `protocols` are offered to clients in this order (ALPN).
pub fn identity(certificates: &Path, key: &Path, protocols: &[&str]) -> Result<Identity, TlsError> {
    let fault = |file: &Path| {
        let file = file.to_owned();
        move |source| TlsError::File { file, source }
    };
    let chain = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(fault(certificates))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(fault(key))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config =
        builder.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let nowhere = Path::new("/nowhere/cert.pem");
        let error = identity(nowhere, nowhere, &[]).unwrap_err();
        assert_eq!(error.to_string(), "failed to read /nowhere/cert.pem");
    }
}
