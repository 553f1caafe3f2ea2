//! `GET /api/jobs/{id}/report`: the report of a complete job as a printable page.

use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use carlo_rest::Problem;
use carlo_wire::v1;

use crate::api_call::ApiCall;
use crate::openapi::shared::JobId;
use crate::problem::Failure;
use crate::{convert, path_ids, report};

/// The page may load nothing but the icon. Its style sheet is part of it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'",
);

#[utoipa::path(
    get,
    path = "/api/jobs/{id}/report",
    operation_id = "reportJob",
    tag = "jobs",
    summary = "A printable report of a complete job, with charts and all assumptions",
    description = "The same job always gives the same bytes.",
    params(JobId),
    responses(
        (status = 200, description = "HTML without scripts", body = String, content_type = "text/html"),
        (status = 409, description = "The job is not complete", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn report(call: ApiCall, path_ids::Job(id): path_ids::Job) -> Result<Response, Failure> {
    let message = v1::GetJobRequest { id: id.to_string(), wait_ms: 0, with_points: false };
    let job = convert::job::job(call.rpcs().get_job(message).await?)?;
    let not_complete = || {
        Failure::new(
            StatusCode::CONFLICT,
            format!("the job {id} is not complete: there is nothing to report"),
        )
    };
    let results = job.results.as_ref().ok_or_else(not_complete)?;
    let name = HeaderValue::try_from(format!("inline; filename=\"{id}.html\""));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CONTENT_DISPOSITION, name.expect("an id is letters, digits and an underscore")),
    ];
    Ok((headers, report::page(&job, results)).into_response())
}
