//! The certificate that a connecting daemon presents if the server asks for one, and its key.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::sign::CertifiedKey;

use super::validity::Validity;
use super::{TlsError, certificates, provider, read};
use crate::files;

/// A client's certificate and key. Clones share them, so all use the files that were read last.
#[derive(Clone)]
pub struct ClientIdentity(Arc<Shared>);

struct Shared {
    certificates: PathBuf,
    key: PathBuf,
    current: RwLock<Current>,
}

/// What was read last.
#[derive(Clone)]
struct Current {
    certified: Arc<CertifiedKey>,
    validity: Option<Validity>,
    certificates_pem: Vec<u8>,
    key_pem: Vec<u8>,
}

// The key must not be printed.
impl std::fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientIdentity({})", self.0.certificates.display())
    }
}

impl ClientIdentity {
    /// Reads the certificates, the client's own first, and the key. Logs a warning if the
    /// certificate isn't valid now or expires soon.
    ///
    /// # Errors
    ///
    /// If the files can't be used.
    pub fn from_files(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        let current = RwLock::new(load(certificates, key)?);
        files::check_secret(key);
        let (certificates, key) = (certificates.to_owned(), key.to_owned());
        let identity = Self(Arc::new(Shared { certificates, key, current }));
        identity.warn();
        Ok(identity)
    }

    /// Reads the files again. Returns whether they had changed. New connections use the new files.
    ///
    /// # Errors
    ///
    /// If the files can't be used, for example because they are half written or don't match. The
    /// previous ones stay in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let Shared { certificates, key, .. } = &*self.0;
        let current = self.current();
        if read(certificates)? == current.certificates_pem && read(key)? == current.key_pem {
            return Ok(false);
        }
        let new = load(certificates, key)?;
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

    /// The certificates and the key as PEM, for libraries that do TLS by themselves.
    pub fn pem(&self) -> (Vec<u8>, Vec<u8>) {
        let current = self.current();
        (current.certificates_pem, current.key_pem)
    }

    /// Presents the certificate in every handshake that asks for one.
    pub(super) fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        Arc::new(Resolver(self.clone()))
    }

    fn current(&self) -> Current {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Debug)]
struct Resolver(ClientIdentity);

impl ResolvesClientCert for Resolver {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current().certified)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn load(certificates_file: &Path, key_file: &Path) -> Result<Current, TlsError> {
    let fault = |file: &Path| {
        let file = file.to_owned();
        move |source| TlsError::File { file, source }
    };
    let (certificates_pem, key_pem) = (read(certificates_file)?, read(key_file)?);
    let chain = certificates(&certificates_pem).map_err(fault(certificates_file))?;
    let key = PrivateKeyDer::from_pem_slice(&key_pem).map_err(fault(key_file))?;
    let validity = chain.first().and_then(|certificate| Validity::of(certificate));
    let certified = Arc::new(CertifiedKey::from_der(chain, key, &provider())?);
    Ok(Current { certified, validity, certificates_pem, key_pem })
}
