//! Usage, API keys, join tokens and tiers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use carlo_types::request::envelope::{CreateJoinToken, CreateKey, Role, RotateKey, Tier};

use crate::label::Label;

/// The response of `GET /simulations/batch/usage`: the caller's usage of this month. A limit of −1
/// means that there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// The user.
    pub user_id: String,
    /// The tier, which determines the limits.
    pub tier: Tier,
    /// The role of the key that was used; for a user, the highest role of all keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The month in UTC, as `YYYY-MM`.
    pub period: String,
    /// The number of days in the month after today.
    pub days_remaining: u32,
    /// The number of calls so far.
    pub api_calls_used: u64,
    /// The number of jobs so far.
    pub simulations_used: u64,
    /// The cost so far, in dollars.
    pub cost_used_usd: f64,
    /// The number of simulated months so far, in millions.
    pub tokens_used: u64,
    /// The limit of calls per month.
    pub api_calls_limit: i64,
    /// The limit of jobs per month.
    pub simulations_limit: i64,
    /// The limit of the cost per month, in dollars.
    pub cost_limit_usd: f64,
    /// The most simulations in a batch.
    pub max_batch_size: u32,
    /// The number of calls that are left.
    pub api_calls_remaining: i64,
    /// The number of jobs that are left.
    pub simulations_remaining: i64,
    /// The part of the cost limit that is neither spent nor reserved for open jobs, in dollars.
    pub cost_remaining_usd: f64,
    /// Whether any quota is used up.
    pub is_quota_exceeded: bool,
    /// A sentence that names the exhausted quotas.
    pub quota_exceeded_reason: Option<String>,
}

/// The response of `GET /simulations/batch/usage/history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageHistory {
    /// This month.
    pub current: Usage,
    /// Past months, latest first.
    pub history: Vec<PeriodUsage>,
}

/// The usage of one month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PeriodUsage {
    /// The month in UTC, as `YYYY-MM`.
    pub period: String,
    pub api_calls: u64,
    /// Jobs that were accepted.
    pub simulations_run: u64,
    pub simulations_completed: u64,
    pub simulations_failed: u64,
    /// Jobs that were cancelled.
    pub simulations_cancelled: u64,
    pub cost_usd: f64,
    pub tokens_used: u64,
}

/// The response of `GET /api/admin/usage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UserUsage {
    /// The users, by cost in descending order.
    pub users: Vec<Usage>,
    /// The number of entries on all pages.
    pub total: u64,
    /// The number of this page, from 1.
    pub page: u32,
    /// The number of entries on a full page.
    pub page_size: u32,
}

/// The response of `GET /api/admin/audit` as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRecords {
    /// The latest first.
    pub records: Vec<AuditRecord>,
    /// The number of records on all pages, at most 10,000.
    pub total: u64,
    /// The number of this page, from 1.
    pub page: u32,
    /// The number of entries on a full page.
    pub page_size: u32,
}

/// A change by an administrator or by the start of a coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// The number of the record, from 1 without gaps.
    pub number: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What was done.
    pub action: AuditAction,
    /// The user, or `coordinator` for what its start changed.
    pub user_id: String,
    /// The id of the key, if a key was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The id of a key, a join token, a job or a batch, or the name of a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The actions that the audit log records. Jobs and batches are those of other users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum AuditAction {
    KeyCreated,
    KeyRotated,
    KeyRevoked,
    TokenCreated,
    TokenRevoked,
    TiersChanged,
    NodeDrained,
    NodeUndrained,
    QuarantineLifted,
    LedgerExported,
    JobCancelled,
    JobUpdated,
    JobDeleted,
    BatchCancelled,
    BatchDeleted,
    WebhookEnabled,
    WebhookDeleted,
    DeliveryRepeated,
    DefaultWebhookSet,
    DefaultWebhookCleared,
    NodeQuarantined,
}

impl Label for AuditAction {
    const ALL: &'static [Self] = &[
        Self::KeyCreated,
        Self::KeyRotated,
        Self::KeyRevoked,
        Self::TokenCreated,
        Self::TokenRevoked,
        Self::TiersChanged,
        Self::NodeDrained,
        Self::NodeUndrained,
        Self::QuarantineLifted,
        Self::LedgerExported,
        Self::JobCancelled,
        Self::JobUpdated,
        Self::JobDeleted,
        Self::BatchCancelled,
        Self::BatchDeleted,
        Self::WebhookEnabled,
        Self::WebhookDeleted,
        Self::DeliveryRepeated,
        Self::DefaultWebhookSet,
        Self::DefaultWebhookCleared,
        Self::NodeQuarantined,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::KeyCreated => "key created",
            Self::KeyRotated => "key rotated",
            Self::KeyRevoked => "key revoked",
            Self::TokenCreated => "join token created",
            Self::TokenRevoked => "join token revoked",
            Self::TiersChanged => "tiers changed",
            Self::NodeDrained => "node drained",
            Self::NodeUndrained => "node undrained",
            Self::QuarantineLifted => "quarantine lifted",
            Self::LedgerExported => "ledger exported",
            Self::JobCancelled => "job cancelled",
            Self::JobUpdated => "job changed",
            Self::JobDeleted => "job deleted",
            Self::BatchCancelled => "batch cancelled",
            Self::BatchDeleted => "batch deleted",
            Self::WebhookEnabled => "webhook enabled",
            Self::WebhookDeleted => "webhook deleted",
            Self::DeliveryRepeated => "delivery repeated",
            Self::DefaultWebhookSet => "webhook of a key set",
            Self::DefaultWebhookCleared => "webhook of a key removed",
            Self::NodeQuarantined => "node quarantined",
        }
    }
}

impl Label for Role {
    const ALL: &'static [Self] = &Self::ALL;

    fn label(self) -> &'static str {
        self.as_str()
    }
}

/// An API key without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// The id of the key, which is not secret.
    pub id: String,
    /// The user.
    pub user_id: String,
    /// The tier of the user.
    pub tier: Tier,
    /// The role.
    pub role: Role,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// What it is for.
    #[serde(default)]
    pub note: Option<String>,
    /// From when on it is refused.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// The response of `POST /api/admin/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedKey {
    /// The key.
    #[serde(flatten)]
    pub key: Key,
    /// The secret, which is sent as `X-API-Key`. It is only in this response, and absent if the
    /// call is a repetition.
    pub secret: Option<String>,
}

/// The response of `GET /api/admin/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyList {
    /// All keys including revoked ones, in the order of their ids.
    pub keys: Vec<Key>,
}

/// A join token for workers, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinToken {
    /// The id of the token, which is not secret.
    pub id: String,
    /// A note for people.
    pub note: Option<String>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it expires.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When a worker last joined with it, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// The response of `POST /api/admin/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedJoinToken {
    /// The token.
    #[serde(flatten)]
    pub token: JoinToken,
    /// The text of the token, for a worker's `--join-token-file`. It is only in this response, and
    /// absent if the call is a repetition.
    pub text: Option<String>,
}

/// The response of `GET /api/admin/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinTokenList {
    /// All tokens including revoked and expired ones, in the order of their ids.
    pub tokens: Vec<JoinToken>,
}

/// The price of a token, and the limits of the tiers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tiers {
    /// The price of a million simulated months, in dollars.
    pub price_per_token_usd: Option<f64>,
    /// The limits of each tier, by name. −1 means no limit. Members that are left out in a change
    /// get their defaults.
    #[schema(value_type = Option<Object>)]
    pub tiers: Option<serde_json::Map<String, serde_json::Value>>,
}
