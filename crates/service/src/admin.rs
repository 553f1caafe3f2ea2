//! The admin endpoint: `/healthz`, `/readyz` and `/metrics` over HTTP, for probes and Prometheus.
//!
//! It needs no key and serves nothing secret. It listens on a loopback address by default.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::CancellationToken;
use crate::listen::{self, Acceptor, ListenError};
use crate::metrics::Metrics;
use crate::write_deadline::WriteDeadline;

/// How long a client may take to send a request's head, and how long a connection may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a client may leave a response unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Simultaneous connections; further ones wait.
const CONNECTIONS_MAX: usize = 64;
const TEXT: &str = "text/plain; charset=utf-8";

type Probe = dyn Fn() -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> + Send + Sync;

/// Where the admin endpoint listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum AdminListen {
    At(SocketAddr),
    Off,
}

impl FromStr for AdminListen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            text => text.parse().map(Self::At).map_err(|_| "expected an address like 127.0.0.1:7071, or off"),
        }
    }
}

/// Listens at the operator's address, or else on the daemon's default loopback port. If another
/// daemon of this machine uses that port, it listens on any free one.
///
/// # Errors
///
/// If the system refuses the address.
pub async fn listen(at: Option<AdminListen>, default_port: u16) -> Result<Option<TcpListener>, ListenError> {
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match at {
        Some(AdminListen::Off) => Ok(None),
        Some(AdminListen::At(address)) => listen::anywhere(address).await.map(Some),
        None => match listen::loopback(loopback(default_port)).await {
            Ok(listener) => Ok(Some(listener)),
            Err(_) => listen::loopback(loopback(0)).await.map(Some),
        },
    }
}

/// The admin endpoint.
#[derive(Clone)]
pub struct Admin {
    metrics: Metrics,
    ready: Arc<Probe>,
}

impl Admin {
    /// `ready` returns the daemon's state as a line of text: `Ok` if it is ready, otherwise the
    /// reason why not.
    pub fn new<F>(metrics: Metrics, ready: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, String>> + Send + 'static,
    {
        Self { metrics, ready: Arc::new(move || Box::pin(ready())) }
    }

    /// Serves requests until `shutdown`.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        if let Ok(admin) = listener.local_addr() {
            tracing::info!(%admin, "admin endpoint serves");
        }
        let mut acceptor = Acceptor::new(listener);
        let mut connections = JoinSet::new();
        loop {
            let stream = tokio::select! {
                () = shutdown.cancelled() => return,
                Some(_) = connections.join_next() => continue,
                (stream, _) = acceptor.accept(), if connections.len() < CONNECTIONS_MAX => stream,
            };
            let admin = self.clone();
            connections.spawn(async move {
                let answer = service_fn(move |request| {
                    let admin = admin.clone();
                    async move { Ok::<_, Infallible>(admin.answer(&request).await) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .serve_connection(TokioIo::new(WriteDeadline::new(stream, WRITE_TIMEOUT)), answer);
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to the admin endpoint broke");
                }
            });
        }
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !["/healthz", "/readyz", "/metrics"].contains(&path) {
            return text(
                StatusCode::NOT_FOUND,
                TEXT,
                "there are /healthz, /readyz and /metrics\n".to_owned(),
            );
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, TEXT, String::new());
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match path {
            "/healthz" => text(StatusCode::OK, TEXT, "ok\n".to_owned()),
            "/readyz" => match (self.ready)().await {
                Ok(line) => text(StatusCode::OK, TEXT, format!("{line}\n")),
                Err(line) => text(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{line}\n")),
            },
            _ => {
                let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
                let (media_type, metrics) = self.metrics.scrape(accept).await;
                text(StatusCode::OK, media_type, metrics)
            }
        }
    }
}

fn text(status: StatusCode, media_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn get(address: SocketAddr, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn probes_and_metrics_are_answered() {
        let listener = listen(Some("127.0.0.1:0".parse().unwrap()), 0).await.unwrap().unwrap();
        let address = listener.local_addr().unwrap();
        let admin = Admin::new(Metrics::new("test"), || async { Err("standby".to_owned()) });
        let serving = tokio::spawn(admin.serve(listener, CancellationToken::new()));
        assert!(get(address, "/healthz", "").await.starts_with("HTTP/1.1 200"));
        let ready = get(address, "/readyz", "").await;
        assert!(ready.starts_with("HTTP/1.1 503") && ready.ends_with("standby\n"), "{ready}");
        let text = get(address, "/metrics", "").await;
        assert!(text.contains("text/plain; version=0.0.4"), "{text}");
        assert!(
            text.contains("\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total "),
            "{text}"
        );
        assert!(text.contains("carlo_build_info{daemon=\"test\",version="), "{text}");
        let open = get(address, "/metrics", "accept: application/openmetrics-text; version=1.0.0\r\n").await;
        assert!(open.contains("application/openmetrics-text") && open.ends_with("# EOF\n"), "{open}");
        assert!(get(address, "/", "").await.starts_with("HTTP/1.1 404"));
        serving.abort();
    }

    /// Time is paused, so it advances at once while nothing else happens.
    #[tokio::test(start_paused = true)]
    async fn clients_that_say_nothing_or_never_read_are_closed() {
        let listener = listen(Some("127.0.0.1:0".parse().unwrap()), 0).await.unwrap().unwrap();
        let address = listener.local_addr().unwrap();
        let admin = Admin::new(Metrics::new("test"), || async { Ok(String::new()) });
        let serving = tokio::spawn(admin.serve(listener, CancellationToken::new()));
        for beginning in ["", "GET /healthz HTT", "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(beginning.as_bytes()).await.unwrap();
            // A reset is an end, too.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        let requests = "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n".repeat(1_000);
        while stream.write_all(requests.as_bytes()).await.is_ok() {}
        assert!(get(address, "/healthz", "").await.starts_with("HTTP/1.1 200"));
        serving.abort();
    }

    #[tokio::test]
    async fn a_default_port_that_is_taken_is_another_one() {
        let taken = listen(Some("127.0.0.1:0".parse().unwrap()), 0).await.unwrap().unwrap();
        let port = taken.local_addr().unwrap().port();
        let other = listen(None, port).await.unwrap().unwrap();
        assert_ne!(other.local_addr().unwrap().port(), port);
        assert!(listen(Some(AdminListen::Off), port).await.unwrap().is_none());
        assert!("127.0.0.1".parse::<AdminListen>().is_err());
    }
}
