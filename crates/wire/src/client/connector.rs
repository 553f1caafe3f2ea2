//! Connecting to a coordinator, with an explanation if that fails.
//!
//! tonic could connect by itself. This connector records the cause of a failure where it happens,
//! and allows the trusted authorities to change while the process runs.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use carlo_service::tls::{self, ClientStream, Trust};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;

/// How long connecting may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The ALPN name of HTTP/2, which gRPC uses.
const HTTP_2: &str = "h2";
/// The first bytes of a TLS alert and of a TLS handshake.
const TLS_RECORDS: [[u8; 2]; 2] = [[0x15, 0x03], [0x16, 0x03]];

/// The type of a server's first HTTP/2 frame, after three bytes of length (RFC 9113, section 3.4).
const SETTINGS: u8 = 4;

const SPEAKS_TLS: &str = "it speaks TLS at this port: the URL should begin with https://";
const SAYS_NOTHING: &str = "it closed the connection without a reply: does it speak TLS, so that the URL should begin with https://?";
const NO_COORDINATOR: &str = "the server at this address is not a coordinator: it doesn't speak gRPC";

/// Why a coordinator can't be reached: the cause of the last failure, or `None` after a success.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    pub(super) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, cause: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = cause;
    }
}

/// Connects to one coordinator.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    /// Without brackets, even for an IPv6 address.
    host: String,
    port: u16,
    /// The trusted authorities, if TLS is used.
    trust: Option<Trust>,
    trouble: Trouble,
}

impl Connector {
    /// Connects to the host and port of this URL. `None` if it has none.
    pub(super) fn new(uri: &Uri, trust: &Trust) -> Option<Self> {
        let is_encrypted = uri.scheme_str() == Some("https");
        let host = uri.host()?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
        Some(Self { host, port, trust: is_encrypted.then(|| trust.clone()), trouble: Trouble::default() })
    }

    pub(super) fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }

    async fn connect(self) -> io::Result<TokioIo<Connection>> {
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, self.open()).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match connected {
            Ok(connection) => Ok(TokioIo::new(connection)),
            Err(error) => {
                let cause = tls::cause(&error).unwrap_or_else(|| error.to_string());
                self.trouble.set(Some(cause));
                Err(error)
            }
        }
    }

    async fn open(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let transport = match &self.trust {
            None => Transport::Plain(stream),
            Some(trust) => {
                let stream = trust.connect(&self.host, &[HTTP_2], stream).await;
                Transport::Tls(Box::new(stream.map_err(closed_in_handshake)?))
            }
        };
        Ok(Connection { transport, has_read: false, trouble: self.trouble.clone() })
    }
}

/// A peer without TLS may end the handshake by closing or by resetting the connection. Both become
/// the same error.
fn closed_in_handshake(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof")
        }
        _ => error,
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Connection>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<ClientStream<TcpStream>>),
}

/// A connection that checks whether the peer's first bytes are those of a coordinator.
#[derive(Debug)]
pub(super) struct Connection {
    transport: Transport,
    has_read: bool,
    trouble: Trouble,
}

impl Connection {
    /// Records a write that failed before anything was read: the peer has closed the connection at
    /// once.
    fn note_write<T>(&mut self, result: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(error)) = result
            && !self.has_read
        {
            self.has_read = true;
            self.trouble.set(match self.transport {
                Transport::Plain(_) => Some(SAYS_NOTHING.to_owned()),
                Transport::Tls(_) => tls::cause(error).or_else(|| Some(error.to_string())),
            });
        }
    }
}

/// What is wrong according to the peer's first bytes; `None` if they may be HTTP/2.
fn first_bytes(bytes: &[u8]) -> Option<String> {
    if TLS_RECORDS.iter().any(|record| bytes.starts_with(record)) {
        return Some(SPEAKS_TLS.to_owned());
    }
    if bytes.is_empty() {
        return Some(SAYS_NOTHING.to_owned());
    }
    let may_be_settings = bytes.get(3).is_none_or(|kind| *kind == SETTINGS);
    (!may_be_settings).then(|| NO_COORDINATOR.to_owned())
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = match &mut this.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        if read.is_ready() && !this.has_read {
            this.has_read = true;
            this.trouble.set(match &read {
                Poll::Ready(Err(error)) => tls::cause(error).or_else(|| Some(error.to_string())),
                _ => first_bytes(&buffer.filled()[before..]),
            });
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match &mut this.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        this.note_write(&written);
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = match &mut this.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(context),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(context),
        };
        this.note_write(&flushed);
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_a_coordinator_from_others() {
        assert_eq!(first_bytes(&[0, 0, 18, 4, 0, 0, 0, 0, 0]), None);
        assert_eq!(first_bytes(&[0x15, 3, 3, 0, 2, 2, 50]).as_deref(), Some(SPEAKS_TLS));
        for other in [&b"HTTP/1.1 400 Bad Request"[..], b"SSH-2.0-OpenSSH"] {
            assert_eq!(first_bytes(other).as_deref(), Some(NO_COORDINATOR), "{other:?}");
        }
        assert_eq!(first_bytes(b"").as_deref(), Some(SAYS_NOTHING));
    }
}
