//! Answers that are worth keeping: JSON with an `ETag`, or 304 where the client has it already (RFC 9110, section 13.1.2).

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::Failure;

/// `value` as JSON, unless `request` says that its sender holds the same.
pub(crate) fn fresh(request: &HeaderMap, value: &impl Serialize) -> Result<Response, Failure> {
    Ok(Entity::of(value)?.answer(request))
}

/// What is worth keeping, ready to be sent any number of times.
#[derive(Debug, Clone)]
pub(crate) struct Entity {
    etag: HeaderValue,
    body: Bytes,
}

impl Entity {
    /// `value` as JSON.
    pub(crate) fn of(value: &impl Serialize) -> Result<Self, Failure> {
        let body = serde_json::to_vec(value).map_err(|error| Failure::internal(error.to_string()))?;
        let hash = u128::from_be_bytes(
            *Sha256::digest(&body).first_chunk().expect("a SHA-256 hash has 32 bytes, of which these are 16"),
        );
        // Weak: the body may travel compressed or not.
        let etag = HeaderValue::try_from(format!("W/\"{hash:032x}\"")).expect("hexadecimal digits");
        Ok(Self { etag, body: body.into() })
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.body.len()
    }

    /// It, unless `request` says that its sender holds the same.
    pub(crate) fn answer(self, request: &HeaderMap) -> Response {
        let is_held = self.etag.to_str().is_ok_and(|tag| is_held(request, tag));
        let etag = (ETAG, self.etag);
        if is_held {
            // As the compressing layer says of the body that isn't sent (RFC 9110, section 15.4.5).
            let vary = (VARY, HeaderValue::from_static("accept-encoding"));
            return (StatusCode::NOT_MODIFIED, [etag, vary]).into_response();
        }
        let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        ([etag, json], self.body).into_response()
    }
}

/// Whether `If-None-Match` names `tag`, compared weakly.
fn is_held(request: &HeaderMap, tag: &str) -> bool {
    let opaque = tag.trim_start_matches("W/");
    (request.get_all(IF_NONE_MATCH).iter())
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|held| held == "*" || held.trim_start_matches("W/") == opaque)
}
