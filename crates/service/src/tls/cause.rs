//! Explains why a connection failed, and what to do.

use std::error::Error;
use std::io;

use tokio_rustls::rustls::{self, CertificateError};

/// An explanation of the errors in this chain for the person who configured the connection; `None`
/// if none of them is known here.
pub fn cause(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    let mut found = None;
    while let Some(error) = next {
        if let Some(words) = known(error) {
            // The innermost error is the cause.
            found = Some(words);
        }
        next = inner(error).or_else(|| error.source());
    }
    found
}

/// An I/O error doesn't return its inner error from `source`.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
    Some(inner)
}

fn known(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls(error));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return system(error);
    }
    // The error of a DNS lookup has no type of its own.
    let text = error.to_string();
    (text == "dns error").then(|| "its name was not found".to_owned())
}

fn system(error: &io::Error) -> Option<String> {
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused: nothing listens there",
        io::ErrorKind::TimedOut => "it doesn't answer",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "there is no route to it",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "it closed the connection",
        io::ErrorKind::UnexpectedEof if error.to_string().contains("handshake") => {
            "it closed the connection in the middle of TLS: does it speak TLS at this port, or should the URL begin with http://?"
        }
        _ => return lookup(error),
    };
    Some(words.to_owned())
}

fn lookup(error: &io::Error) -> Option<String> {
    let text = error.to_string();
    let reason = text.strip_prefix("failed to lookup address information: ")?;
    Some(format!("its name was not found ({reason})"))
}

fn tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(_) => {
            "it doesn't speak TLS at this port: the URL should begin with http://".to_owned()
        }
        rustls::Error::InvalidCertificate(error) => certificate(error),
        rustls::Error::AlertReceived(alert) => format!("it refused TLS: {alert:?}"),
        error => format!("TLS failed: {error}"),
    }
}

fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "its certificate is from an issuer that is not trusted here; --ca-file names one that is".to_owned()
        }
        // A trusted issuer's name but another key: mostly an authority that was created again.
        CertificateError::BadSignature => {
            "its certificate is from an issuer that is not trusted here, but has the name of one that is; --ca-file names another"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; are the clocks right?".to_owned()
        }
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let presented = if presented.is_empty() { "no name".to_owned() } else { presented.join(", ") };
            format!("its certificate is for another name: for {presented}, not for {}", expected.to_str())
        }
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "its certificate is an authority's own (self-signed, CA:TRUE), which a server must not present: make one for \
             the server with CA:FALSE, or have the authority sign one"
                .to_owned()
        }
        error => format!("its certificate is not accepted: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_known_error_is_the_cause() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(cause(&refused).as_deref(), Some("connection refused: nothing listens there"));
        let tls = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, tls);
        assert_eq!(cause(&wrapped).as_deref(), Some("its certificate has expired"));
        assert_eq!(cause(&io::Error::other("something else")), None);
    }
}
