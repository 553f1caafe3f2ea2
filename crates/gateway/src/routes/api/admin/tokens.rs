//! `/api/admin/tokens`: creating, listing and revoking join tokens.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use carlo_rest::account::{CreateJoinToken, CreatedJoinToken, JoinToken, JoinTokenList};
use carlo_wire::v1;

use crate::caller::Caller;
use crate::openapi::shared::IdempotencyKey;
use crate::problem::Failure;
use crate::routes::App;
use crate::{body, convert, entity, idempotency_key, path_ids};

#[utoipa::path(
    post,
    path = "/api/admin/tokens",
    operation_id = "createJoinToken",
    tag = "admin",
    summary = "Makes a token for workers to join with; its text is shown once",
    description = "For administrators. The body may be left out. Only a hash of the text is kept, so it can't be shown again.",
    params(IdempotencyKey),
    request_body = CreateJoinToken,
    responses(
        (status = 201, description = "The token and its text", body = CreatedJoinToken, headers(("Location" = String, description = "The token"))),
    ),
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Response, Failure> {
    let idempotency_key = idempotency_key::read(request.headers())?;
    let body = body::json_or_none(request, app.body_timeout).await?;
    let CreateJoinToken { note, expires_in_days } = body::section(&body)?;
    let message = v1::CreateJoinTokenRequest { note, expires_in_days, idempotency_key };
    let created = app.coordinator.call(&caller).create_join_token(message).await?;
    let created = convert::account::created_join_token(created)?;
    let path = format!("/api/admin/tokens/{}", created.token.id);
    // No cache may keep the secret.
    let headers = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, entity::located(StatusCode::CREATED, path, &created)).into_response())
}

#[utoipa::path(
    get,
    path = "/api/admin/tokens",
    operation_id = "listJoinTokens",
    tag = "admin",
    summary = "Every join token, without its text",
    description = "For administrators. Those that are of no use any more are listed, too.",
    responses(
        (status = 200, description = "The tokens", body = JoinTokenList),
    ),
)]
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<JoinTokenList>, Failure> {
    let list = app.coordinator.call(&caller).list_join_tokens(v1::ListJoinTokensRequest {}).await?;
    let tokens = list.tokens.into_iter().map(convert::account::join_token).collect::<Result<_, _>>()?;
    Ok(Json(JoinTokenList { tokens }))
}

#[utoipa::path(
    delete,
    path = "/api/admin/tokens/{id}",
    operation_id = "revokeJoinToken",
    tag = "admin",
    summary = "Takes a join token back, for good; workers that have joined with it go on",
    description = "For administrators. No worker joins with it from now on.",
    params(
        ("id" = String, Path, description = "A join token's id"),
    ),
    responses(
        (status = 200, description = "The token", body = JoinToken),
    ),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    path_ids::JoinToken(id): path_ids::JoinToken,
) -> Result<Json<JoinToken>, Failure> {
    let request = v1::RevokeJoinTokenRequest { id };
    let token = app.coordinator.call(&caller).revoke_join_token(request).await?;
    Ok(Json(convert::account::join_token(token)?))
}
