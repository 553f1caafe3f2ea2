//! `GET /api/jobs/{id}/sweep`: the points of a sweep, also while it runs.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use carlo_rest::job::JobStatus;
use carlo_rest::plans::ComparedPlan;
use carlo_rest::sweep::{Axis, Sweep, SweepLine, SweepPoint, SweepResults};
use carlo_types::merge::standard_error;
use carlo_types::{results, sweep};
use carlo_wire::{FieldError, v1};

use crate::api_call::ApiCall;
use crate::openapi::shared::{IfNoneMatch, NotModified};
use crate::problem::Failure;
use crate::{convert, entity, media_type, path_ids};

/// The formats of the response.
#[derive(Debug, Clone, Copy)]
enum Format {
    Json,
    Csv,
    Lines,
}

const FORMATS: [(&str, Format); 3] =
    [("application/json", Format::Json), ("text/csv", Format::Csv), ("application/jsonl", Format::Lines)];

#[utoipa::path(
    get,
    path = "/api/jobs/{id}/sweep",
    operation_id = "getSweep",
    tag = "jobs",
    summary = "The points of a sweep",
    description = "As JSON, CSV or JSON lines, depending on `Accept`. While the sweep runs, the points are those of the simulations so far.",
    params(
        ("id" = String, Path, description = "A sweep's id, `job_…`"),
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "The points. CSV has a line of names and a line for each point; JSON lines has an object for each point, with values by pointer",
            content(
                (Sweep = "application/json"),
                (String = "text/csv", example = json!("/plan/incomeUntil,successProbability,standardError,confidenceInterval95Low,\
                    confidenceInterval95High,delta,deltaStandardError,mean,median\r\n240,0.75,0.01,0.73,0.77,0.1,0.005,71000,69000\r\n")),
                (SweepLine = "application/jsonl"),
            )),
        NotModified,
        (status = 406, description = "The only formats are JSON, CSV and JSON lines"),
        (status = 409, description = "There are no points yet, or the job has ended without results"),
    ),
)]
pub(crate) async fn points(
    call: ApiCall,
    path_ids::Job(id): path_ids::Job,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let format = media_type::choose(&headers, &FORMATS)?;
    let message = v1::GetJobRequest { id: id.to_string(), wait_ms: 0, with_points: true };
    let job = call.rpcs().get_job(message).await?;
    let status = convert::job::status(job.status())?;
    let found = if job.results.is_some() { complete(job)? } else { partial(job)? };
    let Some((simulations_run, base, results)) = found else {
        return Err(match status {
            JobStatus::Complete | JobStatus::Running => {
                Failure::new(StatusCode::NOT_FOUND, format!("the job {id} is no sweep"))
            }
            _ => Failure::new(StatusCode::CONFLICT, format!("the job {id} has no points of a sweep")),
        });
    };
    let text = |media_type: &'static str, text| ([(CONTENT_TYPE, media_type)], text).into_response();
    Ok(match format {
        Format::Json => {
            let sweep = Sweep { job_id: id.to_string(), status, simulations_run, base, results };
            entity::json_or_304(&headers, &sweep)?
        }
        Format::Csv => text("text/csv; charset=utf-8", results.csv()),
        Format::Lines => text("application/jsonl", results.lines()),
    })
}

type Found = Option<(u64, ComparedPlan, SweepResults)>;

/// The points of a complete job, if it is a sweep.
fn complete(job: v1::Job) -> Result<Found, FieldError> {
    let Some(results) = convert::job::job(job)?.results else { return Ok(None) };
    let base = ComparedPlan::first(&results.results);
    Ok(results.sweep.map(|sweep| (results.results.simulations_run, base, sweep)))
}

/// The points of a running job, from its simulations so far.
fn partial(job: v1::Job) -> Result<Found, FieldError> {
    let Some(partial) = job.partial_results.filter(|partial| !partial.axes.is_empty()) else {
        return Ok(None);
    };
    let n = partial.simulations;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most all of them")]
    let successes = (partial.success_probability * n as f64).round() as u64;
    let interval = partial.confidence_interval_95.unwrap_or_default();
    let base = ComparedPlan {
        success_probability: partial.success_probability,
        standard_error: standard_error(successes, n),
        confidence_interval_95: [interval.low, interval.high],
        delta: 0.0,
        delta_standard_error: 0.0,
        mean: None,
        median: Some(partial.median),
    };
    let read = |axis: v1::SweepAxis| sweep::SweepAxis {
        pointer: axis.pointer.unwrap_or_default(),
        values: axis.values,
    };
    let axes: Vec<_> = partial.axes.into_iter().map(read).collect();
    let variants: Vec<results::Variant> =
        partial.points.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
    let point = |(values, variant)| SweepPoint { values, outcome: ComparedPlan::from(variant) };
    let points = sweep::values(&axes).into_iter().zip(&variants).map(point).collect();
    let shown = |axis: sweep::SweepAxis| Axis { pointer: axis.pointer, values: axis.values };
    let axes = axes.into_iter().map(shown).collect();
    Ok(Some((n, base, SweepResults { axes, points })))
}
