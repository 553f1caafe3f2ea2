//! How many requests the gateway handles at the same time. Long polls and streams have a limit of
//! their own, so that many clients who wait never keep out the few who ask.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::prefer::Wait;
use crate::problem::Failure;

/// Routes that wait for a job, or stream.
const LONG_ROUTES: [&str; 6] = [
    "/api/jobs/{id}/events",
    "/api/simulate",
    "/api/sensitivity",
    "/api/compare",
    "/api/solve",
    "/simulations/batch/{batch_id}/results",
];

/// Both limits.
#[derive(Clone)]
pub(crate) struct ConcurrencyLimit {
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

/// Permission to handle one request. A handler that streams keeps it until the stream ends.
#[derive(Clone)]
pub(crate) struct Permit {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl ConcurrencyLimit {
    /// Limits of this many requests that are answered at once, and of this many long ones.
    pub(crate) fn new(requests_max: usize, streams_max: usize) -> Self {
        Self { short: Arc::new(Semaphore::new(requests_max)), long: Arc::new(Semaphore::new(streams_max)) }
    }

    fn semaphore(&self, request: &Request) -> &Arc<Semaphore> {
        let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let is_long =
            path.is_some_and(|path| LONG_ROUTES.contains(&path)) || Wait::of(request.headers()).is_some();
        if is_long { &self.long } else { &self.short }
    }
}

/// Handles the request if a permit is free, and refuses it with 503 otherwise.
pub(crate) async fn limit(
    State(limit): State<ConcurrencyLimit>,
    mut request: Request,
    next: Next,
) -> Response {
    let Ok(permit) = Arc::clone(limit.semaphore(&request)).try_acquire_owned() else {
        let detail = "the gateway is handling as many requests as it can";
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    };
    let permit = Permit { _permit: Arc::new(permit) };
    request.extensions_mut().insert(permit.clone());
    let response = next.run(request).await;
    drop(permit);
    response
}
