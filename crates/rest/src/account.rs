//! Keys, and what has been used with them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use carlo_types::request::envelope::{CreateJoinToken, CreateKey, Role, Tier};

use crate::label::Label;

/// The answer of `GET /simulations/batch/usage`: what the caller has used this month. A limit of −1
/// is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Whose it is.
    pub user_id: String,
    /// What decides the limits.
    pub tier: Tier,
    /// `YYYY-MM`, UTC.
    pub period: String,
    /// Days of it that come after today.
    pub days_remaining: u32,
    /// Calls so far.
    pub api_calls_used: u64,
    /// Jobs so far.
    pub simulations_used: u64,
    /// Dollars so far.
    pub cost_used_usd: f64,
    /// Millions of simulated months so far.
    pub tokens_used: u64,
    /// Calls a month.
    pub api_calls_limit: i64,
    /// Jobs a month.
    pub simulations_limit: i64,
    /// Dollars a month.
    pub cost_limit_usd: f64,
    /// Simulations of a batch.
    pub max_batch_size: u32,
    /// Calls that are left.
    pub api_calls_remaining: i64,
    /// Jobs that are left.
    pub simulations_remaining: i64,
    /// Dollars that are neither spent nor reserved for open jobs.
    pub cost_remaining_usd: f64,
    /// Whether something is used up.
    pub is_quota_exceeded: bool,
    /// What, in a sentence.
    pub quota_exceeded_reason: Option<String>,
}

/// The answer of `GET /simulations/batch/usage/history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageHistory {
    /// This month.
    pub current: Usage,
    /// Past months, the latest first.
    pub history: Vec<PeriodUsage>,
}

/// What was used in one month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PeriodUsage {
    /// `YYYY-MM`, UTC.
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

impl Label for Role {
    const ALL: &'static [Self] = &Self::ALL;

    fn label(self) -> &'static str {
        self.as_str()
    }
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Names the key; it is no secret.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// Its user's tier.
    pub tier: Tier,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Since when it is of no use any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// The answer of `POST /api/admin/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedKey {
    /// The key.
    #[serde(flatten)]
    pub key: Key,
    /// What is sent as `X-API-Key`. It is in this answer and nowhere else; absent where the call
    /// was repeated.
    pub secret: Option<String>,
}

/// The answer of `GET /api/admin/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyList {
    /// Every key, revoked ones too, by id.
    pub keys: Vec<Key>,
}

/// A token that workers join with, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinToken {
    /// Names the token; it is no secret.
    pub id: String,
    /// What it is for.
    pub note: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// From when on no worker joins with it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When a worker joined with it, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// Since when it is of no use any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// The answer of `POST /api/admin/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedJoinToken {
    /// The token.
    #[serde(flatten)]
    pub token: JoinToken,
    /// What goes into a worker's `--join-token-file`. It is in this answer and nowhere else; absent
    /// where the call was repeated.
    pub text: Option<String>,
}

/// The answer of `GET /api/admin/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinTokenList {
    /// Every token, those that are of no use any more too, by id.
    pub tokens: Vec<JoinToken>,
}

/// What work costs, and what each tier may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tiers {
    /// Dollars for a million simulated months.
    pub price_per_token_usd: Option<f64>,
    /// Limits by tier and name. −1 is no limit; what is left out when they are set has its default.
    #[schema(value_type = Option<Object>)]
    pub tiers: Option<serde_json::Map<String, serde_json::Value>>,
}
