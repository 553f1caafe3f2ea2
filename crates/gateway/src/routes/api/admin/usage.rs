//! `/api/admin/usage`: what everybody has used this month.

use axum::Json;
use carlo_rest::account::UserUsage;
use carlo_wire::v1;

use super::secrets::each;
use crate::api_call::ApiCall;
use crate::convert;
use crate::openapi::shared::Page;
use crate::problem::Failure;
use crate::query::Paging;

#[utoipa::path(
    get,
    path = "/api/admin/usage",
    operation_id = "listUsage",
    tag = "admin",
    summary = "What everybody has used this month, those who spent most first",
    description = "For administrators. Pages of at most 100 users: everybody who has a key or has used something. The limits are those of the best of a user's keys.",
    params(Page),
    responses(
        (status = 200, description = "A page", body = UserUsage),
    ),
)]
pub(crate) async fn list(
    call: ApiCall,
    Paging { page, page_size }: Paging,
) -> Result<Json<UserUsage>, Failure> {
    let list = call.rpcs().list_usage(v1::ListUsageRequest { page, page_size }).await?;
    let users = each(list.users, convert::account::usage)?;
    Ok(Json(UserUsage { users, total: list.total, page, page_size }))
}
