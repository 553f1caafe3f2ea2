//! `/api/webhooks`: the URLs to which events are sent. Jobs and batches name them.

pub(crate) mod default;
pub(crate) mod deliveries;

use axum::Json;
use axum::http::HeaderMap;
use axum::response::Response;
use carlo_rest::job::Cancelled;
use carlo_rest::webhook::{WebhookList, WebhookState};
use carlo_wire::v1;

use crate::api_call::ApiCall;
use crate::openapi::shared::{IfNoneMatch, NotModified, OwnerParameters};
use crate::problem::Failure;
use crate::query::Owner;
use crate::{convert, entity, path_ids};

#[utoipa::path(
    get,
    path = "/api/webhooks",
    operation_id = "listWebhooks",
    tag = "webhooks",
    summary = "The caller's webhooks",
    description = "A URL becomes a webhook of a user when a job, a batch, a sweep or a key first names it. All that name it share its secret and its state. A user may have 32 of them; administrators can list those of all users.",
    params(OwnerParameters, IfNoneMatch),
    responses(
        (status = 200, description = "The webhooks, without their secrets", body = WebhookList),
        NotModified,
    ),
)]
pub(crate) async fn list(
    call: ApiCall,
    Owner { all, user }: Owner,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let list = call.rpcs().list_endpoints(v1::ListEndpointsRequest { all, user }).await?;
    let webhooks = list.endpoints.into_iter().map(convert::webhook::state).collect::<Result<_, _>>()?;
    entity::json_or_304(&headers, &WebhookList { webhooks })
}

#[utoipa::path(
    post,
    path = "/api/webhooks/{id}/enable",
    operation_id = "enableWebhook",
    tag = "webhooks",
    summary = "Enables a webhook that was disabled",
    description = "A webhook is disabled when its receiver answers 410 Gone, or when at least 10 attempts in a row and all of 12 hours have failed. What waits for it is attempted at once.",
    params(
        ("id" = String, Path, description = "A webhook's id, `hook_…`"),
    ),
    responses(
        (status = 200, description = "The webhook", body = WebhookState),
    ),
)]
pub(crate) async fn enable(
    call: ApiCall,
    path_ids::Webhook(id): path_ids::Webhook,
) -> Result<Json<WebhookState>, Failure> {
    let endpoint = call.rpcs().enable_endpoint(v1::EndpointRequest { id }).await?;
    Ok(Json(convert::webhook::state(endpoint)?))
}

#[utoipa::path(
    delete,
    path = "/api/webhooks/{id}",
    operation_id = "deleteWebhook",
    tag = "webhooks",
    summary = "Deletes a webhook with its deliveries",
    description = "Jobs, batches and keys that name it send nothing any more. If the URL is named again, it gets a new secret.",
    params(
        ("id" = String, Path, description = "A webhook's id, `hook_…`"),
    ),
    responses(
        (status = 200, description = "It is deleted", body = Cancelled),
    ),
)]
pub(crate) async fn delete(
    call: ApiCall,
    path_ids::Webhook(id): path_ids::Webhook,
) -> Result<Json<Cancelled>, Failure> {
    let message = format!("the webhook {id} is deleted");
    call.rpcs().delete_endpoint(v1::EndpointRequest { id }).await?;
    Ok(Json(Cancelled { success: true, message }))
}
