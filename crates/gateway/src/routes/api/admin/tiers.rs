//! `/api/admin/tiers`: the limits of the tiers, and the price of a token.

use axum::Json;
use axum::extract::Request;
use carlo_rest::account::Tiers;
use carlo_wire::v1;

use crate::api_call::ApiCall;
use crate::problem::Failure;
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
pub(crate) async fn get(call: ApiCall) -> Result<Json<Tiers>, Failure> {
    let tiers = call.rpcs().get_tiers(v1::GetTiersRequest {}).await?;
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
pub(crate) async fn set(call: ApiCall, request: Request) -> Result<Json<Tiers>, Failure> {
    let body = body::json(request, call.app.body_timeout).await?;
    let message = v1::Tiers { json: body.value.to_string() };
    let tiers = call.rpcs().set_tiers(message).await?;
    Ok(Json(convert::account::tiers(&tiers)?))
}
