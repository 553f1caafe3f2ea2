//! Processes that freeze, as with SIGSTOP: nothing in the process continues, the others aren't
//! notified, and when it thaws it continues as if no time had passed.
//!
//! A simulated host can't be stopped as a whole. Instead its activities are wrapped: its main task,
//! its machine's threads, and both directions of its connections.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;

/// Tells a part of a process whether the process is frozen.
pub(crate) struct Frost {
    changes: WatchStream<bool>,
    is_frozen: bool,
}

impl Frost {
    pub(crate) fn of(frozen: &watch::Sender<bool>) -> Self {
        Self { changes: WatchStream::new(frozen.subscribe()), is_frozen: false }
    }

    fn poll_thawed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(Some(is_frozen)) = Pin::new(&mut self.changes).poll_next(cx) {
            self.is_frozen = is_frozen;
        }
        if self.is_frozen { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Waits until the process isn't frozen.
    pub(crate) async fn thawed(&mut self) {
        poll_fn(|cx| self.poll_thawed(cx)).await;
    }

    /// Runs `work`, which stands still while the process is frozen.
    pub(crate) async fn hold<T>(mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            ready!(self.poll_thawed(cx));
            work.as_mut().poll(cx)
        })
        .await
    }
}

/// A connection of a process that may freeze.
pub(crate) struct Freezing<S> {
    inner: S,
    frost: Frost,
}

impl<S> Freezing<S> {
    pub(crate) fn new(inner: S, frost: Frost) -> Self {
        Self { inner, frost }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Freezing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.frost.poll_thawed(cx));
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Freezing<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.frost.poll_thawed(cx));
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.frost.poll_thawed(cx));
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.frost.poll_thawed(cx));
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
