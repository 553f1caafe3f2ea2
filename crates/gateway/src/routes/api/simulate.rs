//! `POST /api/simulate`: the results of a plan in the response.

use axum::extract::Request;
use axum::response::Response;
use carlo_rest::job::JobResults;
use carlo_types::Request as SimulationRequest;

use crate::api_call::ApiCall;
use crate::convert;
use crate::jobs::run::{Conversion, read_request, run};
use crate::openapi::shared::{CancelledMeanwhile, IdempotencyKey, PreviewParameter};
use crate::problem::Failure;
use crate::query::Preview;

#[utoipa::path(
    post,
    path = "/api/simulate",
    operation_id = "simulate",
    tag = "jobs",
    summary = "The results of a plan in the response, for at most 10 million simulations",
    description = "The call submits a job and waits for it. If it takes more than 30 s, the response is 503 with the Location of the job, which continues. The same request of the same user within a minute joins that job.",
    params(IdempotencyKey, PreviewParameter),
    request_body = SimulationRequest,
    responses(
        (status = 200, description = "The results", body = JobResults),
        CancelledMeanwhile,
    ),
)]
pub(crate) async fn simulate(call: ApiCall, preview: Preview, request: Request) -> Result<Response, Failure> {
    let write = |job| {
        let results = convert::job::job(job)?.results;
        results.ok_or_else(|| Failure::internal("the coordinator sent a complete job without results"))
    };
    let conversion = Conversion { read: read_request, to_body: str::to_owned, write };
    run(&call, request, preview, conversion).await
}
