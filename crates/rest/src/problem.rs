//! Errors, as RFC 9457 shapes them.

use carlo_types::FieldFault;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The content type of a [`Problem`].
pub const CONTENT_TYPE: &str = "application/problem+json";

/// An error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The kind of problem, as a URI reference that leads to what it means; `about:blank` where the
    /// status says it all.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem, for a person.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This problem, for a person.
    pub detail: String,
    /// The request that it happened to: its path.
    pub instance: String,
    /// Every fault of the body, by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldFault>,
    /// `detail` once more, for clients of the older jobs API.
    pub error: String,
    /// Of the type `/problems/quota-exceeded`: which quota: `api_calls`, `simulations` or `cost`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<String>,
    /// Of the type `/problems/over-budget`: the cap of the batch, dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_cap_usd: Option<f64>,
}
