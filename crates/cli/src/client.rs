//! The REST client: a method for each call of the contract (`carlo_rest`), and errors that say what
//! to do.

mod batches;
mod events;
mod keys;
mod webhooks;

use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use carlo_rest::cluster::Node;
use carlo_rest::job::{Cancelled, JobStatus};
use carlo_rest::order::JobOrder;
use carlo_rest::plans::{Comparison, Solved};
use carlo_rest::{Cluster, Job, JobList, Label, Problem, Submitted};
use carlo_service::tls;
use carlo_types::JobId;
use carlo_types::Replay;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::answer::Answer;
use crate::exit::say;
use crate::render;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// The timeout of streamed responses. Their readers have shorter timeouts between two parts.
const STREAM_TIMEOUT: Duration = Duration::from_hours(30 * 24);

/// The longest total wait of a call if the server asks it to retry later.
const RETRY_MAX: Duration = Duration::from_mins(1);

/// The advice if no server can be reached.
const START_ONE: &str =
    "\n  `carlo up` starts a cluster on this machine; --url or CARLO_URL names another one";

pub use events::{Event, Events};
pub use webhooks::DeliveryFilter;

/// A client of one gateway.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    /// The value of `X-API-Key`, marked as sensitive for logs.
    key: Option<HeaderValue>,
}

/// Which jobs a list is of, and which part of it is wanted.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "they are the parameters of the call")]
pub struct JobFilter {
    pub all: bool,
    pub user: Option<String>,
    pub status: Option<JobStatus>,
    pub name: Option<String>,
    pub text: Option<String>,
    pub since: Option<Timestamp>,
    pub sort: Option<JobOrder>,
    pub page: u32,
    pub page_size: u32,
}

impl JobFilter {
    /// A page of one's own jobs.
    pub fn page(page: u32, page_size: u32) -> Self {
        let (user, status, name, text, since, sort) = (None, None, None, None, None, None);
        Self { all: false, user, status, name, text, since, sort, page, page_size }
    }
}

/// The reason why a call failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub enum ClientError {
    /// The URL can't be used.
    #[error("{url:?} is not the URL of a gateway ({reason}): expected something like http://127.0.0.1:3001")]
    Url { url: String, reason: String },
    /// The key can't be sent.
    #[error("the key is not visible ASCII")]
    Key,
    /// No server can be reached.
    #[error("failed to reach {}: {reason}{}", without_slash(url), if *is_refused { START_ONE } else { "" })]
    Unreachable {
        url: Url,
        reason: String,
        /// Whether nothing listens at the URL, so that starting a cluster may help.
        is_refused: bool,
    },
    /// The server refused the call, or failed to serve it.
    #[error("{}", render::faults::text(&.0.problem.detail, &.0.problem.errors))]
    Refused(Box<ErrorResponse>),
    /// The response doesn't match the contract.
    #[error(
        "{} answered {status}, and not in the way of carlo's gateway; is the URL right?",
        without_slash(url)
    )]
    NotCarlo { url: Url, status: StatusCode },
}

/// A server's refusal of a call.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct ErrorResponse {
    pub problem: Problem,
    /// The time after which the same call may succeed.
    pub retry_after: Option<Duration>,
    /// The job of the call, if it continues.
    pub job: Option<JobId>,
}

impl ErrorResponse {
    fn read(headers: &HeaderMap, json: &str) -> serde_json::Result<Self> {
        let text = |name| headers.get(name)?.to_str().ok();
        Ok(Self {
            problem: serde_json::from_str(json)?,
            // The gateway never sends the other form, a date.
            retry_after: text(RETRY_AFTER.as_str())
                .and_then(|text| text.parse().ok())
                .map(Duration::from_secs),
            job: text("x-job-id").and_then(|id| id.parse().ok()),
        })
    }
}

impl ClientError {
    /// The time after which the server asks to try again.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Refused(response) = self { response.retry_after } else { None }
    }

    /// Whether the same call may succeed in a moment, because the server restarts or waits for a
    /// leader.
    pub fn is_passing(&self) -> bool {
        match self {
            // A wrong configuration won't change by itself.
            Self::Unreachable { reason, .. } => {
                !["certificate", "URL should begin"].iter().any(|words| reason.contains(words))
            }
            Self::Refused(response) => response.problem.status == StatusCode::SERVICE_UNAVAILABLE.as_u16(),
            Self::Url { .. } | Self::Key | Self::NotCarlo { .. } => false,
        }
    }
}

/// A valid URL as an example.
fn without_slash(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

impl Client {
    /// A client of the gateway at `url`. It connects with the first call.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::trusting(url, None)
    }

    /// Like [`new`](Self::new). For an `https` URL the server's certificate must be signed by one
    /// of these authorities (PEM), or by one of the system's if `None`.
    pub fn trusting(url: &str, authorities: Option<&[u8]>) -> Result<Self, ClientError> {
        let refuse = |reason: String| ClientError::Url { url: url.to_owned(), reason };
        let base: Url = url.parse().map_err(|error| refuse(format!("{error}")))?;
        match base.scheme() {
            "http" | "https" if base.has_host() => {}
            _ => return Err(refuse("it begins neither with http:// nor with https://".to_owned())),
        }
        tls::install_provider();
        let mut builder = reqwest::Client::builder();
        if let Some(authorities) = authorities {
            let authorities = reqwest::Certificate::from_pem_bundle(authorities);
            builder = builder.tls_certs_only(authorities.map_err(|error| refuse(root_cause(&error)))?);
        }
        let http = builder
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            // Proxies of the environment are ignored, because a cluster is on this machine or
            // behind a tunnel.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| refuse(root_cause(&error)))?;
        Ok(Self { http, base, key: None })
    }

    /// Adds an API key to all calls.
    pub fn with_key(self, key: &str) -> Result<Self, ClientError> {
        let mut key = HeaderValue::try_from(key).map_err(|_| ClientError::Key)?;
        key.set_sensitive(true);
        Ok(Self { key: Some(key), ..self })
    }

    /// The gateway's URL.
    pub fn url(&self) -> &Url {
        &self.base
    }

    /// `GET` of the client's URL itself, which need not be a call of the contract. Returns the
    /// status and the text.
    pub async fn probe(&self) -> Result<(StatusCode, String), ClientError> {
        let unreachable = |error: reqwest::Error| self.unreachable(&error);
        let response = self.request(Method::GET, self.base.clone()).send().await.map_err(unreachable)?;
        Ok((response.status(), response.text().await.map_err(unreachable)?))
    }

    /// `POST /api/jobs` with this body.
    pub async fn submit(&self, body: String) -> Result<Answer<Submitted>, ClientError> {
        self.call(Method::POST, self.path(&["jobs"]), Some(body)).await
    }

    /// `POST /api/sweep` with this body.
    pub async fn sweep(&self, body: String) -> Result<Answer<Submitted>, ClientError> {
        self.call(Method::POST, self.path(&["sweep"]), Some(body)).await
    }

    /// `GET /api/jobs/{id}/simulations/{index}`
    pub async fn replay(&self, id: JobId, index: u64) -> Result<Answer<Replay>, ClientError> {
        let url = self.path(&["jobs", &id.to_string(), "simulations", &index.to_string()]);
        self.call(Method::GET, url, None).await
    }

    /// `GET /api/jobs/{id}/samples`, as a stream of bytes of this media type.
    pub async fn samples(
        &self,
        id: JobId,
        [first, count]: [u64; 2],
        media_type: &'static str,
    ) -> Result<Response, ClientError> {
        let mut url = self.path(&["jobs", &id.to_string(), "samples"]);
        url.query_pairs_mut()
            .append_pair("first", &first.to_string())
            .append_pair("count", &count.to_string());
        self.stream(self.request(Method::GET, url).header(ACCEPT, media_type)).await
    }

    /// `GET /api/jobs/{id}/report`
    pub async fn report(&self, id: JobId) -> Result<String, ClientError> {
        let request = self.request(Method::GET, self.path(&["jobs", &id.to_string(), "report"]));
        self.stream(request).await?.text().await.map_err(|error| self.unreachable(&error))
    }

    /// `POST /api/compare` with this body.
    pub async fn compare(&self, body: String) -> Result<Answer<Comparison>, ClientError> {
        self.call(Method::POST, self.path(&["compare"]), Some(body)).await
    }

    /// `POST /api/solve` with this body.
    pub async fn solve(&self, body: String) -> Result<Answer<Solved>, ClientError> {
        self.call(Method::POST, self.path(&["solve"]), Some(body)).await
    }

    /// `GET /api/jobs/{id}`
    pub async fn job(&self, id: JobId) -> Result<Answer<Job>, ClientError> {
        self.call(Method::GET, self.path(&["jobs", &id.to_string()]), None).await
    }

    /// `GET /api/jobs`
    pub async fn jobs(&self, list: &JobFilter) -> Result<Answer<JobList>, ClientError> {
        let JobFilter { all, user, status, name, text, since, sort, page, page_size } = list;
        let mut url = self.path(&["jobs"]);
        let mut query = url.query_pairs_mut();
        query.append_pair("page", &page.to_string()).append_pair("page_size", &page_size.to_string());
        if *all {
            query.append_pair("all", "true");
        }
        let since = since.map(|since| since.to_string());
        let sort = sort.map(|order| order.to_string());
        for (parameter, value) in [
            ("user", user.as_deref()),
            ("status", status.map(Label::label)),
            ("name", name.as_deref()),
            ("text", text.as_deref()),
            ("since", since.as_deref()),
            ("sort", sort.as_deref()),
        ] {
            query.extend_pairs(value.map(|value| (parameter, value)));
        }
        drop(query);
        self.call(Method::GET, url, None).await
    }

    /// `DELETE /api/jobs/{id}`
    pub async fn cancel(&self, id: JobId) -> Result<Answer<Cancelled>, ClientError> {
        self.call(Method::DELETE, self.path(&["jobs", &id.to_string()]), None).await
    }

    /// `PATCH /api/jobs/{id}`: what is absent stays.
    pub async fn update(
        &self,
        id: JobId,
        priority: Option<u32>,
        name: Option<&str>,
    ) -> Result<Answer<Job>, ClientError> {
        let mut body = serde_json::Map::new();
        body.extend(priority.map(|priority| ("priority".to_owned(), priority.into())));
        body.extend(name.map(|name| ("name".to_owned(), name.into())));
        let body = serde_json::Value::Object(body).to_string();
        self.call(Method::PATCH, self.path(&["jobs", &id.to_string()]), Some(body)).await
    }

    /// `DELETE /api/jobs/{id}?purge=true`
    pub async fn delete(&self, id: JobId) -> Result<Answer<Cancelled>, ClientError> {
        let mut url = self.path(&["jobs", &id.to_string()]);
        url.query_pairs_mut().append_pair("purge", "true");
        self.call(Method::DELETE, url, None).await
    }

    /// `GET /api/cluster/status`
    pub async fn cluster(&self) -> Result<Answer<Cluster>, ClientError> {
        self.call(Method::GET, self.path(&["cluster", "status"]), None).await
    }

    /// `POST /api/cluster/nodes/{id}/drain`, or `/undrain`, which also accepts a name
    pub async fn drain(&self, id: &str, draining: bool) -> Result<Answer<Node>, ClientError> {
        let verb = if draining { "drain" } else { "undrain" };
        self.call(Method::POST, self.path(&["cluster", "nodes", id, verb]), None).await
    }

    /// `POST /api/cluster/nodes/{id}/lift-quarantine`, which also accepts a name
    pub async fn lift_quarantine(&self, id: &str) -> Result<Answer<Node>, ClientError> {
        self.call(Method::POST, self.path(&["cluster", "nodes", id, "lift-quarantine"]), None).await
    }

    fn path(&self, segments: &[&str]) -> Url {
        self.at(&[&["api"], segments].concat())
    }

    fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        let mut path = url.path_segments_mut().expect("an http URL has a path");
        path.pop_if_empty().extend(segments);
        drop(path);
        url
    }

    /// A request with the key.
    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.http.request(method, url);
        match &self.key {
            Some(key) => request.header("x-api-key", key.clone()),
            None => request,
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let is_http = !chain_contains(error, "invalid HTTP version");
        let reason = if error.is_timeout() {
            "it doesn't answer in time".to_owned()
        } else if is_http {
            tls::cause(error).unwrap_or_else(|| root_cause(error))
        } else {
            "it speaks no HTTP at this port; if it speaks TLS, the URL should begin with https://".to_owned()
        };
        let is_refused = reason.starts_with("connection refused");
        ClientError::Unreachable { url: self.base.clone(), reason, is_refused }
    }

    /// Sends a request with a streamed response. A response without success is an error.
    async fn stream(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = self.send(request.timeout(STREAM_TIMEOUT)).await?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response).await) }
    }

    /// Sends a request. If the server refuses it because of a rate limit, waits as long as it asks
    /// and tries again.
    async fn send(&self, mut request: RequestBuilder) -> Result<Response, ClientError> {
        let mut patience = RETRY_MAX;
        loop {
            let again = request.try_clone();
            let response = request.send().await.map_err(|error| self.unreachable(&error))?;
            if response.status() != StatusCode::TOO_MANY_REQUESTS {
                return Ok(response);
            }
            let seconds =
                response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let wait = seconds.map(|seconds: u64| Duration::from_secs(seconds.max(1)));
            let (Some(wait), Some(again)) = (wait.filter(|wait| *wait <= patience), again) else {
                return Ok(response);
            };
            say(&format!("too many calls: waiting {} s, as the server asks", wait.as_secs()));
            tokio::time::sleep(wait).await;
            patience -= wait;
            request = again;
        }
    }

    /// The error of a response without success.
    async fn refusal(&self, response: Response) -> ClientError {
        let (status, headers) = (response.status(), response.headers().clone());
        let json = match response.text().await {
            Ok(json) => json,
            Err(error) => return self.unreachable(&error),
        };
        match ErrorResponse::read(&headers, &json) {
            Ok(response) => ClientError::Refused(Box::new(response)),
            Err(_) => ClientError::NotCarlo { url: self.base.clone(), status },
        }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Option<String>,
    ) -> Result<Answer<T>, ClientError> {
        let mut request = self.request(method, url);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        self.answer(request).await
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<Answer<T>, ClientError> {
        let response = self.send(request).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refusal(response).await);
        }
        let json = response.text().await.map_err(|error| self.unreachable(&error))?;
        let not_carlo = |_| ClientError::NotCarlo { url: self.base.clone(), status };
        let value = serde_json::from_str(&json).map_err(not_carlo)?;
        Ok(Answer { value, json })
    }
}

/// Whether an error of this chain contains this text.
fn chain_contains(error: &reqwest::Error, words: &str) -> bool {
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        if error.to_string().contains(words) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The innermost source of an error, for example "Connection refused".
fn root_cause(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        words.clear();
        let _ = write!(words, "{inner}");
        source = inner.source();
    }
    words
}

#[cfg(test)]
mod tests;
