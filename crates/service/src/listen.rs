//! Listening: on loopback alone, because what travels is not encrypted, unless somebody says in so many words that it may.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::log_throttle::LogThrottle;

/// Between two attempts to accept a connection where the system refuses.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a daemon can't listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address can be reached from other machines.
    #[error(
        "failed to listen on {0}: without authentication, or without TLS (--tls-cert, --tls-key) or --plaintext, a daemon listens on a \
         loopback address only (127.0.0.1 or [::1]): what travels is not encrypted"
    )]
    NotLoopback(SocketAddr),
    /// The system refused.
    #[error("failed to listen on {address}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// Listens on a loopback address; port 0 takes any free port.
pub async fn loopback(address: SocketAddr) -> Result<TcpListener, ListenError> {
    if !address.ip().is_loopback() {
        return Err(ListenError::NotLoopback(address));
    }
    anywhere(address).await
}

/// Listens on any address: for a network that is trusted with what travels.
pub async fn anywhere(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError::Bind { address, source })
}

/// Takes connections, whatever the system says meanwhile.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    throttle: LogThrottle,
}

impl Acceptor {
    /// Takes those who connect here.
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, throttle: LogThrottle::default() }
    }

    /// The next connection, and who it is. Where the system refuses one, mostly because the process has too many files open, it is
    /// asked again after a pause, and the log says so once a minute.
    pub async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.throttle.reset();
                    return accepted;
                }
                // The peer has left already, which says nothing about the next one.
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
