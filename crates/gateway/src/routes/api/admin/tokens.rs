//! `/api/admin/tokens`: creating, listing and revoking join tokens.

use axum::Json;
use axum::extract::Request;
use axum::response::Response;
use carlo_rest::account::{CreateJoinToken, CreatedJoinToken, JoinToken, JoinTokenList};
use carlo_wire::v1;

use super::secrets::{each, made};
use crate::api_call::ApiCall;
use crate::openapi::shared::IdempotencyKey;
use crate::problem::Failure;
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
pub(crate) async fn create(call: ApiCall, request: Request) -> Result<Response, Failure> {
    let idempotency_key = idempotency_key::read(request.headers())?;
    let body = body::json_or_none(request, call.app.body_timeout).await?;
    let CreateJoinToken { note, expires_in_days } = body::section(&body)?;
    let message = v1::CreateJoinTokenRequest { note, expires_in_days, idempotency_key };
    let created = call.rpcs().create_join_token(message).await?;
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
pub(crate) async fn list(call: ApiCall) -> Result<Json<JoinTokenList>, Failure> {
    let list = call.rpcs().list_join_tokens(v1::ListJoinTokensRequest {}).await?;
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
    call: ApiCall,
    path_ids::JoinToken(id): path_ids::JoinToken,
) -> Result<Json<JoinToken>, Failure> {
    let request = v1::RevokeJoinTokenRequest { id };
    let token = call.rpcs().revoke_join_token(request).await?;
    Ok(Json(convert::account::join_token(token)?))
}
