//! TLS with rustls, from PEM files: a listening daemon's certificate and a connecting daemon's
//! trusted authorities. The files are reread while the daemon runs.
//!
//! * [`identity`]: the certificates and key of a daemon that listens.
//! * [`trust`]: the authorities that a connecting daemon trusts. [`client`](mod@client): the
//!   certificate that it presents. [`names`]: the names in such a certificate.
//! * [`validity`]: the validity period of a certificate.
//! * [`cause`](mod@cause): explains why a connection failed.

mod cause;
mod client;
mod identity;
mod names;
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
pub use client::ClientIdentity;
pub use identity::Identity;
pub use names::fits as name_fits;
pub use tokio_rustls::{client::TlsStream as ClientStream, server::TlsStream as ServerStream};
pub use trust::Trust;

/// Why TLS can't be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants and their fields")]
pub enum TlsError {
    /// The file can't be read or isn't PEM.
    #[error("failed to read {}", file.display())]
    File { file: PathBuf, source: pem::Error },
    #[error("failed to use the certificates with their key")]
    Identity(#[from] rustls::Error),
    #[error("failed to use the authorities")]
    Authorities(#[source] rustls::Error),
    #[error("failed to use the authorities of clients: {0}")]
    ClientAuthorities(String),
    #[error("{0:?} is not the name of a server")]
    ServerName(String),
}

/// Makes everything in this process use the same TLS ciphers. Call it before anything uses TLS.
pub fn install_provider() {
    // An error means that it was installed before, and there is only one provider in this program.
    let _ = ring::default_provider().install_default();
}

/// The names in the certificate that a client presented; none if it presented none.
pub fn client_names<S>(stream: &ServerStream<S>) -> Vec<String> {
    let certificates = stream.get_ref().1.peer_certificates();
    certificates.and_then(<[_]>::first).map(|certificate| names::of(certificate)).unwrap_or_default()
}

/// The trusted certificates in a PEM file, at least one.
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
