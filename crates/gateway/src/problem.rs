//! Errors: the status of each kind of fault, and the layer that writes problem documents.
//!
//! Handlers return a [`Failure`]. Only the outer layer [`render`] knows the request's path and id,
//! so only it writes `application/problem+json`. It also rewrites libraries' errors: every response
//! with an error status is a problem document.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use carlo_rest::Problem;
use carlo_rest::money::dollars;
use carlo_rest::pointer::{Spelling, spelled};
use carlo_types::fault::Limit;
use carlo_types::limits::FIELD_FAULTS_MAX;
use carlo_types::{Fault, FaultCode, FieldFault};
use serde_json::Value;

use crate::request_log::{RequestIdentity, X_REQUEST_ID};

mod kind;

pub(crate) use kind::{Kind, description, routes};

/// The default `Retry-After` of 429 and 503.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

/// How a client may authenticate. `X-API-Key` is not a registered scheme.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"carlo\"");

/// The status of each kind of fault.
fn status(code: FaultCode) -> StatusCode {
    match code {
        FaultCode::Invalid => StatusCode::BAD_REQUEST,
        FaultCode::NotFound => StatusCode::NOT_FOUND,
        FaultCode::Conflict | FaultCode::KeyInUse => StatusCode::CONFLICT,
        FaultCode::Exhausted | FaultCode::RateLimited | FaultCode::QuotaExceeded => {
            StatusCode::TOO_MANY_REQUESTS
        }
        FaultCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        FaultCode::Forbidden => StatusCode::FORBIDDEN,
        FaultCode::OverBudget => StatusCode::PAYMENT_REQUIRED,
        FaultCode::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        FaultCode::Incompatible => StatusCode::BAD_GATEWAY,
        FaultCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        FaultCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
        FaultCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The reason why a request failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    status: StatusCode,
    /// The kind of problem, if the status alone doesn't tell.
    kind: Option<Kind>,
    /// The quota or cap that was exceeded.
    limit: Option<Limit>,
    /// The text for the caller. If the status is 500 and there is no kind, it is only logged.
    detail: String,
    errors: Vec<FieldFault>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Failure {
    /// A failure of this status. The `detail` of a 500 is logged, not sent.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { status, kind: None, limit: None, detail, errors: Vec::new(), headers: Vec::new() }
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// A 500 whose cause is logged.
    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, cause)
    }

    /// Sets the kind.
    pub(crate) fn of_kind(self, kind: Kind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// Adds a header to the response. An invalid value is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Converts the failure to the 503 of a readiness probe. `trouble` says why coordinators can't
    /// be reached.
    pub(crate) fn into_unready(self, trouble: Option<String>) -> Self {
        let detail = if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(cause = self.detail, "a coordinator failed to report its readiness");
            "a coordinator answers, but with an internal error".to_owned()
        } else {
            self.detail
        };
        let detail = trouble.map_or(detail.clone(), |trouble| format!("{detail}: {trouble}"));
        Self { status: StatusCode::SERVICE_UNAVAILABLE, detail, ..self }
    }

    /// A request with these invalid fields.
    pub(crate) fn invalid(mut errors: Vec<FieldFault>) -> Self {
        let mut detail = match errors.as_slice() {
            [only] => FieldFault::new(&only.pointer, &only.message).to_string(),
            many => format!("the request has {} faults", many.len()),
        };
        if errors.len() > FIELD_FAULTS_MAX {
            detail = format!("{detail}, of which the first {FIELD_FAULTS_MAX} are listed");
            errors.truncate(FIELD_FAULTS_MAX);
        }
        Self { errors, ..Self::new(status(FaultCode::Invalid), detail) }
    }

    /// Replaces every pointer by what `convert` makes of it.
    pub(crate) fn with_pointers(mut self, convert: fn(&str) -> String) -> Self {
        for error in &mut self.errors {
            error.pointer = convert(&error.pointer);
        }
        self
    }

    /// Changes the pointers to the spelling of the fields in `body`, or else to the usual one.
    pub(crate) fn spelled(self, body: &Value, usual: Spelling) -> Self {
        match self.errors.as_slice() {
            [] => self,
            // The detail repeats a single fault.
            [_] => Self { headers: self.headers, ..Self::invalid(spelled(self.errors, body, usual)) },
            _ => Self { errors: spelled(self.errors, body, usual), ..self },
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let (kind, limit, errors) = (Kind::of(fault.code), fault.limit, fault.fields);
        let failure = Self { kind, limit, errors, ..Self::new(status(fault.code), fault.message) };
        match fault.retry_after_seconds {
            Some(seconds) => failure.with(RETRY_AFTER, &seconds.to_string()),
            None => failure,
        }
    }
}

/// Only carries the failure to [`render`].
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Adds the request id to the response and, if it is an error, writes it as a problem document.
pub(crate) async fn render(request: Request, next: Next) -> Response {
    let identity = request.extensions().get::<RequestIdentity>();
    let id = identity.map_or_else(|| HeaderValue::from_static("unknown"), |identity| identity.id.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        response = problem(response, &method, path, &id);
    }
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// Writes an error, keeping its other headers, like `Allow`.
fn problem(response: Response, method: &Method, path: String, id: &HeaderValue) -> Response {
    let (mut parts, _) = response.into_parts();
    let title = parts.status.canonical_reason().unwrap_or("Error");
    let mut failure = (parts.extensions.remove::<Failure>())
        .unwrap_or_else(|| Failure::new(parts.status, title.to_lowercase()));
    if failure.status == StatusCode::INTERNAL_SERVER_ERROR && failure.kind.is_none() {
        tracing::error!(path, cause = failure.detail, "a request failed");
        let id = id.to_str().unwrap_or_default();
        failure.detail = format!("an internal error; the log describes it under the request id {id}");
        failure.errors.clear();
    }
    // These replace headers of the same name that the caller's limits have set.
    for (name, value) in failure.headers {
        parts.headers.insert(name, value);
    }
    match failure.status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            parts.headers.entry(RETRY_AFTER).or_insert(RETRY_AFTER_SECONDS);
        }
        StatusCode::UNAUTHORIZED => {
            parts.headers.insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        _ => {}
    }
    let (kind, title) = failure
        .kind
        .map_or_else(|| ("about:blank".to_owned(), title), |kind| (kind.entry().uri(), kind.entry().title));
    let (quota, budget_cap_usd) = match failure.limit {
        Some(Limit::Quota(name)) => (Some(name), None),
        Some(Limit::BudgetCap { nanodollars }) => (None, Some(dollars(nanodollars))),
        None => (None, None),
    };
    let problem = Problem {
        kind,
        title: title.to_owned(),
        status: failure.status.as_u16(),
        error: failure.detail.clone(),
        detail: failure.detail,
        instance: path,
        errors: failure.errors,
        quota,
        budget_cap_usd,
    };
    let body = serde_json::to_vec(&problem).expect("a problem can be written as JSON");
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(carlo_rest::problem::CONTENT_TYPE));
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    Response::from_parts(parts, if method == Method::HEAD { Body::empty() } else { Body::from(body) })
}

/// The failure of a handler that panicked.
pub(crate) fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let words = cause
        .downcast::<String>()
        .map(|words| *words)
        .or_else(|cause| cause.downcast::<&str>().map(|words| (*words).to_owned()))
        .unwrap_or_else(|_| "without words".to_owned());
    Failure::internal(format!("a handler panicked: {words}")).into_response()
}
