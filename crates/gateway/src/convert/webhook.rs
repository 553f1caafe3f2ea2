//! Webhooks and deliveries.

use carlo_rest::webhook::{
    DefaultWebhook, Delivery, DeliveryState, SetWebhook, WebhookEvent, WebhookSecret, WebhookState,
};
use carlo_types::definition::{Leaf as _, Section as _};
use carlo_types::webhook::Webhook;
use carlo_wire::{FieldError, v1};

use super::{time, time_if};

/// A request's webhook for the coordinator.
pub(crate) fn asked(webhook: Option<Webhook>) -> Option<v1::Webhook> {
    webhook.map(|webhook| webhook.to_draft().into())
}

/// The webhook of a new job or batch.
pub(crate) fn set(message: Option<v1::SetWebhook>) -> Result<Option<SetWebhook>, FieldError> {
    let read =
        |message: v1::SetWebhook| Ok(SetWebhook { id: message.endpoint_id, secret: secret(message.secret)? });
    message.map(read).transpose()
}

/// Whether a response has a secret.
pub(crate) fn has_secret(webhook: Option<&SetWebhook>) -> bool {
    webhook.is_some_and(|webhook| webhook.secret.is_some())
}

pub(crate) fn state(message: v1::Endpoint) -> Result<WebhookState, FieldError> {
    Ok(WebhookState {
        id: message.id,
        owner: message.user,
        url: message.url,
        created_at: time("endpoint.created_at_ms", message.created_at_ms)?,
        enabled: message.disabled_at_ms.is_none(),
        disabled_reason: present(message.disabled_reason),
        disabled_at: time_if("endpoint.disabled_at_ms", message.disabled_at_ms)?,
        pending: message.pending,
        failures: message.failures,
        failing_since: time_if("endpoint.failing_since_ms", message.failing_since_ms)?,
        last_success_at: time_if("endpoint.last_success_at_ms", message.last_success_at_ms)?,
    })
}

pub(crate) fn default(message: v1::DefaultWebhook) -> Result<DefaultWebhook, FieldError> {
    Ok(DefaultWebhook {
        key_id: message.key_id,
        id: message.endpoint_id,
        url: message.url,
        events: message.events.iter().map(|name| event(name)).collect::<Result<_, _>>()?,
        secret: secret(message.secret)?,
    })
}

pub(crate) fn delivery(message: v1::Delivery) -> Result<Delivery, FieldError> {
    let state = match message.state() {
        v1::DeliveryState::Pending => DeliveryState::Pending,
        v1::DeliveryState::Delivered => DeliveryState::Delivered,
        v1::DeliveryState::Failed => DeliveryState::Failed,
        v1::DeliveryState::Unspecified => {
            return Err(FieldError::new("delivery.state", "is missing or unknown"));
        }
    };
    let status = message.status.map(u16::try_from).transpose();
    Ok(Delivery {
        id: message.id,
        owner: message.user,
        webhook_id: message.endpoint_id,
        url: message.url,
        event: event(&message.event)?,
        object_id: message.object,
        state,
        created_at: time("delivery.created_at_ms", message.created_at_ms)?,
        attempts: message.attempts,
        next_attempt_at: time_if("delivery.next_attempt_at_ms", message.next_attempt_at_ms)?,
        ended_at: time_if("delivery.ended_at_ms", message.ended_at_ms)?,
        outcome: present(message.outcome),
        response_status: status.map_err(|error| FieldError::new("delivery.status", error.to_string()))?,
    })
}

/// The message's state for a JSON state.
pub(crate) fn to_wire(state: DeliveryState) -> v1::DeliveryState {
    match state {
        DeliveryState::Pending => v1::DeliveryState::Pending,
        DeliveryState::Delivered => v1::DeliveryState::Delivered,
        DeliveryState::Failed => v1::DeliveryState::Failed,
    }
}

fn event(name: &str) -> Result<WebhookEvent, FieldError> {
    name.parse().map_err(|_| FieldError::new("event", "is unknown"))
}

fn secret(text: String) -> Result<Option<WebhookSecret>, FieldError> {
    let secret = present(text).map(|text| WebhookSecret::judge(text, &())).transpose();
    secret.map_err(|_| FieldError::new("webhook.secret", "is no secret"))
}

fn present(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
