//! Pages that never change while the gateway runs. Each is compressed once, and all responses share
//! its bytes.

use std::io::Write as _;

use axum::body::Bytes;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::entity;

/// Compresses a page.
pub(crate) fn gzip(page: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(page).and_then(|()| encoder.finish());
    written.expect("writing to memory never fails").into()
}

/// A page, ready to be sent any number of times.
#[derive(Debug, Clone)]
pub(crate) struct StaticPage {
    content_type: HeaderValue,
    etag: HeaderValue,
    plain: Bytes,
    gzip: Bytes,
}

impl StaticPage {
    pub(crate) fn new(content_type: &'static str, page: impl Into<Bytes>) -> Self {
        let plain = page.into();
        let gzip = gzip(&plain);
        let content_type = HeaderValue::from_static(content_type);
        Self { content_type, etag: entity::etag(&plain), plain, gzip }
    }

    /// Responds with the page, compressed if the client accepts that, or with 304 if the client has
    /// it. The encoding layer has reduced `Accept-Encoding` to gzip or nothing.
    pub(crate) fn respond(&self, request: &HeaderMap) -> Response {
        let vary = (VARY, HeaderValue::from_static("accept-encoding"));
        let headers = [(ETAG, self.etag.clone()), vary];
        if self.etag.to_str().is_ok_and(|etag| entity::matches(request, etag)) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let content_type = [(CONTENT_TYPE, self.content_type.clone())];
        if request.contains_key(ACCEPT_ENCODING) {
            let encoding = [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            return (headers, content_type, encoding, self.gzip.clone()).into_response();
        }
        (headers, content_type, self.plain.clone()).into_response()
    }
}
