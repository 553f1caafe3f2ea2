//! `/api/admin/tiers`: the limits of the tiers, and the price of a token.

use axum::Json;
use axum::extract::{Request, State};
use carlo_rest::account::Tiers;
use carlo_wire::v1;

use crate::caller::Caller;
use crate::problem::Failure;
use crate::routes::App;
use crate::{body, convert};

#[utoipa::path(
    get,
    path = "/api/admin/tiers",
    operation_id = "getTiers",
    tag = "admin",
    summary = "What each tier may do, and what work costs",
    description = "For administrators. A limit of −1 is none.",
    responses(
        (status = 200, description = "All of it", body = Tiers),
    ),
)]
pub(crate) async fn get(State(app): State<App>, caller: Caller) -> Result<Json<Tiers>, Failure> {
    let tiers = app.coordinator.call(&caller).get_tiers(v1::GetTiersRequest {}).await?;
    Ok(Json(convert::account::tiers(&tiers)?))
}

#[utoipa::path(
    put,
    path = "/api/admin/tiers",
    operation_id = "setTiers",
    tag = "admin",
    summary = "Changes that for the whole cluster, for calls and jobs from now on",
    description = "For administrators. What is left out has its default.",
    request_body = Tiers,
    responses(
        (status = 200, description = "All of it, as it holds now", body = Tiers),
    ),
)]
pub(crate) async fn set(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Json<Tiers>, Failure> {
    let body = body::json(request, app.body_timeout).await?;
    let message = v1::Tiers { json: body.value.to_string() };
    let tiers = app.coordinator.call(&caller).set_tiers(message).await?;
    Ok(Json(convert::account::tiers(&tiers)?))
}
