//! Webhooks: the URLs to which events are sent, and the deliveries to them. What a webhook's
//! request says is in `carlo_types::webhook`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use carlo_types::webhook::{
    Webhook, WebhookBatch, WebhookBody, WebhookData, WebhookEvent, WebhookJob, WebhookSecret,
};

use crate::label::Label;

/// The webhook of a new job or batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetWebhook {
    /// `hook_…`
    pub id: String,
    /// The secret with which its requests are signed, if one was made. Only the response to the
    /// request that made it has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub secret: Option<WebhookSecret>,
}

/// The response of `GET /api/webhooks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookList {
    /// In the order of their ids.
    pub webhooks: Vec<WebhookState>,
}

/// A URL of a user to which events are sent. All webhooks of the user with this URL share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookState {
    /// `hook_…`
    pub id: String,
    /// Whose it is.
    pub owner: String,
    /// The URL.
    pub url: String,
    /// When it was first named.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Whether events are sent. Events for a disabled webhook wait for up to a day.
    pub enabled: bool,
    /// Why it is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// When it was disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
    /// The number of events that are neither delivered nor given up.
    pub pending: u32,
    /// The number of failed attempts since the last success.
    pub failures: u32,
    /// When the first of them failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// When an event was last delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success_at: Option<Timestamp>,
}

/// The webhook of jobs and batches that are submitted with a key and name none themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefaultWebhook {
    /// `key_…`
    pub key_id: String,
    /// `hook_…`
    pub id: String,
    /// The URL.
    pub url: String,
    /// The events that are sent; empty means those at the end of a job, or of a batch as a whole.
    pub events: Vec<WebhookEvent>,
    /// The secret with which its requests are signed, if one was made. Only the response to the
    /// request that made it has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub secret: Option<WebhookSecret>,
}

/// The state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It will be attempted, or is being attempted.
    Pending,
    /// The receiver has confirmed it with a status of 200 to 299.
    Delivered,
    /// It was given up.
    Failed,
}

impl Label for DeliveryState {
    const ALL: &'static [Self] = &[Self::Pending, Self::Delivered, Self::Failed];

    fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// An event that is sent to a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// `msg_…`, which is also the header `webhook-id` of every attempt.
    pub id: String,
    /// Whose it is.
    pub owner: String,
    /// The webhook, `hook_…`
    pub webhook_id: String,
    /// The URL.
    pub url: String,
    /// What happened.
    pub event: WebhookEvent,
    /// The job or the batch.
    pub object_id: String,
    /// The state.
    pub state: DeliveryState,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The number of attempts.
    pub attempts: u32,
    /// When the next attempt is due, unless an earlier event of the same job or batch or a disabled
    /// webhook holds it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
    /// When it was delivered or given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// How the last attempt ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The HTTP status of the last attempt, if there was a response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_status: Option<u16>,
}

/// The response of `GET /api/webhooks/deliveries`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryList {
    /// The latest first.
    pub deliveries: Vec<Delivery>,
    /// The parameter `cursor` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
