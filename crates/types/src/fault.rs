//! Faults: a small set of codes, which are mapped to gRPC and to HTTP in one table each.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A fault of one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FieldError)]
pub struct FieldFault {
    /// The JSON pointer (RFC 6901) of the field in the request; empty for the whole request.
    pub pointer: String,
    /// The message, for people.
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

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultCode {
    /// The request is invalid; the fields have the details.
    Invalid,
    /// The requested object doesn't exist.
    NotFound,
    /// The state of the object doesn't allow the request.
    Conflict,
    /// A limit is reached; the request may succeed later.
    Exhausted,
    /// The caller is not authenticated.
    Unauthenticated,
    /// The caller is not allowed to do this.
    Forbidden,
    /// Too many calls in a short time.
    RateLimited,
    /// A monthly quota of the tier is used up.
    QuotaExceeded,
    /// A budget is too small.
    OverBudget,
    /// An idempotency key was used for another request before.
    KeyReused,
    /// The first request with an idempotency key is still in progress.
    KeyInUse,
    /// The other side has an incompatible version or configuration.
    Incompatible,
    /// The service is temporarily unavailable; trying again may help.
    Unavailable,
    /// A deadline is over.
    Timeout,
    /// An internal error, like a bug or a broken disk. The message is for the log, not for the
    /// caller.
    Internal,
}

/// The exceeded limit, in a form for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// The name of a monthly quota: `api_calls`, `simulations` or `cost`.
    Quota(String),
    /// The budget cap of a batch.
    BudgetCap {
        /// The cap in billionths of a dollar.
        nanodollars: u64,
    },
}

/// A fault, which ends a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// The kind.
    pub code: FaultCode,
    /// A message for people.
    pub message: String,
    /// All faulty fields, for [`FaultCode::Invalid`].
    pub fields: Vec<FieldFault>,
    /// The time after which to try again, if it is known.
    pub retry_after_seconds: Option<u64>,
    /// The limit, for [`FaultCode::QuotaExceeded`] and [`FaultCode::OverBudget`].
    pub limit: Option<Limit>,
}

impl Fault {
    /// A fault without fields.
    pub fn new(code: FaultCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new(), retry_after_seconds: None, limit: None }
    }

    /// The fault of a request with these faulty fields.
    pub fn invalid(fields: Vec<FieldFault>) -> Self {
        let message = match fields.as_slice() {
            [only] => only.to_string(),
            many => format!("the request has {} faults", many.len()),
        };
        Self { fields, ..Self::new(FaultCode::Invalid, message) }
    }
}
