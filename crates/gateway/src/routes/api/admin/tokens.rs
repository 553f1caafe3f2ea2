//! `/api/admin/tokens`: creating, listing and revoking join tokens.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use carlo_rest::account::{CreateJoinToken, CreatedJoinToken, JoinToken, JoinTokenList};
use carlo_wire::v1;

use super::secrets::{each, made};
use crate::openapi::shared::IdempotencyKey;
use crate::problem::Failure;
use crate::request_context::RequestContext;
use crate::routes::App;
use crate::{body, convert, idempotency_key, path_ids};

#[utoipa::path(
    post,
    path = "/api/admin/tokens",
    operation_id = "createJoinToken",
    tag = "admin",
    summary = "Creates a join token for workers",
    description = "For administrators. The body is optional. The text is only in this response, because the cluster stores only its hash.",
    params(IdempotencyKey),
    request_body = CreateJoinToken,
    responses(
        (status = 201, description = "The token and its text", body = CreatedJoinToken, headers(("Location" = String, description = "The token"))),
    ),
)]
pub(crate) async fn create(
    State(app): State<App>,
    context: RequestContext,
    request: Request,
) -> Result<Response, Failure> {
    let idempotency_key = idempotency_key::read(request.headers())?;
    let body = body::json_or_none(request, app.body_timeout).await?;
    let CreateJoinToken { note, expires_in_days } = body::section(&body)?;
    let message = v1::CreateJoinTokenRequest { note, expires_in_days, idempotency_key };
    let created = app.coordinator.call(&context).create_join_token(message).await?;
    let created = convert::account::created_join_token(created)?;
    Ok(made(format!("/api/admin/tokens/{}", created.token.id), &created))
}

#[utoipa::path(
    get,
    path = "/api/admin/tokens",
    operation_id = "listJoinTokens",
    tag = "admin",
    summary = "All join tokens, without their texts",
    description = "For administrators. Includes revoked and expired tokens.",
    responses(
        (status = 200, description = "The tokens", body = JoinTokenList),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    context: RequestContext,
) -> Result<Json<JoinTokenList>, Failure> {
    let list = app.coordinator.call(&context).list_join_tokens(v1::ListJoinTokensRequest {}).await?;
    Ok(Json(JoinTokenList { tokens: each(list.tokens, convert::account::join_token)? }))
}

#[utoipa::path(
    delete,
    path = "/api/admin/tokens/{id}",
    operation_id = "revokeJoinToken",
    tag = "admin",
    summary = "Revokes a join token permanently",
    description = "For administrators. Workers that have joined with it stay.",
    params(
        ("id" = String, Path, description = "A join token's id"),
    ),
    responses(
        (status = 200, description = "The token", body = JoinToken),
    ),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    context: RequestContext,
    path_ids::JoinToken(id): path_ids::JoinToken,
) -> Result<Json<JoinToken>, Failure> {
    let request = v1::RevokeJoinTokenRequest { id };
    let token = app.coordinator.call(&context).revoke_join_token(request).await?;
    Ok(Json(convert::account::join_token(token)?))
}
