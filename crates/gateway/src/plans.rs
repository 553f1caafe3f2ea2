//! `POST /api/compare` and `POST /api/solve`: several plans on the same luck. One job is underneath, as with `/api/simulate`.

use axum::Json;
use axum::extract::{Request, State};
use carlo_rest::plans::{CompareRequest, Comparison, SolveRequest, Solved};
use carlo_rest::pointer::Spelling;

use crate::caller::Caller;
use crate::openapi::shared::{CancelledMeanwhile, IdempotencyKey};
use crate::problem::Failure;
use crate::routes::App;
use crate::{body, convert, prefer, simulate};

#[utoipa::path(
    post,
    path = "/api/compare",
    operation_id = "compare",
    tag = "jobs",
    summary = "Up to eight plans on the same luck, at once",
    params(IdempotencyKey),
    request_body = CompareRequest,
    responses(
        (status = 200, description = "How they do, each beside the first", body = Comparison),
        CancelledMeanwhile,
    ),
)]
pub(crate) async fn compare(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Json<Comparison>, Failure> {
    let idempotency_key = prefer::idempotency_key(request.headers())?;
    let body = body::json(request, app.body_timeout).await?;
    let draft = convert::plans::read_comparison(&body).map_err(Failure::invalid)?;
    let job = simulate::complete(&app, &caller, draft, idempotency_key).await.map_err(|failure| {
        failure.moved(convert::plans::compared_pointer).spelled(&body.value, Spelling::CamelCase)
    })?;
    Ok(Json(convert::plans::comparison(job)?))
}

#[utoipa::path(
    post,
    path = "/api/solve",
    operation_id = "solve",
    tag = "jobs",
    summary = "The value of one number of a plan that gives a wanted probability, at once",
    params(IdempotencyKey),
    request_body = SolveRequest,
    responses(
        (status = 200, description = "The value and its interval", body = Solved),
        CancelledMeanwhile,
    ),
)]
pub(crate) async fn solve(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Json<Solved>, Failure> {
    let idempotency_key = prefer::idempotency_key(request.headers())?;
    let body = body::json(request, app.body_timeout).await?;
    let draft = convert::plans::read_solve(&body).map_err(Failure::invalid)?;
    let job = simulate::complete(&app, &caller, draft, idempotency_key).await.map_err(|failure| {
        failure.moved(convert::plans::solved_pointer).spelled(&body.value, Spelling::CamelCase)
    })?;
    Ok(Json(convert::plans::solved(job)?))
}
