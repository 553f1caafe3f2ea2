//! The kinds of problems that a client may need to distinguish within one status. Each is served at
//! the URI of its `type`, as JSON or as a page, and the table of all is part of the API's
//! description.

use std::fmt::Write as _;

use axum::extract::Path;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use carlo_types::FaultCode;
use serde::Serialize;

use super::Failure;

/// The path of the table.
const ROOT: &str = "/problems";
/// The page loads nothing.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}\
                     @media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}a{color:#79c0ff}}";

/// A kind of problem. Any other problem is `about:blank`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    RateLimited,
    QuotaExceeded,
    OverBudget,
    KeyReused,
    KeyInUse,
    JobFailed,
    JobCancelled,
}

/// An entry of the table as JSON.
#[derive(Serialize)]
struct EntryJson {
    #[serde(rename = "type")]
    uri: String,
    title: &'static str,
    status: u16,
    meaning: &'static str,
    remedy: &'static str,
}

/// A row of the table.
pub(crate) struct Entry {
    kind: Kind,
    /// The last part of its URI.
    name: &'static str,
    status: StatusCode,
    pub(super) title: &'static str,
    meaning: &'static str,
    /// What the caller can do.
    remedy: &'static str,
}

const TABLE: [Entry; 7] = [
    Entry {
        kind: Kind::RateLimited,
        name: "rate-limited",
        status: StatusCode::TOO_MANY_REQUESTS,
        title: "Too many calls in a short time",
        meaning: "The tier of the key limits the calls per second, minute and hour, and one of these limits is reached.",
        remedy: "Wait for the time in Retry-After. RateLimit and RateLimit-Policy, in every response, say how many calls are left.",
    },
    Entry {
        kind: Kind::QuotaExceeded,
        name: "quota-exceeded",
        status: StatusCode::TOO_MANY_REQUESTS,
        title: "A monthly quota is used up",
        meaning: "What the tier of the key allows in a calendar month (UTC) doesn't reach for this call. The member quota names \
                  which: api_calls, simulations (jobs) or cost (dollars).",
        remedy: "Wait for the next month, which begins after Retry-After; ask for less; or use a key of a higher tier. \
                 GET /simulations/batch/usage says what is used and what is left.",
    },
    Entry {
        kind: Kind::OverBudget,
        name: "over-budget",
        status: StatusCode::PAYMENT_REQUIRED,
        title: "The budget is too small",
        meaning: "Not even the cheapest job of the batch fits under its budget_cap_usd, which the member budget_cap_usd repeats. \
                  Nothing was created, and nothing is billed.",
        remedy: "Raise budget_cap_usd to the amount in the detail, or request fewer simulations or months.",
    },
    Entry {
        kind: Kind::KeyReused,
        name: "idempotency-key-reused",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        title: "The idempotency key was used for another request",
        meaning: "The same Idempotency-Key was sent with another body or to another call within the last 24 hours. Nothing was done.",
        remedy: "Use a new key for each request that creates something, and the same key only to repeat the same request.",
    },
    Entry {
        kind: Kind::KeyInUse,
        name: "idempotency-key-in-use",
        status: StatusCode::CONFLICT,
        title: "The first request with this idempotency key is in progress",
        meaning: "Another request with the same Idempotency-Key has not ended yet.",
        remedy: "Repeat the request in a moment. It will get the response of the first one.",
    },
    Entry {
        kind: Kind::JobFailed,
        name: "job-failed",
        status: StatusCode::INTERNAL_SERVER_ERROR,
        title: "The job failed",
        meaning: "The job beneath this call failed, mostly because a part of it failed on three workers. The detail says why, and \
                  Location where the job is.",
        remedy: "Try again. If it fails again, send the job's id to the operator of the cluster.",
    },
    Entry {
        kind: Kind::JobCancelled,
        name: "job-cancelled",
        status: StatusCode::CONFLICT,
        title: "The job was cancelled",
        meaning: "The job that computes the response was cancelled by another call before it was complete. Location has its path.",
        remedy: "If the results are still needed, send the request again, with a new Idempotency-Key if it had one.",
    },
];

impl Kind {
    /// The kind of problem for a fault; `None` if the status alone is enough.
    pub(super) fn of(code: FaultCode) -> Option<Self> {
        match code {
            FaultCode::RateLimited => Some(Self::RateLimited),
            FaultCode::QuotaExceeded => Some(Self::QuotaExceeded),
            FaultCode::OverBudget => Some(Self::OverBudget),
            FaultCode::KeyReused => Some(Self::KeyReused),
            FaultCode::KeyInUse => Some(Self::KeyInUse),
            _ => None,
        }
    }

    pub(super) fn entry(self) -> &'static Entry {
        TABLE.iter().find(|entry| entry.kind == self).expect("a test checks that every kind has an entry")
    }
}

impl Entry {
    /// The `type` of problems of this kind.
    pub(super) fn uri(&self) -> String {
        format!("{ROOT}/{}", self.name)
    }

    fn json(&self) -> EntryJson {
        let Self { status, title, meaning, remedy, .. } = *self;
        EntryJson { uri: self.uri(), title, status: status.as_u16(), meaning, remedy }
    }

    fn section(&self) -> String {
        let Self { title, status, meaning, remedy, .. } = self;
        let (uri, status) = (self.uri(), status.as_u16());
        format!(
            "<h2>{title}</h2><p>Status {status}, <a href=\"{uri}\">{uri}</a></p><p>{meaning}</p><p><b>What to do:</b> {remedy}</p>"
        )
    }
}

/// The table as text, for the API's description.
pub(crate) fn description() -> String {
    let mut text = "The kind of problem, as a URI reference to its description; `about:blank` if the status says it all."
        .to_owned();
    for entry in &TABLE {
        let _ = write!(
            text,
            "\n\n`{}` ({}): {} {}",
            entry.uri(),
            entry.status.as_u16(),
            entry.meaning,
            entry.remedy
        );
    }
    text
}

/// The routes of the kinds.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let all = async |headers: HeaderMap| {
        let sections: String = TABLE.iter().map(Entry::section).collect();
        page_or_json(&headers, || sections, || TABLE.iter().map(Entry::json).collect::<Vec<_>>())
    };
    let one = async |Path(name): Path<String>, headers: HeaderMap| {
        let entry = TABLE.iter().find(|entry| entry.name == name).ok_or_else(|| {
            Failure::new(
                StatusCode::NOT_FOUND,
                format!("there is no kind of problem {name}; {ROOT} lists them"),
            )
        })?;
        Ok::<_, Failure>(page_or_json(&headers, || entry.section(), || entry.json()))
    };
    Router::new().route(ROOT, get(all)).route(&format!("{ROOT}/{{name}}"), get(one))
}

/// A page for browsers, JSON for everybody else.
fn page_or_json<T: Serialize>(
    headers: &HeaderMap,
    page: impl FnOnce() -> String,
    json: impl FnOnce() -> T,
) -> Response {
    let caching = [
        (CACHE_CONTROL, HeaderValue::from_static("max-age=3600")),
        (VARY, HeaderValue::from_static("Accept")),
    ];
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if !accepted.any(|kinds| kinds.contains("text/html")) {
        return (caching, Json(json())).into_response();
    }
    let html = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>carlo: problems</title><style>{STYLE}</style>{}<p><a href=\"{ROOT}\">All kinds of problems</a></p></html>",
        page()
    );
    (caching, html, page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_in_the_table_once() {
        for entry in &TABLE {
            assert_eq!(entry.kind.entry().name, entry.name);
            assert_eq!(TABLE.iter().filter(|other| other.name == entry.name).count(), 1);
            assert!(
                entry.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{}",
                entry.name
            );
        }
        for code in
            [FaultCode::RateLimited, FaultCode::QuotaExceeded, FaultCode::OverBudget, FaultCode::KeyReused]
        {
            Kind::of(code).expect("it has one").entry();
        }
    }
}
