//! `/api/webhooks/deliveries`: the events that were and will be sent.

use axum::Json;
use axum::http::HeaderMap;
use axum::response::Response;
use carlo_rest::webhook::{Delivery, DeliveryList, DeliveryState};
use carlo_wire::v1;

use crate::api_call::ApiCall;
use crate::openapi::shared::{DeliveryFilters, HasNotEnded, IfNoneMatch, NotModified, OwnerParameters};
use crate::problem::Failure;
use crate::query::DeliverySelection;
use crate::{convert, entity, path_ids};

#[utoipa::path(
    get,
    path = "/api/webhooks/deliveries",
    operation_id = "listDeliveries",
    tag = "webhooks",
    summary = "The caller's deliveries, the latest first",
    description = "A delivery is an event on its way to a webhook. It is attempted until the receiver answers with a status of 200 to 299, with growing pauses for a day. The events of one job or batch are sent in their order. Ended deliveries are kept for 7 days, at most 1,000 of each user.",
    params(
        DeliveryFilters,
        ("state" = Option<DeliveryState>, Query, description = "Only deliveries in this state"),
        OwnerParameters,
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "A page", body = DeliveryList),
        NotModified,
    ),
)]
pub(crate) async fn list(
    call: ApiCall,
    selection: DeliverySelection,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let DeliverySelection { owner, object, webhook, state, cursor, page_size } = selection;
    let message = v1::ListDeliveriesRequest {
        all: owner.all,
        user: owner.user,
        object,
        endpoint_id: webhook,
        state: state.map(|state| convert::webhook::to_wire(state).into()),
        cursor,
        page_size,
    };
    let list = call.rpcs().list_deliveries(message).await?;
    let deliveries = list.deliveries.into_iter().map(convert::webhook::delivery).collect::<Result<_, _>>()?;
    let next_cursor = Some(list.cursor).filter(|cursor| !cursor.is_empty());
    entity::json_or_304(&headers, &DeliveryList { deliveries, next_cursor })
}

#[utoipa::path(
    post,
    path = "/api/webhooks/deliveries/{id}/retry",
    operation_id = "retryDelivery",
    tag = "webhooks",
    summary = "Attempts an ended delivery again, for another day",
    description = "It keeps its id and its body, so a receiver can recognize it.",
    params(
        ("id" = String, Path, description = "A delivery's id, `msg_…`"),
    ),
    responses(
        (status = 200, description = "The delivery", body = Delivery),
        HasNotEnded,
    ),
)]
pub(crate) async fn retry(
    call: ApiCall,
    path_ids::Delivery(id): path_ids::Delivery,
) -> Result<Json<Delivery>, Failure> {
    let delivery = call.rpcs().redeliver(v1::RedeliverRequest { id }).await?;
    Ok(Json(convert::webhook::delivery(delivery)?))
}
