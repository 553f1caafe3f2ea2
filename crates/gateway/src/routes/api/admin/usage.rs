//! `/api/admin/usage`: what everybody has used this month.

use axum::Json;
use axum::extract::State;
use carlo_rest::account::UserUsage;
use carlo_wire::v1;

use super::secrets::each;
use crate::convert;
use crate::openapi::shared::Page;
use crate::problem::Failure;
use crate::query::Paging;
use crate::request_context::RequestContext;
use crate::routes::App;

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
    State(app): State<App>,
    context: RequestContext,
    Paging { page, page_size }: Paging,
) -> Result<Json<UserUsage>, Failure> {
    let list = app.coordinator.call(&context).list_usage(v1::ListUsageRequest { page, page_size }).await?;
    let users = each(list.users, convert::account::usage)?;
    Ok(Json(UserUsage { users, total: list.total, page, page_size }))
}
