//! Sends one signed request to a webhook.
//!
//! The URL is a user's, so nothing about it or the receiver is trusted: the name is resolved once,
//! every address is judged, and the connection goes to an address that was judged. Redirects are not
//! followed, and no proxy is used. The whole attempt has a deadline, and of the answer only the
//! status counts.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use carlo_service::tls::Trust;
use carlo_types::webhook::HttpUrl;
use carlo_webhooks::signature::{ID, SIGNATURE, TIMESTAMP, sign};
use carlo_webhooks::{Attempt, Outcome, Reach, Refused};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::Host;

use super::resolver::{Resolver, SystemResolver};

/// How long an attempt may take up to the head of the answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long it may take to connect to one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;
/// The head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 100;
/// How much of an answer's body is read, and for how long, so that a receiver can send it. It is
/// thrown away.
const BODY_BYTES_MAX: usize = 64 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
const AGENT: &str = concat!("carlo/", env!("CARGO_PKG_VERSION"));

/// Sends requests to webhooks.
pub(crate) struct Sender {
    reach: Reach,
    trust: Trust,
    resolver: Box<dyn Resolver>,
    timeout: Duration,
}

impl Sender {
    pub(crate) fn new(reach: Reach, trust: Trust) -> Self {
        Self { reach, trust, resolver: Box::new(SystemResolver), timeout: ATTEMPT_TIMEOUT }
    }

    /// Sends the request of an attempt that begins at this calendar time.
    pub(crate) async fn send(self: &Arc<Self>, attempt: &Attempt, wall_seconds: u64) -> Outcome {
        match timeout(self.timeout, self.answer(attempt, wall_seconds)).await {
            Ok(Ok(answer)) => {
                let outcome = Outcome::of_status(answer.status, answer.retry_after);
                // What the receiver does from here on changes nothing.
                let _ = timeout(BODY_TIMEOUT, drain(answer.body)).await;
                outcome
            }
            Ok(Err(words)) => Outcome::unanswered(words),
            Err(_) => Outcome::unanswered(format!("no answer within {} s", self.timeout.as_secs_f64())),
        }
    }

    /// The head of the answer, or why there is none, for people.
    async fn answer(&self, attempt: &Attempt, wall_seconds: u64) -> Result<Answer, String> {
        let url = &attempt.url;
        // The operators may have changed their mind since the URL was taken.
        self.reach.check_url(url).map_err(|refused| refused.to_string())?;
        let request = request(attempt, wall_seconds)?;
        let parts = url.parts();
        let (name, addresses) = self.addresses(url).await?;
        let port = parts.port_or_known_default().ok_or("the URL has no port")?;
        let stream = connect(&addresses, port).await?;
        if parts.scheme() == "https" {
            let stream = self.trust.connect(&name, &["http/1.1"], stream).await;
            exchange(stream.map_err(|error| format!("failed to connect by TLS: {error}"))?, request).await
        } else {
            exchange(stream, request).await
        }
    }

    /// The host's name for TLS, and its addresses that may be reached.
    async fn addresses(&self, url: &HttpUrl) -> Result<(String, Vec<IpAddr>), String> {
        let name = match url.parts().host().ok_or("the URL has no host")? {
            Host::Domain(name) => name.to_owned(),
            // It was judged with the URL.
            Host::Ipv4(address) => return Ok((address.to_string(), vec![address.into()])),
            Host::Ipv6(address) => return Ok((address.to_string(), vec![address.into()])),
        };
        let found = self.resolver.resolve(&name).await;
        let found = found.map_err(|error| format!("failed to resolve {name}: {error}"))?;
        let mut refused = None;
        let mut addresses = Vec::new();
        for address in found {
            match self.reach.check(&name, address) {
                Ok(()) => addresses.push(address),
                Err(why) => refused = Some(why),
            }
        }
        addresses.truncate(ADDRESSES_MAX);
        match (addresses.is_empty(), refused) {
            (false, _) => Ok((name, addresses)),
            // The address itself is not said: it may be a secret of the cluster's network.
            (true, Some(Refused::Address { kind, .. })) => Err(format!(
                "{name} leads to an address that is {kind}, and the operators of this cluster allow none"
            )),
            (true, Some(refused)) => Err(refused.to_string()),
            (true, None) => Err(format!("{name} has no address")),
        }
    }
}

/// The answer without its body.
struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    body: Body,
}

/// The body of an answer, and the task that reads it from the connection. Dropping it closes the
/// connection.
struct Body {
    body: Incoming,
    _connection: JoinSet<()>,
}

fn request(attempt: &Attempt, wall_seconds: u64) -> Result<Request<Full<Bytes>>, String> {
    let (url, id) = (attempt.url.parts(), attempt.id.to_string());
    let host = url.host_str().ok_or("the URL has no host")?;
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    Request::builder()
        .method(Method::POST)
        .uri(target)
        .header(HOST, host)
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, "application/json")
        .header(CONNECTION, "close")
        .header(ID, &id)
        .header(TIMESTAMP, wall_seconds)
        .header(SIGNATURE, sign(&attempt.secret, &id, wall_seconds, &attempt.body))
        .body(Full::from(attempt.body.clone()))
        .map_err(|error| format!("failed to make a request for this URL: {error}"))
}

/// Connects to the first of these addresses that takes the connection.
async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, String> {
    let mut failed = "there is no address".to_owned();
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(SocketAddr::new(*address, port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failed = format!("failed to connect: {error}"),
            Err(_) => failed = format!("failed to connect within {} s", CONNECT_TIMEOUT.as_secs()),
        }
    }
    Err(failed)
}

/// Sends the request, and waits for the head of the answer.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| format!("failed to get an answer: {error}");
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let mut task = JoinSet::new();
    // Its errors are also those of the answer.
    task.spawn(async move { drop(connection.await) });
    let response = sender.send_request(request).await.map_err(failed)?;
    let (head, body) = response.into_parts();
    let body = Body { body, _connection: task };
    Ok(Answer { status: head.status.as_u16(), retry_after: retry_after(&head.headers), body })
}

/// Reads a body, as far as it is read, and throws it away.
async fn drain(mut body: Body) {
    let mut left = BODY_BYTES_MAX;
    while let Some(Ok(frame)) = body.body.frame().await {
        let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
        left = rest;
    }
}

/// The seconds in `Retry-After`. A date there is ignored.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
