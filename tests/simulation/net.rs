//! gRPC over the simulated network: connects tonic with turmoil.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint, Uri};
use turmoil::net::{TcpListener, TcpStream};

use crate::frost::{Freezing, Frost};

/// The port of every daemon in the simulation.
pub(crate) const PORT: u16 = 7070;

/// The URL of a host.
pub(crate) fn url(host: &str) -> String {
    format!("http://{host}:{PORT}")
}

/// A channel through the simulated network.
pub(crate) fn connect(endpoint: &Endpoint) -> Channel {
    endpoint.connect_with_connector_lazy(tower::service_fn(async |uri: Uri| {
        Ok::<_, io::Error>(TokioIo::new(open(&uri).await?))
    }))
}

/// Makes channels through the simulated network for a process that may freeze.
pub(crate) fn connect_freezing(
    frozen: watch::Sender<bool>,
) -> impl Fn(&Endpoint) -> Channel + Send + Sync + 'static {
    move |endpoint| {
        let frozen = frozen.clone();
        endpoint.connect_with_connector_lazy(tower::service_fn(move |uri: Uri| {
            let mut frost = Frost::of(&frozen);
            async move {
                frost.thawed().await;
                Ok::<_, io::Error>(TokioIo::new(Freezing::new(open(&uri).await?, frost)))
            }
        }))
    }
}

async fn open(uri: &Uri) -> io::Result<TcpStream> {
    let host = uri.host().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    TcpStream::connect((host, uri.port_u16().unwrap_or(PORT))).await
}

/// Listens on the current simulated host and returns the accepted connections.
pub(crate) async fn listen() -> io::Result<impl Stream<Item = io::Result<Connection>>> {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    Ok(futures::stream::unfold(listener, async |listener| {
        let accepted = listener.accept().await.map(|(stream, _)| Connection(stream));
        Some((accepted, listener))
    }))
}

/// A connection that a server has accepted.
pub(crate) struct Connection(TcpStream);

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
