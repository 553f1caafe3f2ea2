//! Connections: HTTP/1.1 and HTTP/2 on one port, with TLS or without, how many there may be, how long they may say nothing, and how they end.
//!
//! What a request means is not known here. `axum::serve` would be shorter, but has none of these limits.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use carlo_service::CancellationToken;
use carlo_service::listen::Acceptor;
use carlo_service::tls::Identity;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::Config;

/// How long the requests that are being handled may take to end after a shutdown.
const DRAIN_MAX: Duration = Duration::from_secs(3);
/// An HTTP/2 client that vanished without a word is noticed after about twice this.
const PING_EVERY: Duration = Duration::from_secs(20);

/// Serves `router` until `shutdown`, and then what had begun, for a few seconds.
pub(crate) async fn serve(
    config: &Config,
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) {
    let mut protocols = Builder::new(TokioExecutor::new());
    protocols.http1().timer(TokioTimer::new()).header_read_timeout(config.header_timeout);
    protocols.http2().timer(TokioTimer::new()).keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_EVERY);
    let mut acceptor = Acceptor::new(listener);
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            (stream, _) = acceptor.accept(), if connections.len() < config.connections_max => stream,
        };
        let connection = Connection {
            protocols: protocols.clone(),
            router: router.clone(),
            header_timeout: config.header_timeout,
            shutdown: shutdown.clone(),
            tls: config.tls.clone(),
        };
        connections.spawn(connection.serve(stream));
    }
    drop(acceptor);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
        tracing::warn!(open = connections.len(), "closing the connections that have not ended by themselves");
        connections.shutdown().await;
    }
}

struct Connection {
    protocols: Builder<TokioExecutor>,
    router: Router,
    header_timeout: Duration,
    shutdown: CancellationToken,
    tls: Option<Identity>,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "failed to set TCP_NODELAY");
        }
        let Some(tls) = self.tls.clone() else { return self.answer(stream).await };
        match tokio::time::timeout(self.header_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.answer(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a client failed to speak TLS"),
            Err(_) => tracing::debug!("a client took too long to speak TLS"),
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let asked = Arc::new(AtomicBool::new(false));
        let (router, asked_here) = (self.router, Arc::clone(&asked));
        let service = TowerToHyperService::new(tower::service_fn(move |request| {
            asked_here.store(true, Ordering::Relaxed);
            let router = router.clone();
            async move {
                Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {}))
            }
        }));
        let mut connection = std::pin::pin!(self.protocols.serve_connection(TokioIo::new(stream), service));
        // While hyper finds out which protocol a client speaks, no timeout of a protocol runs yet.
        let first_request = async {
            tokio::time::sleep(self.header_timeout).await;
            if asked.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = first_request => Ok(()),
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = %error, "a connection broke");
        }
    }
}
