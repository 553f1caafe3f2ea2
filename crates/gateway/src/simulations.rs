//! `/simulations`: single jobs in the words of the batches.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use carlo_rest::batch::{self, Cancel};
use carlo_rest::pointer::Spelling;
use carlo_rest::simulation::{Simulation, SimulationList, SimulationResult, SimulationStatus};
use carlo_rest::{Label, Problem, SimulationRequest, simulation};
use carlo_wire::v1;

use crate::caller::Caller;
use crate::kept::Form;
use crate::openapi::shared::{Awaited, HasEnded, Held, IdempotencyKey, Page, Unchanged};
use crate::problem::Failure;
use crate::query::Selection;
use crate::routes::App;
use crate::{body, convert, ids, jobs, reply};

#[utoipa::path(
    post,
    path = "/simulations",
    operation_id = "submitSimulation",
    tag = "simulations",
    summary = "Queues a job",
    params(IdempotencyKey),
    request_body = SimulationRequest,
    responses(
        (status = 202, description = "It is durable", body = Simulation, headers(("Location" = String, description = "The job"))),
    ),
)]
pub(crate) async fn submit(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Response, Failure> {
    let job = convert::simulation::simulation(jobs::queue(&app, &caller, request).await?)?;
    let location = [(LOCATION, format!("/simulations/{}", job.job_id))];
    Ok((StatusCode::ACCEPTED, location, Json(job)).into_response())
}

#[utoipa::path(
    get,
    path = "/simulations",
    operation_id = "listSimulations",
    tag = "simulations",
    summary = "The caller's jobs, newest first, without results",
    params(
        Page,
        ("status" = Option<SimulationStatus>, Query, description = "Only those in this state"),
        Held,
    ),
    responses(
        (status = 200, description = "A page", body = SimulationList),
        Unchanged,
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    selection: Selection<SimulationStatus>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Selection { page, page_size, status } = selection;
    let status = status.map(|status| convert::simulation::to_wire(status).into());
    let answer = jobs::page_of(&app, &caller, v1::ListJobsRequest { page, page_size, status }).await?;
    let jobs = answer.jobs.into_iter().map(convert::simulation::simulation).collect::<Result<_, _>>()?;
    reply::fresh(&headers, &SimulationList { jobs, total: answer.total, page, page_size })
}

#[utoipa::path(
    get,
    path = "/simulations/{job_id}",
    operation_id = "getSimulation",
    tag = "simulations",
    summary = "One job, with its results when it is completed",
    params(
        ("job_id" = String, Path, description = "A job's id, `job_…`"),
        Awaited,
        Held,
    ),
    responses(
        (status = 200, description = "The job", body = Simulation),
        Unchanged,
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    ids::Job(id): ids::Job,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let write = |job| Ok(convert::simulation::simulation(job)?);
    jobs::show(&app, &caller, id, Form::Simulation, &headers, write).await
}

#[utoipa::path(
    get,
    path = "/simulations/{job_id}/result",
    operation_id = "getSimulationResult",
    tag = "simulations",
    summary = "The results of a job",
    params(
        ("job_id" = String, Path, description = "A job's id, `job_…`"),
        Awaited,
        Held,
    ),
    responses(
        (status = 200, description = "The results", body = SimulationResult),
        Unchanged,
        (status = 409, description = "It is not COMPLETED", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn result(
    State(app): State<App>,
    caller: Caller,
    ids::Job(id): ids::Job,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    jobs::show(&app, &caller, id, Form::Result, &headers, completed).await
}

/// The results of a job that has some.
fn completed(job: v1::Job) -> Result<SimulationResult, Failure> {
    let job = convert::simulation::simulation(job)?;
    let simulation::Simulation { job_id, status, results, sensitivity_results, error_message, .. } = job;
    let Some(results) = results else {
        let why = error_message.map(|why| format!(": {why}")).unwrap_or_default();
        let detail = format!("the job {job_id} is {}, not COMPLETED{why}", status.label());
        return Err(Failure::new(StatusCode::CONFLICT, detail));
    };
    Ok(SimulationResult { job_id, status, results, sensitivity_results })
}

#[utoipa::path(
    post,
    path = "/simulations/{job_id}/cancel",
    operation_id = "cancelSimulation",
    tag = "simulations",
    summary = "Ends a job",
    params(
        ("job_id" = String, Path, description = "A job's id, `job_…`"),
    ),
    request_body = Option<Cancel>,
    responses(
        (status = 200, description = "It is cancelled", body = Simulation),
        HasEnded,
    ),
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    ids::Job(id): ids::Job,
    request: Request,
) -> Result<Json<Simulation>, Failure> {
    let Cancel { reason, .. } = cancellation(&app, request, "the cancellation of a job", false).await?;
    let job = jobs::end(&app, &caller, id, reason.unwrap_or_default()).await?;
    Ok(Json(convert::simulation::simulation(job)?))
}

/// The body of a call that cancels `whole`.
pub(crate) async fn cancellation(
    app: &App,
    request: Request,
    whole: &'static str,
    of_batch: bool,
) -> Result<Cancel, Failure> {
    let body = body::json_or_none(request, app.body_timeout).await?;
    let mut faults = body.twice;
    let cancel = batch::read_cancel(&body.value, whole, of_batch, &mut faults);
    if faults.is_empty() {
        return Ok(cancel);
    }
    Err(Failure::invalid(convert::request::spelled(faults, &body.value, Spelling::SnakeCase)))
}
