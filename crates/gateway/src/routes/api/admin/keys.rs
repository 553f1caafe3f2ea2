//! `/api/admin/keys`: creating, listing and revoking the keys of all users.

use axum::Json;
use axum::extract::Request;
use axum::response::Response;
use carlo_rest::account::{CreateKey, CreatedKey, Key, KeyList, RotateKey};
use carlo_rest::pointer::Spelling;
use carlo_wire::v1;

use super::secrets::{each, made};
use crate::api_call::ApiCall;
use crate::openapi::shared::IdempotencyKey;
use crate::problem::Failure;
use crate::{body, convert, idempotency_key, path_ids};

#[utoipa::path(
    post,
    path = "/api/admin/keys",
    operation_id = "createKey",
    tag = "admin",
    summary = "Creates a key",
    description = "For administrators. The secret is only in this response, because the cluster stores only its hash.",
    params(IdempotencyKey),
    request_body = CreateKey,
    responses(
        (status = 201, description = "The key and its secret", body = CreatedKey, headers(("Location" = String, description = "The key"))),
    ),
)]
pub(crate) async fn create(call: ApiCall, request: Request) -> Result<Response, Failure> {
    let idempotency_key = idempotency_key::read(request.headers())?;
    let body = body::json(request, call.app.body_timeout).await?;
    let CreateKey { user_id, tier, role, note, expires_in_days } = body::section(&body)?;
    let role = role.map_or(v1::Role::Unspecified, convert::account::to_wire).into();
    let tier = tier.map_or_else(String::new, |tier| tier.to_string());
    let message = v1::CreateKeyRequest { user: user_id, tier, role, idempotency_key, note, expires_in_days };
    let created = call.rpcs().create_key(message).await;
    let created = created.map_err(|failure| failure.spelled(&body.value, Spelling::SnakeCase))?;
    let created = convert::account::created(created)?;
    Ok(made(format!("/api/admin/keys/{}", created.key.id), &created))
}

#[utoipa::path(
    post,
    path = "/api/admin/keys/{id}/rotate",
    operation_id = "rotateKey",
    tag = "admin",
    summary = "Makes a key like this one, shows its secret once, and takes this one back",
    description = "For administrators. The body may be left out. Both happen in the same moment: whoever may lose this answer makes a new key first, and revokes the old one after that.",
    params(
        ("id" = String, Path, description = "A key's id"),
        IdempotencyKey,
    ),
    request_body = RotateKey,
    responses(
        (status = 201, description = "The new key and its secret", body = CreatedKey, headers(("Location" = String, description = "The key"))),
    ),
)]
pub(crate) async fn rotate(
    call: ApiCall,
    path_ids::Key(id): path_ids::Key,
    request: Request,
) -> Result<Response, Failure> {
    let idempotency_key = idempotency_key::read(request.headers())?;
    let body = body::json_or_none(request, call.app.body_timeout).await?;
    let RotateKey { expires_in_days } = body::section(&body)?;
    let message = v1::RotateKeyRequest { id, expires_in_days, idempotency_key };
    let created = convert::account::created(call.rpcs().rotate_key(message).await?)?;
    Ok(made(format!("/api/admin/keys/{}", created.key.id), &created))
}

#[utoipa::path(
    get,
    path = "/api/admin/keys",
    operation_id = "listKeys",
    tag = "admin",
    summary = "All keys, without their secrets",
    description = "For administrators. Includes revoked keys.",
    responses(
        (status = 200, description = "The keys", body = KeyList),
    ),
)]
pub(crate) async fn list(call: ApiCall) -> Result<Json<KeyList>, Failure> {
    let list = call.rpcs().list_keys(v1::ListKeysRequest {}).await?;
    Ok(Json(KeyList { keys: each(list.keys, convert::account::key)? }))
}

#[utoipa::path(
    delete,
    path = "/api/admin/keys/{id}",
    operation_id = "revokeKey",
    tag = "admin",
    summary = "Revokes a key permanently",
    description = "For administrators. Jobs that were submitted with the key continue.",
    params(
        ("id" = String, Path, description = "A key's id"),
    ),
    responses(
        (status = 200, description = "The key", body = Key),
    ),
)]
pub(crate) async fn revoke(call: ApiCall, path_ids::Key(id): path_ids::Key) -> Result<Json<Key>, Failure> {
    let key = call.rpcs().revoke_key(v1::RevokeKeyRequest { id }).await?;
    Ok(Json(convert::account::key(key)?))
}
