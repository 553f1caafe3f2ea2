//! Limits on a request's head. The connection itself refuses much larger heads with a bare status;
//! the refusals here are problem documents.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Failure;

/// Bytes of the path with its query.
const TARGET_BYTES_MAX: usize = 8 * 1024;
/// Bytes of all headers.
const HEADERS_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;

/// Refuses requests whose head is too large.
pub(crate) async fn limit(request: Request, next: Next) -> Response {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > TARGET_BYTES_MAX {
        let detail = format!("the path with its query has more than {TARGET_BYTES_MAX} bytes");
        return Failure::new(StatusCode::URI_TOO_LONG, detail).into_response();
    }
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADERS_BYTES_MAX {
        let detail = format!(
            "there are more than {HEADERS_MAX} headers, or more than {HEADERS_BYTES_MAX} bytes of them"
        );
        return Failure::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail).into_response();
    }
    next.run(request).await
}
