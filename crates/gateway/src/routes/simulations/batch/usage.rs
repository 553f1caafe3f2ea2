//! `/simulations/batch/usage`: the caller's usage of this month and of past months.

use axum::Json;
use carlo_rest::account::{Usage, UsageHistory};
use carlo_wire::v1;

use crate::api_call::ApiCall;
use crate::convert;
use crate::problem::Failure;
use crate::query::Periods;

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
pub(crate) async fn usage(call: ApiCall) -> Result<Json<Usage>, Failure> {
    let usage = call.rpcs().get_usage(v1::UsageRequest {}).await?;
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
pub(crate) async fn history(call: ApiCall, Periods(periods): Periods) -> Result<Json<UsageHistory>, Failure> {
    let message = v1::UsageHistoryRequest { periods };
    let history = call.rpcs().get_usage_history(message).await?;
    Ok(Json(convert::account::history(history)?))
}
