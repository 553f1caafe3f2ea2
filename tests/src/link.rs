//! A network between a daemon and its coordinator that a test can cut: a TCP proxy.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The state of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It forwards everything.
    Up,
    /// It forwards nothing, and nobody is notified. Data in transit arrives once it is up again, as
    /// TCP's retransmissions would.
    Silent,
    /// It closes every connection.
    Broken,
}

/// The network. It ends with the test.
#[derive(Debug)]
pub struct Link {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    running: JoinHandle<()>,
}

impl Link {
    /// A network that leads to `target`.
    pub async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(watch::Sender::new(State::Up));
        let running = tokio::spawn(accept(listener, target, Arc::clone(&state)));
        Ok(Self { address, state, running })
    }

    /// Stops forwarding.
    pub fn silence(&self) {
        self.state.send_replace(State::Silent);
    }

    /// Closes every connection, and new ones at once.
    pub fn cut(&self) {
        self.state.send_replace(State::Broken);
    }

    /// Forwards again.
    pub fn mend(&self) {
        self.state.send_replace(State::Up);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, state: Arc<watch::Sender<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        connections.spawn(connect(near, target, state.subscribe()));
    }
}

async fn connect(near: TcpStream, target: SocketAddr, mut state: watch::Receiver<State>) {
    if state.wait_for(|state| *state != State::Silent).await.is_ok_and(|state| *state == State::Broken) {
        return;
    }
    let Ok(far) = TcpStream::connect(target).await else { return };
    let no_delay = near.set_nodelay(true).and_then(|()| far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let mut broken = state.clone();
    tokio::select! {
        () = pass_on(near_in, far_out, state.clone()), if no_delay.is_ok() => {}
        () = pass_on(far_in, near_out, state) => {}
        _ = broken.wait_for(|state| *state == State::Broken) => {}
    }
}

/// Forwards bytes in one direction until the stream ends.
async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut bytes).await
        && count > 0
        && state.wait_for(|state| *state == State::Up).await.is_ok()
        && to.write_all(&bytes[..count]).await.is_ok()
    {}
}
