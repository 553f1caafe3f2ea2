//! Response bodies: JSON with an `ETag`, or 304 if the client has the same body already (RFC 9110,
//! section 13.1.2); and the response to a created or accepted resource.

use axum::Json;
use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::Failure;

/// Responds with `value` as JSON, or with 304 if `request` names its `ETag`.
pub(crate) fn json_or_304(request: &HeaderMap, value: &impl Serialize) -> Result<Response, Failure> {
    Ok(Entity::new(value)?.respond(request))
}

/// Responds with `status`, the new resource and its path.
pub(crate) fn located(status: StatusCode, path: String, value: &impl Serialize) -> Response {
    (status, [(LOCATION, path)], Json(value)).into_response()
}

/// Responds that the new resource at this path was accepted.
pub(crate) fn accepted(path: String, value: &impl Serialize) -> Response {
    located(StatusCode::ACCEPTED, path, value)
}

/// The same response, for no cache to keep if it has a secret.
pub(crate) fn no_store_if(has_secret: bool, mut response: Response) -> Response {
    if has_secret {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// A JSON body with its `ETag`, ready to be sent any number of times.
#[derive(Debug, Clone)]
pub(crate) struct Entity {
    etag: HeaderValue,
    body: Bytes,
}

impl Entity {
    pub(crate) fn new(value: &impl Serialize) -> Result<Self, Failure> {
        let body = serde_json::to_vec(value).map_err(|error| Failure::internal(error.to_string()))?;
        Ok(Self { etag: etag(&body), body: body.into() })
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Length of the body, bytes.
    pub(crate) fn len(&self) -> usize {
        self.body.len()
    }

    /// Responds with the body, or with 304 if `request` names its `ETag`.
    pub(crate) fn respond(self, request: &HeaderMap) -> Response {
        let is_match = self.etag.to_str().is_ok_and(|etag| matches(request, etag));
        let etag = (ETAG, self.etag);
        if is_match {
            // The compression layer adds the same to a full response (RFC 9110, section 15.4.5).
            let vary = (VARY, HeaderValue::from_static("accept-encoding"));
            return (StatusCode::NOT_MODIFIED, [etag, vary]).into_response();
        }
        let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        ([etag, json], self.body).into_response()
    }
}

/// The `ETag` of a body. It is weak, because the body may be sent compressed or not.
pub(crate) fn etag(body: &[u8]) -> HeaderValue {
    let hash = u128::from_be_bytes(
        *Sha256::digest(body).first_chunk().expect("a SHA-256 hash has 32 bytes, of which these are 16"),
    );
    HeaderValue::try_from(format!("W/\"{hash:032x}\"")).expect("hexadecimal digits")
}

/// Whether `If-None-Match` names `etag`, compared weakly.
pub(crate) fn matches(request: &HeaderMap, etag: &str) -> bool {
    let opaque = etag.trim_start_matches("W/");
    (request.get_all(IF_NONE_MATCH).iter())
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|listed| listed == "*" || listed.trim_start_matches("W/") == opaque)
}
