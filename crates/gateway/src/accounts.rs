//! What the caller has used, and the keys of everybody.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use carlo_rest::account::{self, CreateKey, CreatedKey, Key, KeyList, Usage, UsageHistory};
use carlo_rest::pointer::Spelling;
use carlo_wire::v1;

use crate::caller::Caller;
use crate::openapi::shared::IdempotencyKey;
use crate::prefer;
use crate::problem::Failure;
use crate::query::Periods;
use crate::routes::App;
use crate::{body, calls, convert, ids};

#[utoipa::path(
    get,
    path = "/simulations/batch/usage",
    operation_id = "getUsage",
    tag = "accounts",
    summary = "What the caller has used this month",
    responses(
        (status = 200, description = "The usage", body = Usage),
    ),
)]
pub(crate) async fn usage(State(app): State<App>, caller: Caller) -> Result<Json<Usage>, Failure> {
    let message = v1::UsageRequest {};
    let call = app.calls.of(&caller);
    let call =
        call.repeatable(message, async |channel, request| calls::accounts(channel).get_usage(request).await);
    Ok(Json(convert::account::usage(call.await?)?))
}

#[utoipa::path(
    get,
    path = "/simulations/batch/usage/history",
    operation_id = "getUsageHistory",
    tag = "accounts",
    summary = "The same of past months",
    params(
        ("periods" = Option<u32>, Query, description = "Past months; 6 where absent", minimum = 1, maximum = 24),
    ),
    responses(
        (status = 200, description = "The usage", body = UsageHistory),
    ),
)]
pub(crate) async fn history(
    State(app): State<App>,
    caller: Caller,
    Periods(periods): Periods,
) -> Result<Json<UsageHistory>, Failure> {
    let message = v1::UsageHistoryRequest { periods };
    let call = app.calls.of(&caller);
    let call = call.repeatable(message, async |channel, request| {
        calls::accounts(channel).get_usage_history(request).await
    });
    Ok(Json(convert::account::history(call.await?)?))
}

#[utoipa::path(
    post,
    path = "/api/admin/keys",
    operation_id = "createKey",
    tag = "admin",
    summary = "Makes a key; its secret is shown once",
    params(IdempotencyKey),
    request_body = CreateKey,
    responses(
        (status = 201, description = "The key and its secret", body = CreatedKey, headers(("Location" = String, description = "The key"))),
    ),
)]
pub(crate) async fn create_key(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Response, Failure> {
    let idempotency_key = prefer::idempotency_key(request.headers())?;
    let body = body::json(request, app.body_timeout).await?;
    let mut faults = body.twice;
    let key = account::read_key(&body.value, &mut faults);
    if !faults.is_empty() {
        return Err(Failure::invalid(convert::request::spelled(faults, &body.value, Spelling::SnakeCase)));
    }
    let role = key.role.map_or(v1::Role::Unspecified, convert::account::to_wire).into();
    let message =
        v1::CreateKeyRequest { user: key.user_id, tier: key.tier.unwrap_or_default(), role, idempotency_key };
    let call = app.calls.of(&caller);
    let call =
        call.once(message, async |channel, request| calls::accounts(channel).create_key(request).await);
    let created = call.await.map_err(|failure| failure.spelled(&body.value, Spelling::SnakeCase))?;
    let created = convert::account::created(created)?;
    let location = [(LOCATION, format!("/api/admin/keys/{}", created.key.id))];
    Ok((StatusCode::CREATED, location, Json(created)).into_response())
}

#[utoipa::path(
    get,
    path = "/api/admin/keys",
    operation_id = "listKeys",
    tag = "admin",
    summary = "Every key, without its secret",
    responses(
        (status = 200, description = "The keys", body = KeyList),
    ),
)]
pub(crate) async fn keys(State(app): State<App>, caller: Caller) -> Result<Json<KeyList>, Failure> {
    let message = v1::ListKeysRequest {};
    let call = app.calls.of(&caller);
    let call =
        call.repeatable(message, async |channel, request| calls::accounts(channel).list_keys(request).await);
    let keys = call.await?.keys.into_iter().map(convert::account::key).collect::<Result<_, _>>()?;
    Ok(Json(KeyList { keys }))
}

#[utoipa::path(
    delete,
    path = "/api/admin/keys/{id}",
    operation_id = "revokeKey",
    tag = "admin",
    summary = "Takes a key back, for good",
    params(
        ("id" = String, Path, description = "A key's id"),
    ),
    responses(
        (status = 200, description = "The key", body = Key),
    ),
)]
pub(crate) async fn revoke_key(
    State(app): State<App>,
    caller: Caller,
    ids::Key(id): ids::Key,
) -> Result<Json<Key>, Failure> {
    let message = v1::RevokeKeyRequest { id };
    let call = app.calls.of(&caller);
    let call =
        call.repeatable(message, async |channel, request| calls::accounts(channel).revoke_key(request).await);
    Ok(Json(convert::account::key(call.await?)?))
}
