//! Request bodies: JSON of at most a mebibyte, sent within a time limit.

use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use carlo_types::definition::{self, Faults, Section};
use carlo_types::json::{self, Document};
use carlo_types::limits::BODY_BYTES_MAX;
use tokio_stream::StreamExt;

use crate::problem::Failure;

/// How much of a body that is too large is read and discarded, because many clients read the
/// response only after they have sent everything.
const DISCARDED_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// Reads the body of `request` as JSON.
pub(crate) async fn json(request: Request, timeout: Duration) -> Result<Document, Failure> {
    if !is_json(request.headers()) {
        let detail = "the body must be JSON, with the header Content-Type: application/json";
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    parse(all(request, timeout).await?)
}

/// Reads a body that may be absent: then it is an object without fields.
pub(crate) async fn json_or_none(request: Request, timeout: Duration) -> Result<Document, Failure> {
    let typed = request.headers().contains_key(CONTENT_TYPE);
    if typed && !is_json(request.headers()) {
        return json(request, timeout).await;
    }
    let bytes = all(request, timeout).await?;
    match bytes.as_slice() {
        [] => Ok(Document::empty_object()),
        _ if typed => parse(bytes),
        _ => {
            let detail = "a body must be JSON, with the header Content-Type: application/json";
            Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

/// Reads what the definition of `S` says a body is: every fault of it at once, spelled as the body
/// is.
pub(crate) fn section<S: Section>(body: &Document) -> Result<S, Failure> {
    let mut faults = Faults::of(body.duplicates.clone());
    let section = definition::read(&body.value, &mut faults);
    Ok(faults.none_or(section)?)
}

fn parse(bytes: Vec<u8>) -> Result<Document, Failure> {
    json::parse(bytes)
        .map_err(|error| Failure::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}")))
}

async fn all(request: Request, timeout: Duration) -> Result<Vec<u8>, Failure> {
    let encodings = request.headers().get_all(CONTENT_ENCODING).iter();
    if encodings.map(HeaderValue::as_bytes).any(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        let detail = "the body must be sent as it is, without Content-Encoding";
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    tokio::time::timeout(timeout, bytes(request)).await.map_err(|_| {
        let detail = format!("the body did not arrive within {} s", timeout.as_secs_f64());
        Failure::new(StatusCode::REQUEST_TIMEOUT, detail)
    })?
}

/// `application/json`, or another type that is written in JSON (RFC 6839).
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

async fn bytes(request: Request) -> Result<Vec<u8>, Failure> {
    let too_large = || {
        let detail = format!("the body has more than {BODY_BYTES_MAX} bytes");
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|bytes: u64| bytes > DISCARDED_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let mut chunks = request.into_body().into_data_stream();
    let (mut bytes, mut received) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "the body ended before it was complete"))?;
        received += chunk.len();
        if received <= BODY_BYTES_MAX {
            bytes.extend_from_slice(&chunk);
        } else if received > DISCARDED_BYTES_MAX {
            break;
        }
    }
    if received > BODY_BYTES_MAX { Err(too_large()) } else { Ok(bytes) }
}
