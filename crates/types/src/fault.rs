//! Why something was refused: one small set of codes, which the doors map to gRPC and HTTP in one
//! table each.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A fault of one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FieldError)]
pub struct FieldFault {
    /// Where it is, as a JSON pointer (RFC 6901) into the request; empty for the request as a
    /// whole.
    pub pointer: String,
    /// What is wrong, for a person.
    pub message: String,
}

impl FieldFault {
    /// A fault at `pointer`.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "the request" } else { &self.pointer };
        write!(f, "{pointer} {}", self.message)
    }
}

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultCode {
    /// The request breaks a rule; the fields say which.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// The thing exists, but its state doesn't allow this.
    Conflict,
    /// A limit is reached; it may pass later.
    Exhausted,
    /// It is not known who asks.
    Unauthenticated,
    /// It is known who asks, and they may not.
    Forbidden,
    /// Too many calls in a short time.
    RateLimited,
    /// What a tier allows in a month doesn't reach.
    QuotaExceeded,
    /// A budget doesn't reach.
    OverBudget,
    /// An idempotency key came again with another request.
    KeyReused,
    /// An idempotency key came again while its first request was still being handled.
    KeyInUse,
    /// The other side is of an incompatible version or configuration.
    Incompatible,
    /// Nobody can answer right now; trying again may help.
    Unavailable,
    /// It took too long.
    Timeout,
    /// A bug or a broken disk. The text is for the log, not for the caller.
    Internal,
}

/// The limit that doesn't reach, as a program reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// A month's quota, by its name: `api_calls`, `simulations` or `cost`.
    Quota(String),
    /// The cap of a batch's budget.
    BudgetCap {
        /// Thousand-millionths of a dollar.
        nanodollars: u64,
    },
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What kind.
    pub code: FaultCode,
    /// What happened, in a sentence for a person.
    pub message: String,
    /// Every field at fault, for [`FaultCode::Invalid`].
    pub fields: Vec<FieldFault>,
    /// After how long it is worth trying again, where that is known.
    pub retry_after_seconds: Option<u64>,
    /// Which limit, for [`FaultCode::QuotaExceeded`] and [`FaultCode::OverBudget`].
    pub limit: Option<Limit>,
}

impl Fault {
    /// A fault without fields.
    pub fn new(code: FaultCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new(), retry_after_seconds: None, limit: None }
    }

    /// The fault of a request with these fields at fault.
    pub fn invalid(fields: Vec<FieldFault>) -> Self {
        let message = match fields.as_slice() {
            [only] => only.to_string(),
            many => format!("the request has {} faults", many.len()),
        };
        Self { fields, ..Self::new(FaultCode::Invalid, message) }
    }
}
