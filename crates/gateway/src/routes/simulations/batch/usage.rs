//! `/simulations/batch/usage`: the caller's usage of this month and of past months.

use axum::Json;
use axum::extract::State;
use carlo_rest::account::{Usage, UsageHistory};
use carlo_wire::v1;

use crate::convert;
use crate::problem::Failure;
use crate::query::Periods;
use crate::request_context::RequestContext;
use crate::routes::App;

#[utoipa::path(
    get,
    path = "/simulations/batch/usage",
    operation_id = "getUsage",
    tag = "accounts",
    summary = "The caller's usage of this month",
    description = "Calls, jobs and dollars of this calendar month (UTC), the limits of the tier, and what is left.",
    responses(
        (status = 200, description = "The usage", body = Usage),
    ),
)]
pub(crate) async fn usage(State(app): State<App>, context: RequestContext) -> Result<Json<Usage>, Failure> {
    let usage = app.coordinator.call(&context).get_usage(v1::UsageRequest {}).await?;
    Ok(Json(convert::account::usage(usage)?))
}

#[utoipa::path(
    get,
    path = "/simulations/batch/usage/history",
    operation_id = "getUsageHistory",
    tag = "accounts",
    summary = "The caller's usage of past months",
    description = "This calendar month, and past ones, latest first.",
    params(
        ("periods" = Option<u32>, Query, description = "The number of past months; by default 6", minimum = 1, maximum = 24, format = Int32),
    ),
    responses(
        (status = 200, description = "The usage", body = UsageHistory),
    ),
)]
pub(crate) async fn history(
    State(app): State<App>,
    context: RequestContext,
    Periods(periods): Periods,
) -> Result<Json<UsageHistory>, Failure> {
    let message = v1::UsageHistoryRequest { periods };
    let history = app.coordinator.call(&context).get_usage_history(message).await?;
    Ok(Json(convert::account::history(history)?))
}
