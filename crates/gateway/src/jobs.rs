//! `/api/jobs`: submitting, reading and cancelling.

use axum::Json;
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use carlo_rest::job::{Cancelled, JobList};
use carlo_types::JobId;
use carlo_wire::v1;

use crate::problem::Failure;
use crate::query::Selection;
use crate::routes::App;
use crate::{body, calls, convert, reply};

pub(crate) async fn submit(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let draft =
        convert::request::read(&body::json(request, app.body_timeout).await?).map_err(Failure::invalid)?;
    let simulation = v1::SimulationRequest::from(draft);
    let job = app
        .calls
        .once(|channel| {
            let message = v1::SubmitRequest { simulation: Some(simulation.clone()), ..Default::default() };
            async { calls::jobs(channel).submit(message).await }
        })
        .await?;
    let submitted = convert::job::submitted(job)?;
    let location = [(LOCATION, format!("/api/jobs/{}", submitted.job_id))];
    Ok((StatusCode::ACCEPTED, location, Json(submitted)).into_response())
}

pub(crate) async fn list(
    State(app): State<App>,
    Query(parameters): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Selection { page, page_size, status } = Selection::read(&parameters)?;
    let status = status.map(|status| convert::job::to_wire(status).into());
    let message = v1::ListJobsRequest { page, page_size, status };
    let answer = app.calls.repeatable(|channel| async { calls::jobs(channel).list(message).await }).await?;
    let jobs = answer.jobs.into_iter().map(convert::job::job).collect::<Result<_, _>>()?;
    reply::fresh(&headers, &JobList { jobs, total: answer.total, page, page_size })
}

pub(crate) async fn get(State(app): State<App>, Id(id): Id, headers: HeaderMap) -> Result<Response, Failure> {
    let job = app
        .calls
        .repeatable(|channel| {
            let message = v1::GetJobRequest { id: id.to_string(), wait_ms: 0 };
            async { calls::jobs(channel).get(message).await }
        })
        .await?;
    reply::fresh(&headers, &convert::job::job(job)?)
}

pub(crate) async fn cancel(State(app): State<App>, Id(id): Id) -> Result<Json<Cancelled>, Failure> {
    app.calls
        .once(|channel| {
            let message = v1::CancelJobRequest { id: id.to_string(), reason: String::new() };
            async { calls::jobs(channel).cancel(message).await }
        })
        .await?;
    Ok(Json(Cancelled { success: true, message: format!("the job {id} is cancelled") }))
}

/// The job that a path names. What can't be the id of a job is the id of none.
pub(crate) struct Id(JobId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let none = || Failure::new(StatusCode::NOT_FOUND, "there is no job of this id");
        let Path(id) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| none())?;
        id.parse().map(Self).map_err(|_| none())
    }
}
