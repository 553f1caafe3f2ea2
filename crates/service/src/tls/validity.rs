//! The validity period of a certificate.

use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::time::ASN1Time;

/// Certificates that expire sooner than this are worth a warning.
const SOON: Duration = Duration::from_hours(14 * 24);

/// The validity period of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: SystemTime,
    pub(super) until: SystemTime,
}

/// Whether a certificate is valid at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CertificateStatus {
    Valid,
    ExpiresSoon,
    Expired,
    NotYetValid,
}

impl Validity {
    /// The validity of a certificate; `None` if it can't be parsed.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let validity = certificate.validity();
        Some(Self { from: time(validity.not_before)?, until: time(validity.not_after)? })
    }

    pub(super) fn status(self, now: SystemTime) -> CertificateStatus {
        match self.until.duration_since(now) {
            _ if now < self.from => CertificateStatus::NotYetValid,
            Err(_) => CertificateStatus::Expired,
            Ok(left) if left < SOON => CertificateStatus::ExpiresSoon,
            Ok(_) => CertificateStatus::Valid,
        }
    }

    /// Logs a warning about the certificate in this file if it isn't valid or expires soon.
    pub(super) fn warn(self, file: &Path) {
        let file = file.display();
        let now = SystemTime::now();
        let days = |to: SystemTime| {
            let (Ok(distance) | Err(distance)) = to.duration_since(now).map_err(|error| error.duration());
            distance.as_secs() / (24 * 60 * 60)
        };
        match self.status(now) {
            CertificateStatus::Valid => {}
            CertificateStatus::ExpiresSoon => {
                tracing::warn!(%file, days = days(self.until), "the certificate expires soon");
            }
            CertificateStatus::Expired => {
                tracing::warn!(%file, days = days(self.until), "the certificate has expired: clients refuse it");
            }
            CertificateStatus::NotYetValid => {
                tracing::warn!(%file, days = days(self.from), "the certificate is not valid yet: clients refuse it");
            }
        }
    }
}

/// The time, unless it is before 1970.
fn time(time: ASN1Time) -> Option<SystemTime> {
    let seconds = u64::try_from(time.timestamp()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_announced_two_weeks_before() {
        let day = Duration::from_hours(24);
        let from = SystemTime::UNIX_EPOCH + day * 10_000;
        let validity = Validity { from, until: from + day * 90 };
        for (days, status) in [
            (9_999, CertificateStatus::NotYetValid),
            (10_000, CertificateStatus::Valid),
            (10_076, CertificateStatus::Valid),
            (10_077, CertificateStatus::ExpiresSoon),
            (10_090, CertificateStatus::ExpiresSoon),
            (10_091, CertificateStatus::Expired),
        ] {
            assert_eq!(validity.status(SystemTime::UNIX_EPOCH + day * days), status, "{days}");
        }
    }
}
