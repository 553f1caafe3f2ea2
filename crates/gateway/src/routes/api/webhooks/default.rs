//! `/api/webhooks/default`: the webhook of jobs and batches that are submitted with a key and name
//! none themselves.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use carlo_rest::Problem;
use carlo_rest::job::Cancelled;
use carlo_rest::pointer::Spelling;
use carlo_rest::webhook::{DefaultWebhook, Webhook};
use carlo_types::definition::Section as _;
use carlo_wire::v1;

use crate::api_call::ApiCall;
use crate::openapi::shared::{KeyOfWebhook, NoSuchKey};
use crate::problem::Failure;
use crate::query::KeyId;
use crate::{body, convert, entity};

#[utoipa::path(
    put,
    path = "/api/webhooks/default",
    operation_id = "setDefaultWebhook",
    tag = "webhooks",
    summary = "Sets the webhook of a key",
    description = "It is that of jobs, batches and sweeps that are submitted with the key from now on and name none themselves. Calls that wait for their results send no events. If a secret is made, only this response has it.",
    params(KeyOfWebhook),
    request_body = Webhook,
    responses(
        (status = 200, description = "The webhook", body = DefaultWebhook),
        NoSuchKey,
        (status = 409, description = "The key is of no use any more, or its user has too many webhooks", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn set(call: ApiCall, KeyId(key_id): KeyId, request: Request) -> Result<Response, Failure> {
    let body = body::json(request, call.app.body_timeout).await?;
    let webhook: Webhook = body::section(&body)?;
    let message = v1::SetDefaultRequest { key_id, webhook: Some(webhook.to_draft().into()) };
    let set = call.rpcs().set_default_webhook(message).await;
    // The body is the webhook itself.
    let to_body = |pointer: &str| pointer.strip_prefix("/webhook").unwrap_or(pointer).to_owned();
    let set =
        set.map_err(|failure| failure.with_pointers(to_body).spelled(&body.value, Spelling::CamelCase))?;
    let set = convert::webhook::default(set)?;
    let has_secret = set.secret.is_some();
    Ok(entity::no_store_if(has_secret, Json(set).into_response()))
}

#[utoipa::path(
    get,
    path = "/api/webhooks/default",
    operation_id = "getDefaultWebhook",
    tag = "webhooks",
    summary = "The webhook of a key",
    description = "With the events that are sent.",
    params(KeyOfWebhook),
    responses(
        (status = 200, description = "The webhook, without its secret", body = DefaultWebhook),
        NoSuchKey,
    ),
)]
pub(crate) async fn get(call: ApiCall, KeyId(key_id): KeyId) -> Result<Json<DefaultWebhook>, Failure> {
    let default = call.rpcs().default_webhook(v1::DefaultRequest { key_id }).await?;
    Ok(Json(convert::webhook::default(default)?))
}

#[utoipa::path(
    delete,
    path = "/api/webhooks/default",
    operation_id = "clearDefaultWebhook",
    tag = "webhooks",
    summary = "The key has no webhook any more",
    description = "Jobs and batches that have been submitted keep theirs.",
    params(KeyOfWebhook),
    responses(
        (status = 200, description = "The key has none", body = Cancelled),
        NoSuchKey,
    ),
)]
pub(crate) async fn clear(call: ApiCall, KeyId(key_id): KeyId) -> Result<Json<Cancelled>, Failure> {
    call.rpcs().clear_default_webhook(v1::DefaultRequest { key_id }).await?;
    Ok(Json(Cancelled { success: true, message: "the key has no webhook".to_owned() }))
}
