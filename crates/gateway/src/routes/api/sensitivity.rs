//! `POST /api/sensitivity`: the effects of changes of a plan, in the response.

use axum::extract::Request;
use axum::response::Response;
use carlo_rest::job::SensitivityResults;
use carlo_types::Request as SimulationRequest;

use crate::api_call::ApiCall;
use crate::convert;
use crate::jobs::run::{Conversion, read_request, run};
use crate::openapi::shared::{CancelledMeanwhile, IdempotencyKey, PreviewParameter};
use crate::problem::Failure;
use crate::query::Preview;

#[utoipa::path(
    post,
    path = "/api/sensitivity",
    operation_id = "sensitivity",
    tag = "jobs",
    summary = "The effects of changes of a plan in the response",
    description = "Like `POST /api/simulate`, but only the sensitivity: the effects of seven changes of the plan, each with the same random numbers as the plan itself.",
    params(IdempotencyKey, PreviewParameter),
    request_body = SimulationRequest,
    responses(
        (status = 200, description = "The effects", body = SensitivityResults),
        CancelledMeanwhile,
    ),
)]
pub(crate) async fn sensitivity(
    call: ApiCall,
    preview: Preview,
    request: Request,
) -> Result<Response, Failure> {
    let write = |job| {
        let results = convert::job::job(job)?.sensitivity_results;
        results.ok_or_else(|| Failure::internal("the coordinator sent a complete job without results"))
    };
    let conversion = Conversion { read: read_request, to_body: str::to_owned, write };
    run(&call, request, preview, conversion).await
}
