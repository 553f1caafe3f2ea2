//! Submitting a job and waiting for its results, for the calls that answer with results. If the
//! client leaves, the job is cancelled.

use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use carlo_rest::pointer::Spelling;
use carlo_types::JobSpec;
use carlo_types::json::Document;
use carlo_wire::v1;

use crate::caller::Caller;
use crate::problem::{Failure, Kind};
use crate::routes::App;
use crate::{body, idempotency_key};

/// How long a client waits for the results.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The job of a body that is one request.
pub(crate) fn read_request(body: &Document) -> Result<JobSpec, Failure> {
    body::section(body).map(JobSpec::of)
}

/// Runs the job that the body describes, and returns it when it is complete.
///
/// `read` makes the job of the body. `to_body` turns a pointer into the job's request into one into the body.
///
/// # Errors
///
/// The faults of the body, or why the job is not complete.
pub(crate) async fn run(
    app: &App,
    caller: &Caller,
    request: Request,
    read: impl FnOnce(&Document) -> Result<JobSpec, Failure>,
    to_body: fn(&str) -> String,
) -> Result<v1::Job, Failure> {
    let idempotency_key = idempotency_key::read(request.headers())?;
    let body = body::json(request, app.body_timeout).await?;
    let spec = read(&body)?;
    let message = v1::SimulateRequest {
        simulation: Some((&spec).into()),
        priority: None,
        idempotency_key,
        wait_ms: u32::try_from(WAIT_MAX.as_millis()).ok(),
    };
    let call = app.coordinator.long_poll(caller, WAIT_MAX);
    // Boxed, because every handler that waits for a job would hold this future in its own.
    let job = Box::pin(call.simulate(message))
        .await
        .map_err(|failure| failure.with_pointers(to_body).spelled(&body.value, Spelling::CamelCase))?;
    if job.status() == v1::JobStatus::Complete { Ok(job) } else { Err(incomplete(&job)) }
}

/// Why a job has no results, with its path.
fn incomplete(job: &v1::Job) -> Failure {
    let failure = match job.status() {
        v1::JobStatus::Queued | v1::JobStatus::Running => {
            let detail =
                format!("the job {} takes longer than {} s, and goes on", job.id, WAIT_MAX.as_secs());
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
        v1::JobStatus::Cancelled => {
            let detail = format!("the job {} was cancelled before it was complete", job.id);
            Failure::new(StatusCode::CONFLICT, detail).of_kind(Kind::JobCancelled)
        }
        v1::JobStatus::Failed => {
            let reason = job.error.as_deref().unwrap_or("no reason is known");
            let detail = format!("the job {} failed: {reason}", job.id);
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, detail).of_kind(Kind::JobFailed)
        }
        v1::JobStatus::Complete | v1::JobStatus::Unspecified => {
            return Failure::internal("the coordinator sent a job without a usable status");
        }
    };
    failure.with(LOCATION, &format!("/api/jobs/{}", job.id))
}
