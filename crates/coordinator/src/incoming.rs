//! Connections before their first call: accepting, TLS, the HTTP/2 preface. Each stage has a
//! deadline, and so does a connection without calls.
//!
//! tonic's own accept loop has none of these: it keeps a silent connection forever, and spins when
//! the process is out of file descriptors.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use carlo_service::CancellationToken;
use carlo_service::listen::Acceptor;
use carlo_service::pacing::{Pacing, Response, Responses};
use carlo_service::tls::{self, Identity, ServerStream};
use carlo_types::limits::NODES_MAX;
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
/// How long a peer may take to accept a part of a response, and how often that is checked.
const WRITE_MAX: Duration = Duration::from_secs(30);
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How long a connection may be open without a call: usually, and while there are many connections.
const IDLE_MAX: Duration = Duration::from_mins(15);
const IDLE_WHEN_CROWDED_MAX: Duration = Duration::from_secs(10);
/// Simultaneous connections; further ones wait to be accepted. Workers and gateways have one each,
/// and those of workers that were lost may still be open for a while.
const CONNECTIONS_MAX: usize = NODES_MAX + 8_192;
/// More connections than this are many.
const CROWD: usize = 2_048;
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
        let pacing = Pacing::default();
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let (stream, address) = acceptor.accept().await;
            let (ready, tls, responses) = (ready.clone(), tls.clone(), pacing.connection());
            tokio::spawn(async move {
                let opening = open(stream, address, tls, responses, place);
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
    responses: Arc<Responses>,
    place: OwnedSemaphorePermit,
) -> io::Result<Connection> {
    // Without it every small response waits 40 ms for the acknowledgement of the previous one.
    stream.set_nodelay(true)?;
    let (mut transport, names) = match tls {
        Some(tls) => {
            let stream = Box::new(tls.accept(stream).await?);
            let names = tls::client_names(&stream);
            (Transport::Tls(stream), names)
        }
        None => (Transport::Plain(stream), Vec::new()),
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
    let calls = Arc::new(Calls { open: AtomicUsize::new(0), idle_since: Mutex::new(Instant::now()) });
    let peer = Peer { address, names: names.into(), calls, responses };
    let check = Box::pin(tokio::time::sleep(CHECK_EVERY));
    Ok(Connection { transport, preface_left: PREFACE, peer, check, place })
}

/// The peer of a connection. tonic adds it to every request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The names in the certificate that it presented, which a trusted authority has signed.
    pub(crate) names: Arc<[String]>,
    calls: Arc<Calls>,
    responses: Arc<Responses>,
}

impl Peer {
    /// Counts a call as long as the returned value lives.
    pub(crate) fn call(&self) -> OpenCall {
        self.calls.open.fetch_add(1, Ordering::Relaxed);
        OpenCall(Arc::clone(&self.calls))
    }

    /// The response to a call begins.
    pub(crate) fn response(&self) -> Response {
        self.responses.begin(std::time::Instant::now())
    }
}

/// The calls of a connection.
#[derive(Debug)]
struct Calls {
    open: AtomicUsize,
    /// When the connection was made, or when the last call ended.
    idle_since: Mutex<Instant>,
}

impl Calls {
    fn idle_since(&self) -> MutexGuard<'_, Instant> {
        // A panic can't leave it half changed.
        self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call in progress.
#[derive(Debug)]
pub(crate) struct OpenCall(Arc<Calls>);

impl Drop for OpenCall {
    fn drop(&mut self) {
        *self.0.idle_since() = Instant::now();
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<ServerStream<TcpStream>>),
}

/// A connection whose peer speaks HTTP/2.
#[derive(Debug)]
pub(crate) struct Connection {
    transport: Transport,
    /// The part of the preface that was read and that the server must read again.
    preface_left: &'static [u8],
    peer: Peer,
    /// The next check whether it is still of use.
    check: Pin<Box<Sleep>>,
    place: OwnedSemaphorePermit,
}

impl Connection {
    /// Whether the connection should be closed: nothing was called for too long, or the peer
    /// doesn't take the responses.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        while self.check.as_mut().poll(context).is_ready() {
            let calls = &self.peer.calls;
            let is_crowded = self.place.semaphore().available_permits() < CONNECTIONS_MAX - CROWD;
            let idle_max = if is_crowded { IDLE_WHEN_CROWDED_MAX } else { IDLE_MAX };
            let is_idle = calls.open.load(Ordering::Relaxed) == 0 && calls.idle_since().elapsed() >= idle_max;
            if is_idle || self.peer.responses.are_overdue(WRITE_MAX, std::time::Instant::now()) {
                return true;
            }
            self.check.as_mut().reset(Instant::now() + CHECK_EVERY);
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
        if this.is_over(context) {
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
