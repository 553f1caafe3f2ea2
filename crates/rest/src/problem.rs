//! Errors in the format of RFC 9457.

use carlo_types::FieldFault;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The content type of a [`Problem`].
pub const CONTENT_TYPE: &str = "application/problem+json";

/// An error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The kind of problem, as a URI reference to its description; `about:blank` if the status says
    /// enough.
    #[serde(rename = "type")]
    pub kind: String,
    /// The title of the kind, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The description of this problem, for people.
    pub detail: String,
    /// The path of the request.
    pub instance: String,
    /// All faults of the body, by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldFault>,
    /// The same text as `detail`, for clients of the older jobs API.
    pub error: String,
    /// Only of type `/problems/quota-exceeded`: the quota, which is `api_calls`, `simulations` or
    /// `cost`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<String>,
    /// Only of type `/problems/over-budget`: the cap of the batch in dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_cap_usd: Option<f64>,
}
