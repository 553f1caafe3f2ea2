//! `POST /api/sensitivity`: what changes of the plan would do, in the response.

use axum::Json;
use axum::extract::{Request, State};
use carlo_rest::job::SensitivityResults;
use carlo_types::Request as SimulationRequest;

use crate::caller::Caller;
use crate::convert;
use crate::jobs::run::{read_request, run};
use crate::openapi::shared::{CancelledMeanwhile, IdempotencyKey};
use crate::problem::Failure;
use crate::routes::App;

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
) -> Result<Json<SensitivityResults>, Failure> {
    let job = run(&app, &caller, request, read_request, str::to_owned).await?;
    let results = convert::job::job(job)?.sensitivity_results;
    let results =
        results.ok_or_else(|| Failure::internal("the coordinator sent a complete job without results"))?;
    Ok(Json(results))
}
