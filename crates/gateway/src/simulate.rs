//! `POST /api/simulate` and `POST /api/sensitivity`: the answer in the answer. A job is underneath, and a client that doesn't wait
//! for it cancels it.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use carlo_rest::job::{Results, SensitivityResults};
use carlo_rest::pointer::Spelling;
use carlo_rest::{Job, SimulationRequest};
use carlo_types::Draft;
use carlo_wire::v1;

use crate::caller::Caller;
use crate::openapi::shared::{CancelledMeanwhile, IdempotencyKey};
use crate::prefer;
use crate::problem::{Failure, Kind};
use crate::routes::App;
use crate::{body, calls, convert};

/// How long a client is kept waiting for the results.
const WAIT_MAX: Duration = Duration::from_secs(30);

#[utoipa::path(
    post,
    path = "/api/simulate",
    operation_id = "simulate",
    tag = "jobs",
    summary = "Results at once, of at most 10 million simulations",
    params(IdempotencyKey),
    request_body = SimulationRequest,
    responses(
        (status = 200, description = "The results", body = Results),
        CancelledMeanwhile,
    ),
)]
pub(crate) async fn simulate(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Response, Failure> {
    let job = answer(&app, &caller, request).await?;
    job.results.map(|results| Json(results).into_response()).ok_or_else(without)
}

#[utoipa::path(
    post,
    path = "/api/sensitivity",
    operation_id = "sensitivity",
    tag = "jobs",
    summary = "What changes of the plan would do, at once",
    params(IdempotencyKey),
    request_body = SimulationRequest,
    responses(
        (status = 200, description = "What they would do", body = SensitivityResults),
        CancelledMeanwhile,
    ),
)]
pub(crate) async fn sensitivity(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Response, Failure> {
    let job = answer(&app, &caller, request).await?;
    job.sensitivity_results.map(|results| Json(results).into_response()).ok_or_else(without)
}

fn without() -> Failure {
    Failure::internal("the coordinator sent a complete job without its results")
}

async fn answer(app: &App, caller: &Caller, request: Request) -> Result<Job, Failure> {
    let idempotency_key = prefer::idempotency_key(request.headers())?;
    let body = body::json(request, app.body_timeout).await?;
    let draft = convert::request::read(&body).map_err(Failure::invalid)?;
    let job = complete(app, caller, draft, idempotency_key)
        .await
        .map_err(|failure| failure.spelled(&body.value, Spelling::CamelCase))?;
    Ok(convert::job::job(job)?)
}

/// The complete job of a draft, or why there is none. While this waits, the call is open; dropped, it takes the job with it.
pub(crate) async fn complete(
    app: &App,
    caller: &Caller,
    draft: Draft,
    idempotency_key: String,
) -> Result<v1::Job, Failure> {
    let message = v1::SimulateRequest {
        simulation: Some(draft.into()),
        priority: None,
        idempotency_key,
        wait_ms: u32::try_from(WAIT_MAX.as_millis()).ok(),
    };
    let call = app.calls.held(caller, WAIT_MAX);
    let call = call.once(message, async |channel, request| calls::jobs(channel).simulate(request).await);
    // On the heap, because every handler that waits for a job would be as large as it.
    let job = Box::pin(call).await?;
    let told = match job.status() {
        v1::JobStatus::Complete => return Ok(job),
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
            let why = job.error.as_deref().unwrap_or("nobody said why");
            let detail = format!("the job {} failed: {why}", job.id);
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, detail).of_kind(Kind::JobFailed)
        }
        v1::JobStatus::Unspecified => {
            return Err(Failure::internal("the coordinator sent a job without a status"));
        }
    };
    Err(told.with(LOCATION, &format!("/api/jobs/{}", job.id)))
}
