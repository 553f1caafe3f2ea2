//! Connections before their first call: accepting, TLS, the HTTP/2 preface. Each stage has a
//! deadline, and so does a connection without calls.
//!
//! tonic's own accept loop has none of these: it keeps a silent connection forever, and spins when
//! the process is out of file descriptors.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use carlo_service::CancellationToken;
use carlo_service::listen::Acceptor;
use carlo_service::tls::{Identity, server::TlsStream};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, Sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

/// The first bytes of every HTTP/2 client (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a peer may take for TLS and the preface together.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may be open without a call.
const IDLE_MAX: Duration = Duration::from_mins(15);
/// Simultaneous connections; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 65_536;
/// Connections that have sent their preface and wait to be served.
const READY_MAX: usize = 64;

/// The connections to `listener` whose peer has sent the HTTP/2 preface, until `shutdown`.
pub(crate) fn incoming(
    listener: TcpListener,
    tls: Option<Identity>,
    shutdown: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    let (ready, connections) = mpsc::channel(READY_MAX);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let accepting = async move {
        let mut acceptor = Acceptor::new(listener);
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let (stream, address) = acceptor.accept().await;
            let (ready, tls) = (ready.clone(), tls.clone());
            tokio::spawn(async move {
                let opening = open(stream, address, tls, place);
                match tokio::time::timeout(PREFACE_TIMEOUT, opening).await {
                    // Sending fails if the server has ended.
                    Ok(Ok(connection)) => drop(ready.send(Ok(connection)).await),
                    Ok(Err(error)) => tracing::debug!(peer = %address, %error, "a client failed to connect"),
                    Err(_) => tracing::debug!(peer = %address, "a client took too long to connect"),
                }
            });
        }
    };
    tokio::spawn(async move { shutdown.run_until_cancelled(accepting).await });
    ReceiverStream::new(connections)
}

async fn open(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<Identity>,
    place: OwnedSemaphorePermit,
) -> io::Result<Connection> {
    // Without it every small response waits 40 ms for the acknowledgement of the previous one.
    stream.set_nodelay(true)?;
    let mut transport = match tls {
        Some(tls) => Transport::Tls(Box::new(tls.accept(stream).await?)),
        None => Transport::Plain(stream),
    };
    let mut preface = [0; PREFACE.len()];
    let mut length = 0;
    // Compares the bytes as they arrive, so that a peer with another protocol is disconnected at
    // once.
    while length < preface.len() {
        let read = transport.read(&mut preface[length..]).await?;
        length += read;
        if read == 0 || !PREFACE.starts_with(&preface[..length]) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the peer doesn't speak HTTP/2"));
        }
    }
    let calls = Arc::new(Calls::default());
    let idle = Box::pin(tokio::time::sleep(IDLE_MAX));
    Ok(Connection { transport, preface_left: PREFACE, peer: Peer { address, calls }, idle, _place: place })
}

/// The peer of a connection. tonic adds it to every request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    calls: Arc<Calls>,
}

impl Peer {
    /// Counts a call as long as the returned value lives.
    pub(crate) fn call(&self) -> OpenCall {
        self.calls.open.fetch_add(1, Ordering::Relaxed);
        self.calls.total.fetch_add(1, Ordering::Relaxed);
        OpenCall(Arc::clone(&self.calls))
    }
}

/// The calls of a connection.
#[derive(Debug, Default)]
struct Calls {
    open: AtomicUsize,
    total: AtomicU64,
}

/// A call in progress.
#[derive(Debug)]
pub(crate) struct OpenCall(Arc<Calls>);

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection whose peer speaks HTTP/2.
#[derive(Debug)]
pub(crate) struct Connection {
    transport: Transport,
    /// The part of the preface that was read and that the server must read again.
    preface_left: &'static [u8],
    peer: Peer,
    idle: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// Whether the connection should be closed because nothing was called for too long.
    fn is_idle(&mut self, context: &mut Context<'_>) -> bool {
        while self.idle.as_mut().poll(context).is_ready() {
            let calls = &self.peer.calls;
            if calls.open.load(Ordering::Relaxed) == 0 && calls.total.swap(0, Ordering::Relaxed) == 0 {
                return true;
            }
            self.idle.as_mut().reset(Instant::now() + IDLE_MAX);
        }
        false
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.preface_left.is_empty() {
            let (now, later) = this.preface_left.split_at(this.preface_left.len().min(buffer.remaining()));
            buffer.put_slice(now);
            this.preface_left = later;
            return Poll::Ready(Ok(()));
        }
        if this.is_idle(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut this.transport).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().transport).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio_stream::StreamExt as _;

    use super::*;

    async fn listening() -> (SocketAddr, ReceiverStream<io::Result<Connection>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (address, incoming(listener, None, CancellationToken::new()))
    }

    /// Waits until the server has closed the connection. Time is paused, so it advances at once
    /// while nothing else happens.
    async fn is_closed(mut stream: TcpStream) {
        let mut byte = [0];
        assert!(matches!(stream.read(&mut byte).await, Ok(0) | Err(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_or_half_a_preface_is_closed() {
        let (address, _connections) = listening().await;
        is_closed(TcpStream::connect(address).await.unwrap()).await;
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(&PREFACE[..12]).await.unwrap();
        is_closed(half).await;
        let mut other = TcpStream::connect(address).await.unwrap();
        other.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        is_closed(other).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_preface_is_read_again_and_a_connection_without_calls_ends() {
        let (address, mut connections) = listening().await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(PREFACE).await.unwrap();
        let mut connection = connections.next().await.unwrap().unwrap();
        let mut preface = [0; PREFACE.len()];
        connection.read_exact(&mut preface).await.unwrap();
        assert_eq!(&preface, PREFACE);

        let call = connection.connect_info().call();
        let began = Instant::now();
        let mut byte = [0];
        let busy = tokio::time::timeout(IDLE_MAX * 3, connection.read(&mut byte)).await;
        assert!(busy.is_err(), "a call keeps it open");
        drop(call);
        let ended = connection.read(&mut byte).await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() <= IDLE_MAX * 5);
    }
}
