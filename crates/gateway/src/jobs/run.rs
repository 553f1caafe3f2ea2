//! Submits a job and waits for its results, for the calls that answer with results. If the client
//! disconnects, the job is cancelled.

use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use carlo_rest::pointer::Spelling;
use carlo_types::JobSpec;
use carlo_types::json::Document;
use carlo_wire::v1;
use serde::Serialize;

use crate::api_call::ApiCall;
use crate::problem::{Failure, Kind};
use crate::query::Preview;
use crate::{body, idempotency_key};

/// The id of the job that produced the response.
pub(crate) const X_JOB_ID: HeaderName = HeaderName::from_static("x-job-id");

/// How a call turns its body into a job, and the job into its response.
pub(crate) struct Conversion<T> {
    /// Reads the job from the body.
    pub(crate) read: fn(&Document) -> Result<JobSpec, Failure>,
    /// Converts a pointer into the job's request to one into the body.
    pub(crate) to_body: fn(&str) -> String,
    /// Converts the complete job to the response.
    pub(crate) write: fn(v1::Job) -> Result<T, Failure>,
}

/// Reads the job from a body that is a request itself.
pub(crate) fn read_request(body: &Document) -> Result<JobSpec, Failure> {
    body::section(body).map(JobSpec::of)
}

/// Runs the job in the body, and responds when it is complete. The response contains the job's
/// location, also if it is an error.
///
/// # Errors
///
/// The faults of the body, or the reason why the job is not complete.
pub(crate) async fn run<T: Serialize>(
    call: &ApiCall,
    request: Request,
    Preview(preview): Preview,
    Conversion { read, to_body, write }: Conversion<T>,
) -> Result<Response, Failure> {
    let idempotency_key = idempotency_key::read(request.headers())?;
    let body = body::json(request, call.app.body_timeout).await?;
    let spec = read(&body)?;
    let message = v1::SimulateRequest {
        simulation: Some((&spec).into()),
        priority: None,
        idempotency_key,
        wait_ms: u32::try_from(call.app.answer_wait.as_millis()).ok(),
        preview,
    };
    let rpcs = call.long_poll(call.app.answer_wait);
    // Boxed, because otherwise the futures of all handlers that wait for a job would contain this
    // large future.
    let job = tokio::select! {
        job = Box::pin(rpcs.simulate(message)) => job,
        // The job is cancelled, and another gateway can run it.
        () = call.app.shutdown.cancelled() => {
            let detail = "this gateway is shutting down; send the request again";
            Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
    };
    let job =
        job.map_err(|failure| failure.with_pointers(to_body).spelled(&body.value, Spelling::CamelCase))?;
    let (id, location) = (job.id.clone(), format!("/api/jobs/{}", job.id));
    let response = if job.status() == v1::JobStatus::Complete {
        write(job)
    } else {
        Err(incomplete(&job, call.app.answer_wait))
    };
    match response {
        Ok(response) => Ok(([(LOCATION, location), (X_JOB_ID, id)], Json(response)).into_response()),
        Err(failure) => Err(failure.with(LOCATION, &location).with(X_JOB_ID, &id)),
    }
}

/// The failure of a call whose job has no results.
fn incomplete(job: &v1::Job, waited: Duration) -> Failure {
    match job.status() {
        v1::JobStatus::Queued | v1::JobStatus::Running => {
            let detail =
                format!("the job {} takes longer than {} s, and continues", job.id, waited.as_secs_f64());
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
            Failure::internal("the coordinator sent a job without a usable status")
        }
    }
}
