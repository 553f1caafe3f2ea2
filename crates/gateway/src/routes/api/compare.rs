//! `POST /api/compare`: several plans with the same random numbers, in one job.

use axum::extract::Request;
use axum::response::Response;
use carlo_rest::plans::Comparison;
use carlo_types::analysis::CompareRequest;

use crate::api_call::ApiCall;
use crate::convert;
use crate::jobs::run::{Conversion, run};
use crate::openapi::shared::{CancelledMeanwhile, IdempotencyKey, PreviewParameter};
use crate::problem::Failure;
use crate::query::Preview;

#[utoipa::path(
    post,
    path = "/api/compare",
    operation_id = "compare",
    tag = "jobs",
    summary = "A comparison of up to eight plans in the response",
    description = "All plans have the same random numbers, simulation by simulation, so that differences have small errors. Waits like `POST /api/simulate`.",
    params(IdempotencyKey, PreviewParameter),
    request_body = CompareRequest,
    responses(
        (status = 200, description = "The results of each plan, compared with the first", body = Comparison),
        CancelledMeanwhile,
    ),
)]
pub(crate) async fn compare(call: ApiCall, preview: Preview, request: Request) -> Result<Response, Failure> {
    let conversion = Conversion {
        read: convert::plans::read_comparison,
        to_body: convert::plans::compared_pointer,
        write: |job| Ok(convert::plans::comparison(job)?),
    };
    run(&call, request, preview, conversion).await
}
