//! `POST /api/solve`: the value of one number of a plan that gives a wanted probability.

use axum::extract::Request;
use axum::response::Response;
use carlo_rest::plans::Solved;
use carlo_types::analysis::SolveRequest;

use crate::api_call::ApiCall;
use crate::convert;
use crate::jobs::run::{Conversion, run};
use crate::openapi::shared::{CancelledMeanwhile, IdempotencyKey, PreviewParameter};
use crate::problem::Failure;
use crate::query::Preview;

#[utoipa::path(
    post,
    path = "/api/solve",
    operation_id = "solve",
    tag = "jobs",
    summary = "The value of one number of a plan that gives a wanted probability, in the response",
    description = "The rest of the plan stays unchanged. Waits like `POST /api/simulate`.",
    params(IdempotencyKey, PreviewParameter),
    request_body = SolveRequest,
    responses(
        (status = 200, description = "The value and its interval", body = Solved),
        CancelledMeanwhile,
    ),
)]
pub(crate) async fn solve(call: ApiCall, preview: Preview, request: Request) -> Result<Response, Failure> {
    let conversion = Conversion {
        read: convert::plans::read_solve,
        to_body: convert::plans::solved_pointer,
        write: |job| Ok(convert::plans::solved(job)?),
    };
    run(&call, request, preview, conversion).await
}
