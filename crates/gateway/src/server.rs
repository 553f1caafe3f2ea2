//! Connections: HTTP/1.1 and HTTP/2 on one port, with or without TLS, with limits on their number,
//! on what each may use, and on how long each stage may take.
//!
//! * [`connection`]: one connection. [`activity`]: its current stage and deadline.
//! * [`stream`]: a wrapper that reports to [`activity`]. `carlo_service::pacing` does for
//!   responses.
//!
//! This module doesn't know what requests mean. `axum::serve` would be shorter, but has none of
//! these limits.

mod activity;
mod connection;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use carlo_service::CancellationToken;
use carlo_service::listen::Acceptor;
use carlo_service::pacing::Pacing;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::Config;
use connection::Connection;

/// How long requests in progress may continue after a shutdown.
const DRAIN_MAX: Duration = Duration::from_secs(3);

/// The deadlines of one connection.
#[derive(Debug, Clone, Copy)]
struct Deadlines {
    /// For the TLS handshake, and for the head of a request from its first byte.
    head: Duration,
    /// Between two requests.
    idle: Duration,
    /// For a client to accept a part of a response.
    write: Duration,
}

/// Serves `router` until `shutdown`, then finishes requests in progress for a few seconds.
pub(crate) async fn serve(
    config: &Config,
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) {
    let deadlines =
        Deadlines { head: config.header_timeout, idle: config.idle_timeout, write: config.write_timeout };
    let protocols = connection::protocols();
    let pacing = Pacing::default();
    let is_crowded = Arc::new(AtomicBool::new(false));
    let mut acceptor = Acceptor::new(listener);
    let mut connections = JoinSet::new();
    loop {
        let is_full = connections.len() >= config.connections_max;
        // Idle connections must make room for those that wait to be accepted.
        is_crowded.store(is_full, Ordering::Relaxed);
        let stream = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            (stream, _) = acceptor.accept(), if !is_full => stream,
        };
        let connection = Connection {
            protocols: protocols.clone(),
            router: router.clone(),
            deadlines,
            is_crowded: Arc::clone(&is_crowded),
            shutdown: shutdown.clone(),
            tls: config.tls.clone(),
            pacing: pacing.clone(),
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
