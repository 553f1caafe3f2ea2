//! `/api/admin/tiers`: the limits of the tiers, and the price of a token.

use axum::Json;
use axum::extract::{Request, State};
use carlo_rest::account::Tiers;
use carlo_wire::v1;

use crate::problem::Failure;
use crate::request_context::RequestContext;
use crate::routes::App;
use crate::{body, convert};

#[utoipa::path(
    get,
    path = "/api/admin/tiers",
    operation_id = "getTiers",
    tag = "admin",
    summary = "The limits of the tiers, and the price of a token",
    description = "For administrators. −1 means no limit.",
    responses(
        (status = 200, description = "The tiers", body = Tiers),
    ),
)]
pub(crate) async fn get(State(app): State<App>, context: RequestContext) -> Result<Json<Tiers>, Failure> {
    let tiers = app.coordinator.call(&context).get_tiers(v1::GetTiersRequest {}).await?;
    Ok(Json(convert::account::tiers(&tiers)?))
}

#[utoipa::path(
    put,
    path = "/api/admin/tiers",
    operation_id = "setTiers",
    tag = "admin",
    summary = "Changes the tiers of the whole cluster",
    description = "For administrators. Applies to calls and jobs from now on. Members that are left out get their defaults.",
    request_body = Tiers,
    responses(
        (status = 200, description = "The new tiers", body = Tiers),
    ),
)]
pub(crate) async fn set(
    State(app): State<App>,
    context: RequestContext,
    request: Request,
) -> Result<Json<Tiers>, Failure> {
    let body = body::json(request, app.body_timeout).await?;
    let message = v1::Tiers { json: body.value.to_string() };
    let tiers = app.coordinator.call(&context).set_tiers(message).await?;
    Ok(Json(convert::account::tiers(&tiers)?))
}
