//! TLS: what a daemon that listens shows those who connect, and whom one that connects believes;
//! from PEM files, for rustls. The files are read again while the daemon runs.
//!
//! * [`identity`]: the certificates and key of a daemon that listens.
//! * [`trust`]: the authorities of one that connects.
//! * [`validity`]: from when until when a certificate is valid.
//! * [`cause`](mod@cause): why a connection failed, in words.

mod cause;
mod identity;
mod trust;
mod validity;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::{self, pki_types};

use crate::files;

pub use cause::cause;
pub use identity::Identity;
pub use tokio_rustls::{client, server};
pub use trust::Trust;

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
    /// A certificate can't be trusted as an authority.
    #[error("failed to use the authorities")]
    Authorities(#[source] rustls::Error),
    /// The name of a server is no DNS name and no address.
    #[error("{0:?} is not the name of a server")]
    ServerName(String),
}

/// Has everything in this process that speaks TLS use one implementation of its ciphers. To be
/// called before anything does.
pub fn install_provider() {
    // Where somebody else has, it is the same one: there is no other in this program.
    let _ = ring::default_provider().install_default();
}

/// The certificates in a file, whose owners are believed: PEM. At least one.
pub fn authorities(file: &Path) -> Result<Vec<u8>, TlsError> {
    let pem = read(file)?;
    certificates(&pem).map_err(|source| TlsError::File { file: file.to_owned(), source })?;
    Ok(pem)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    files::read(file)
        .map_err(|source| TlsError::File { file: file.to_owned(), source: pem::Error::Io(source) })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let certificates = pki_types::CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests;
