//! How many requests are handled at the same time: those that are answered at once, and apart from them those that are held or
//! streamed, so that many who wait never keep out the few who ask.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::prefer::Wait;
use crate::problem::Failure;

/// Routes whose answers take their time.
const HELD: [&str; 6] = [
    "/api/jobs/{id}/events",
    "/api/simulate",
    "/api/sensitivity",
    "/api/compare",
    "/api/solve",
    "/simulations/batch/{batch_id}/results",
];

/// All places.
#[derive(Clone)]
pub(crate) struct Places {
    short: Arc<Semaphore>,
    held: Arc<Semaphore>,
}

/// A request's own place. Whoever answers with a stream keeps it until the stream ends.
#[derive(Clone)]
pub(crate) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Places {
    /// So many of both kinds.
    pub(crate) fn new(requests_max: usize, streams_max: usize) -> Self {
        Self { short: Arc::new(Semaphore::new(requests_max)), held: Arc::new(Semaphore::new(streams_max)) }
    }

    fn of(&self, request: &Request) -> &Arc<Semaphore> {
        let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let is_held = path.is_some_and(|path| HELD.contains(&path)) || Wait::of(request.headers()).is_some();
        if is_held { &self.held } else { &self.short }
    }
}

/// Gives the request a place, or a refusal.
pub(crate) async fn take(State(places): State<Places>, mut request: Request, next: Next) -> Response {
    let Ok(permit) = Arc::clone(places.of(&request)).try_acquire_owned() else {
        let detail = "the gateway is handling as many requests as it can";
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    };
    let place = Place { _permit: Arc::new(permit) };
    request.extensions_mut().insert(place.clone());
    let response = next.run(request).await;
    drop(place);
    response
}
