//! What a webhook's request says: its body as JSON. The requests that ask for webhooks are in
//! [`crate::request::webhook`].

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use crate::request::webhook::{HttpUrl, Webhook, WebhookDraft, WebhookEvent, WebhookSecret};

/// The body of a webhook's request. It says what has changed, and not the results: they are at `GET
/// /api/jobs/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WebhookBody {
    /// What happened.
    #[serde(rename = "type")]
    pub event: WebhookEvent,
    /// When it happened.
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// The job or the batch as it was then.
    pub data: WebhookData,
}

/// The job or the batch of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum WebhookData {
    /// Of an event of a job.
    Job(WebhookJob),
    /// Of an event of a batch.
    Batch(WebhookBatch),
}

/// A job in the body of a webhook's request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookJob {
    /// `job_…`
    pub job_id: String,
    /// Its status, as `GET /api/jobs/{id}` shows it.
    pub status: String,
    /// The name that the caller gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The batch that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<String>,
    /// Its id in the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_id: Option<String>,
    /// The number of simulations that have been counted.
    pub simulations_complete: u64,
    /// The reason why it failed or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A batch in the body of a webhook's request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct WebhookBatch {
    /// `batch_…`
    pub batch_id: String,
    /// Its status, as `GET /simulations/batch/{id}` shows it.
    pub status: String,
    pub total_jobs: u32,
    pub completed_jobs: u32,
    pub failed_jobs: u32,
    pub cancelled_jobs: u32,
    /// The first reason why jobs failed or were cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
