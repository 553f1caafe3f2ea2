//! A server that speaks the contract and has one job.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub(crate) const JOB: &str = "job_00000000000040008000000000000001";

/// Serves until it is dropped.
pub(crate) struct Fake {
    pub(crate) url: String,
    /// `METHOD path?query` of every call so far.
    pub(crate) calls: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Fake {
    /// Answers these in turn, and the last one again and again.
    pub(crate) fn new(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let handler = move |method: Method, uri: Uri| async move {
            seen.lock().unwrap().push(format!("{method} {uri}"));
            let mut answers = answers.lock().unwrap();
            let (status, body) =
                if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }.unwrap();
            (StatusCode::from_u16(status).unwrap(), body.to_string())
        };
        runtime.spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { url, calls, _runtime: runtime }
    }
}

pub(crate) fn submitted() -> (u16, Value) {
    (202, json!({"jobId": JOB, "status": "queued", "queuePosition": 1, "estimatedTimeRemaining": null}))
}

/// The job, as far as these members say.
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
