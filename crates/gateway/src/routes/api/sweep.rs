//! `POST /api/sweep`: a plan with one or two of its numbers at many values, in one job.

use axum::extract::Request;
use axum::response::Response;
use carlo_rest::Submitted;
use carlo_types::sweep::SweepRequest;

use crate::api_call::ApiCall;
use crate::openapi::shared::IdempotencyKey;
use crate::problem::Failure;
use crate::{convert, entity, jobs};

#[utoipa::path(
    post,
    path = "/api/sweep",
    operation_id = "sweep",
    tag = "jobs",
    summary = "Queues a sweep: a plan at many values of one or two of its numbers",
    description = "All points, at most 1,024, are simulated in one job with the same random numbers, and compared with the plan of the request. \
        `GET /api/jobs/{id}/sweep` returns them, also while the job runs.",
    params(IdempotencyKey),
    request_body = SweepRequest,
    responses(
        (status = 202, description = "The job is durable", body = Submitted, headers(("Location" = String, description = "The job"))),
    ),
)]
pub(crate) async fn sweep(call: ApiCall, request: Request) -> Result<Response, Failure> {
    let (read, to_body) = (convert::plans::read_sweep, convert::plans::swept_pointer);
    let job = jobs::submit_as(&call, request, read, to_body).await?;
    let submitted = convert::job::submitted(job)?;
    let path = format!("/api/jobs/{}", submitted.job_id);
    Ok(entity::no_store_if(
        convert::webhook::has_secret(submitted.webhook.as_ref()),
        entity::accepted(path, &submitted),
    ))
}
