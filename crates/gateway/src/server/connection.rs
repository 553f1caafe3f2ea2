//! One connection: its protocol, its requests, and its end.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use carlo_service::CancellationToken;
use carlo_service::pacing::{KeepingBody, PacedBody, Pacing};
use carlo_service::tls::Identity;
use carlo_service::write_deadline::WriteDeadline;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::Deadlines;
use super::activity::Activity;
use super::stream::WatchedStream;

/// An HTTP/2 client that vanished is noticed after about twice this time.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Requests at the same time on one HTTP/2 connection.
const REQUESTS_PER_CONNECTION_MAX: u32 = 128;
/// Requests of one HTTP/2 connection that were reset before the gateway came to them. More than all
/// of its requests: a proxy may have many clients on one connection, and must not lose all of them
/// because some have gone.
const PENDING_RESETS_MAX: usize = 2 * REQUESTS_PER_CONNECTION_MAX as usize;
/// The longest head that is read. A head above the limits of `routes` gets a problem document, a
/// head above this limit only a status.
const HEAD_BYTES_MAX: usize = 256 * 1024;
const HEADERS_MAX: usize = 1_024;
/// Bytes of request bodies that may wait to be read, for each request and for the connection.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes of one response that may wait to be sent.
const SEND_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// How often a connection's deadlines are checked, depending on their lengths.
const MIN_CHECK: Duration = Duration::from_millis(10);
const MAX_CHECK: Duration = Duration::from_secs(1);
/// How long a connection may take to close.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// The limits of both protocols.
pub(super) fn protocols() -> Builder<TokioExecutor> {
    let mut protocols = Builder::new(TokioExecutor::new());
    // The deadlines of heads are in `activity`: hyper's one would also end idle connections.
    protocols.http1().timer(TokioTimer::new()).header_read_timeout(None);
    protocols.http1().max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    let bytes = u32::try_from(HEAD_BYTES_MAX).expect("it is far below 2^32");
    protocols
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .max_concurrent_streams(REQUESTS_PER_CONNECTION_MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_header_list_size(bytes)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES_MAX);
    protocols
}

pub(super) struct Connection {
    pub(super) protocols: Builder<TokioExecutor>,
    pub(super) router: Router,
    pub(super) deadlines: Deadlines,
    /// Whether other connections wait to be accepted.
    pub(super) is_crowded: Arc<AtomicBool>,
    pub(super) shutdown: CancellationToken,
    pub(super) tls: Option<Identity>,
    pub(super) pacing: Pacing,
}

/// A request of a connection. It is open until this is dropped.
struct OpenRequest(Arc<Activity>);

impl OpenRequest {
    fn begin(activity: Arc<Activity>) -> Self {
        activity.begin(Instant::now());
        Self(activity)
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.end(Instant::now());
    }
}

impl Connection {
    pub(super) async fn serve(self, stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "failed to set TCP_NODELAY");
        }
        let Some(tls) = self.tls.clone() else { return self.answer(stream).await };
        match tokio::time::timeout(self.deadlines.head, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.answer(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a client failed to speak TLS"),
            Err(_) => tracing::debug!("a client took too long to speak TLS"),
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let responses = self.pacing.connection();
        let activity = Arc::new(Activity::new(Arc::clone(&responses), Instant::now()));
        let stream = WriteDeadline::new(stream, self.deadlines.write);
        let stream = WatchedStream::new(stream, Arc::clone(&activity));
        let (router, of_service) = (self.router, Arc::clone(&activity));
        let service = TowerToHyperService::new(tower::service_fn(move |request| {
            let open = OpenRequest::begin(Arc::clone(&of_service));
            let (router, responses) = (router.clone(), Arc::clone(&responses));
            async move {
                let answer: Response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
                let response = responses.begin(Instant::now());
                let paced = |body| PacedBody::new(KeepingBody::new(body, open), response);
                Ok::<_, Infallible>(answer.map(|body| Body::new(paced(body))))
            }
        }));
        let mut connection = std::pin::pin!(self.protocols.serve_connection(TokioIo::new(stream), service));
        let Deadlines { head, idle, write } = self.deadlines;
        let check_every = (head.min(idle).min(write) / 4).clamp(MIN_CHECK, MAX_CHECK);
        let overdue = async {
            loop {
                tokio::time::sleep(check_every).await;
                let is_crowded = self.is_crowded.load(Ordering::Relaxed);
                if let Some(reason) = activity.overdue(&self.deadlines, is_crowded, Instant::now()) {
                    break reason;
                }
            }
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            reason = overdue => {
                tracing::debug!(reason, "closing a connection");
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(GOODBYE_MAX, connection).await.unwrap_or(Ok(()))
            }
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
