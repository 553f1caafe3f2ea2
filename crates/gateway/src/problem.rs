//! Every error of the REST door: one table from faults to statuses, and one layer that writes them.
//!
//! Handlers answer with a [`Failure`], which says what went wrong. Only [`render`], the layer around everything, knows the
//! request's path and id, so it alone writes `application/problem+json`. It writes what others refuse, too: whatever leaves with an
//! error status leaves as a problem.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use carlo_rest::Problem;
use carlo_rest::pointer::Spelling;
use carlo_rest::problem::FieldError;
use carlo_types::fault::Limit;
use carlo_types::limits::FIELD_FAULTS_MAX;
use carlo_types::{Fault, FaultCode, FieldFault};
use serde_json::Value;

use crate::convert::dollars;
use crate::convert::request::spelled;

mod kind;

pub(crate) use kind::{Kind, description, routes};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id of a client that is echoed.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// When a client that met a limit or no coordinator should try again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

/// How a client without a good key may show one; `X-API-Key` has no name for this header.
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

/// Why a request is not answered.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    status: StatusCode,
    /// What it is beyond its status.
    kind: Option<Kind>,
    /// The limit that doesn't reach.
    limit: Option<Limit>,
    /// For the caller, or for the log alone where the status is 500 and the kind is blank.
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Failure {
    /// A failure of this status. What `detail` says of a status 500 is logged, not sent.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { status, kind: None, limit: None, detail, errors: Vec::new(), headers: Vec::new() }
    }

    /// A failure that only the log describes.
    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, cause)
    }

    /// The same, of this kind.
    pub(crate) fn of_kind(self, kind: Kind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// The same with a header. What is no header's value is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The same, as a probe sees it: whatever the reason is, the gateway can't serve.
    pub(crate) fn into_unready(self) -> Self {
        let detail = if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(cause = self.detail, "failed to ask a coordinator how it is");
            "a coordinator answers, but with an internal error".to_owned()
        } else {
            self.detail
        };
        Self { status: StatusCode::SERVICE_UNAVAILABLE, detail, ..self }
    }

    /// A request with these fields at fault.
    pub(crate) fn invalid(mut errors: Vec<FieldError>) -> Self {
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

    /// The same, with its pointers led to where `place` says.
    pub(crate) fn moved(mut self, place: fn(&str) -> String) -> Self {
        for error in &mut self.errors {
            error.pointer = place(&error.pointer);
        }
        self
    }

    /// The same, with the pointers spelled as `body` spells its fields, or as usual.
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
        let errors =
            fault.fields.into_iter().map(|field| FieldError::new(field.pointer, field.message)).collect();
        let (kind, limit) = (Kind::of(fault.code), fault.limit);
        let failure = Self { kind, limit, errors, ..Self::new(status(fault.code), fault.message) };
        match fault.retry_after_seconds {
            Some(seconds) => failure.with(RETRY_AFTER, &seconds.to_string()),
            None => failure,
        }
    }
}

/// The failure itself, for [`render`] to write.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives the response the request's id and, where it is an error, writes it as a problem.
pub(crate) async fn render(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        response = problem(response, &method, path, &id);
    }
    tracing::debug!(request = ?id, %method, status = response.status().as_u16(), "answered");
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// The client's own id, where it is fit to be repeated in headers and logs; otherwise a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sane = |id: &&HeaderValue| {
        (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    headers.get(X_REQUEST_ID).filter(sane).cloned().unwrap_or_else(|| {
        HeaderValue::try_from(uuid::Uuid::now_v7().simple().to_string()).expect("hexadecimal digits")
    })
}

/// Writes an error, keeping whatever headers it has, like `Allow`.
fn problem(response: Response, method: &Method, path: String, id: &HeaderValue) -> Response {
    let (mut parts, _) = response.into_parts();
    let title = parts.status.canonical_reason().unwrap_or("Error");
    let mut failure = (parts.extensions.remove::<Failure>())
        .unwrap_or_else(|| Failure::new(parts.status, title.to_lowercase()));
    if failure.status == StatusCode::INTERNAL_SERVER_ERROR && failure.kind.is_none() {
        tracing::error!(request = ?id, path, cause = failure.detail, "failed to answer a request");
        let id = id.to_str().unwrap_or_default();
        failure.detail = format!("an internal error; the log describes it under the request id {id}");
        failure.errors.clear();
    }
    // In place of what is there: a header of the call and the failure may say the same.
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
    let body = serde_json::to_vec(&problem).expect("a problem is texts and a number");
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
