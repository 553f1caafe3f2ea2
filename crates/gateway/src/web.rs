//! The web interface: static files inside the program. A debug build reads them from `web/`, so
//! that changes need no build.
//!
//! Every URL serves the same page frame, which requests its data like any other client of the API.
//! This module knows nothing about callers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use crate::problem::Failure;
use crate::{entity, static_page};

/// The URLs of pages; `web/app/router.js` says which module shows each.
const PAGES: [&str; 8] =
    ["/", "/jobs", "/jobs/{id}", "/batches", "/batches/{id}", "/cluster", "/usage", "/docs"];
/// plotly.js, compressed by the build script.
const PLOTLY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plotly.min.js.gz"));

/// Scripts, styles and data may only come from this server, and no page may be framed. The hash is
/// that of an empty style sheet, which plotly creates for its rules.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; \
     style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; img-src 'self' data: blob:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
/// A file may change with the program that serves it.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
/// plotly.js only changes with a release.
const KEEP_A_DAY: HeaderValue = HeaderValue::from_static("max-age=86400");

#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

/// The routes of the pages and their files.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let pages = PAGES.iter().fold(Router::new(), |router, path| {
        router.route(path, get(async |headers: HeaderMap| file(&headers, "index.html")))
    });
    pages
        .route("/favicon.ico", get(async |headers: HeaderMap| file(&headers, "favicon.svg")))
        .route("/web/plotly.min.js", get(plotly))
        .route(
            "/web/{*path}",
            get(async |Path(path): Path<String>, headers: HeaderMap| file(&headers, &path)),
        )
}

fn file(request: &HeaderMap, path: &str) -> Result<Response, Failure> {
    let missing = || Failure::new(StatusCode::NOT_FOUND, format!("there is no file {path}"));
    let file = Files::get(path).ok_or_else(missing)?;
    let hash = file.metadata.sha256_hash();
    let etag = etag(&hash);
    let vary = (VARY, HeaderValue::from_static("accept-encoding"));
    if is_cached(request, &etag) {
        let headers = [(ETAG, etag), (CACHE_CONTROL, REVALIDATE), vary];
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let kind = HeaderValue::from_static(content_type(path));
    let headers = [(CONTENT_TYPE, kind), (ETAG, etag), (CACHE_CONTROL, REVALIDATE), vary];
    if request.contains_key(ACCEPT_ENCODING) {
        let encoding = [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
        return Ok((safe(), headers, encoding, compressed(path, hash, &file.data)).into_response());
    }
    let data = match file.data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => data.into(),
    };
    Ok((safe(), headers, data).into_response())
}

/// A file with this content, compressed. Each content is compressed once, and all responses share
/// the bytes.
fn compressed(path: &str, hash: [u8; 32], data: &[u8]) -> Bytes {
    static COMPRESSED: Mutex<BTreeMap<String, ([u8; 32], Bytes)>> = Mutex::new(BTreeMap::new());
    // A panic can't leave the map half changed.
    let mut files = COMPRESSED.lock().unwrap_or_else(PoisonError::into_inner);
    match files.get(path) {
        Some((known, bytes)) if *known == hash => bytes.clone(),
        _ => {
            let bytes = static_page::gzip(data);
            files.insert(path.to_owned(), (hash, bytes.clone()));
            bytes
        }
    }
}

/// Always compressed: every browser that can draw the charts accepts gzip.
async fn plotly(headers: HeaderMap) -> Result<Response, Failure> {
    let etag = etag(&Sha256::digest(PLOTLY).into());
    if is_cached(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag), (CACHE_CONTROL, KEEP_A_DAY)]).into_response());
    }
    if !headers.contains_key(ACCEPT_ENCODING) {
        let detail = "this script is served with Content-Encoding: gzip only";
        return Err(Failure::new(StatusCode::NOT_ACCEPTABLE, detail));
    }
    let sent = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type(".js"))),
        (CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        (VARY, HeaderValue::from_static("accept-encoding")),
        (ETAG, etag),
        (CACHE_CONTROL, KEEP_A_DAY),
    ];
    Ok((safe(), sent, Bytes::from_static(PLOTLY)).into_response())
}

fn etag(hash: &[u8; 32]) -> HeaderValue {
    let hash = u128::from_be_bytes(*hash.first_chunk().expect("16 of 32 bytes"));
    HeaderValue::try_from(format!("W/\"{hash:032x}\"")).expect("hexadecimal digits")
}

fn is_cached(request: &HeaderMap, etag: &HeaderValue) -> bool {
    etag.to_str().is_ok_and(|tag| entity::matches(request, tag))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// Security headers for browsers.
fn safe() -> [(HeaderName, HeaderValue); 4] {
    [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit on the total size of carlo's own scripts, in bytes.
    const SCRIPT_BYTES_MAX: usize = 200_000;

    #[test]
    fn our_own_scripts_stay_small() {
        let scripts = Files::iter().filter(|path| path.ends_with(".js"));
        let bytes: usize = scripts.filter_map(|path| Some(Files::get(&path)?.data.len())).sum();
        assert!((10_000..SCRIPT_BYTES_MAX).contains(&bytes), "{bytes} bytes");
    }

    #[test]
    fn every_file_has_a_type_and_every_module_that_is_imported_exists() {
        for path in Files::iter() {
            assert_ne!(content_type(&path), "application/octet-stream", "{path}");
            let data = Files::get(&path).expect("the file was listed").data.into_owned();
            let text = String::from_utf8(data).expect("all files are text");
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            for line in text.lines().filter(|_| path.ends_with(".js")) {
                let Some((_, rest)) = line.split_once("from \"").or_else(|| line.split_once("import(\""))
                else {
                    continue;
                };
                let imported = rest.split('"').next().unwrap_or_default();
                let mut parts: Vec<&str> = folder.split('/').collect();
                for part in imported.split('/') {
                    match part {
                        "." => {}
                        ".." => drop(parts.pop()),
                        name => parts.push(name),
                    }
                }
                let target = parts.join("/");
                assert!(Files::get(&target).is_some(), "{path} imports {imported}");
            }
        }
    }

    #[test]
    fn a_content_is_compressed_once() {
        let first = compressed("a", [1; 32], &[7; 10_000]);
        assert!(first.len() < 1_000);
        let again = compressed("a", [1; 32], &[7; 10_000]);
        assert_eq!(first.as_ptr(), again.as_ptr());
        assert_ne!(compressed("a", [2; 32], &[8; 10_000]), first);
    }

    #[test]
    fn only_what_belongs_to_the_interface_is_served() {
        assert!(Files::get("index.html").is_some());
        for path in ["../Cargo.toml", "../src/lib.rs", "app/../../src/lib.rs", ""] {
            assert!(Files::get(path).is_none(), "{path}");
        }
    }
}
