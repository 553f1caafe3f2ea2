//! Listening. Without TLS or authentication only loopback addresses are allowed, unless the
//! operator explicitly allows others.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::log_throttle::LogThrottle;

/// The pause before the next attempt after the system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a daemon can't listen.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants and their fields")]
pub enum ListenError {
    #[error(
        "failed to listen on {0}: without authentication, or without TLS (--tls-cert, --tls-key) or --plaintext, a daemon listens on a \
         loopback address only (127.0.0.1 or [::1]): what travels is not encrypted"
    )]
    NotLoopback(SocketAddr),
    #[error("failed to listen on {address}")]
    Bind { address: SocketAddr, source: std::io::Error },
}

/// Listens on a loopback address. Port 0 means any free port.
pub async fn loopback(address: SocketAddr) -> Result<TcpListener, ListenError> {
    if !address.ip().is_loopback() {
        return Err(ListenError::NotLoopback(address));
    }
    anywhere(address).await
}

/// Listens on any address, for encrypted traffic or a trusted network.
pub async fn anywhere(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError::Bind { address, source })
}

/// Accepts connections and survives errors of the system.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    throttle: LogThrottle,
}

impl Acceptor {
    /// Accepts the connections of `listener`.
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, throttle: LogThrottle::default() }
    }

    /// Returns the next connection and its peer. If the system refuses one, mostly because the
    /// process has too many open files, it tries again after a pause and logs that once a minute.
    pub async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.throttle.reset();
                    return accepted;
                }
                // The peer is gone already, which doesn't affect the next connection.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    if self.throttle.admits(&error.to_string()) {
                        tracing::warn!(%error, "failed to accept a connection, trying again");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_open_address_is_refused_in_words() {
        let error = loopback(([0, 0, 0, 0], 0).into()).await.unwrap_err();
        assert!(error.to_string().contains("loopback address only"), "{error}");
    }

    #[tokio::test]
    async fn a_taken_port_is_refused_in_words() {
        let taken = loopback(([127, 0, 0, 1], 0).into()).await.unwrap();
        let error = loopback(taken.local_addr().unwrap()).await.unwrap_err();
        assert!(error.to_string().starts_with("failed to listen on 127.0.0.1:"), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}
