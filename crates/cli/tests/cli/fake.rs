//! A fake server of the REST contract with one job.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

pub(crate) const JOB: &str = "job_00000000000040008000000000000001";

type Responses = Arc<Mutex<VecDeque<(u16, Value)>>>;

/// A fake server. Dropping it stops it.
pub(crate) struct Fake {
    pub(crate) url: String,
    /// `METHOD path?query` of every call so far, with its key and last event id if it has them.
    pub(crate) calls: Arc<Mutex<Vec<String>>>,
    /// The body of every call.
    pub(crate) bodies: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Fake {
    /// Sends these responses in turn, and then repeats the last one. A stream of events takes
    /// several
    /// responses, up to the end of the job or batch, or breaks at the first refusal.
    pub(crate) fn new(responses: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let bodies_seen = Arc::clone(&bodies);
        let responses: Responses = Arc::new(Mutex::new(responses.into_iter().collect()));
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
            let header = |name: &str, word: &str| {
                let value = headers.get(name).and_then(|value| value.to_str().ok());
                value.map(|value| format!(" {word} {value}")).unwrap_or_default()
            };
            let (key, last) = (header("x-api-key", "key"), header("last-event-id", "after"));
            seen.lock().unwrap().push(format!("{method} {uri}{key}{last}"));
            bodies_seen.lock().unwrap().push(body);
            if uri.path().ends_with("/events") { events(&responses) } else { plain(next(&responses)) }
        };
        runtime.spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { url, calls, bodies, _runtime: runtime }
    }
}

fn next(responses: &Responses) -> (u16, Value) {
    let mut responses = responses.lock().unwrap();
    if responses.len() > 1 { responses.pop_front() } else { responses.front().cloned() }.unwrap()
}

fn plain((status, body): (u16, Value)) -> Response {
    let mut response = (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response();
    // Tests write the headers of a refusal into its problem.
    for name in ["retry-after", "x-job-id"] {
        if let Some(value) = body.get(name).and_then(Value::as_str) {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
    }
    response
}

fn events(responses: &Responses) -> Response {
    let (sender, events) = mpsc::channel(16);
    let mut number = 0;
    loop {
        let refused = responses.lock().unwrap().front().unwrap().0 != 200;
        if refused && number > 0 {
            break;
        }
        let last = responses.lock().unwrap().len() == 1;
        let (status, job) = next(responses);
        if refused {
            return plain((status, job));
        }
        number += 1;
        let event = Event::default().id(number.to_string()).event("progress").data(job.to_string());
        sender.try_send(Ok::<_, Infallible>(event)).unwrap();
        let is_batch = job.get("batch_id").is_some();
        if if is_batch { !job["completed_at"].is_null() } else { job["status"] != "running" } {
            break;
        }
        if last {
            // The stream stays open without further events.
            tokio::spawn(async move { sender.closed().await });
            break;
        }
    }
    Sse::new(ReceiverStream::new(events)).into_response()
}

pub(crate) fn submitted() -> (u16, Value) {
    (202, json!({"jobId": JOB, "status": "queued", "queuePosition": 1, "estimatedTimeRemaining": null}))
}

/// The job with these members.
pub(crate) fn job(members: &Value) -> (u16, Value) {
    let mut job = json!({
        "id": JOB, "status": "running", "progress": 50.0, "allocatedNodes": 1, "simulationsTotal": 100, "simulationsComplete": 50,
        "createdAt": "2026-01-01T00:00:00Z", "priority": 50, "seed": "1", "nodeProgress": {"node_1": {
            "progress": 50.0, "simulations": 50, "simulationsPerSecond": 10.0, "state": "working",
        }},
    });
    job.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    (200, job)
}

pub(crate) fn problem(status: u16, detail: &str, errors: &Value) -> (u16, Value) {
    let problem = json!({
        "type": "about:blank", "title": "", "status": status, "detail": detail, "instance": "/api/jobs", "errors": errors,
        "error": detail,
    });
    (status, problem)
}
