//! Why a caller may not do something now, and the corresponding fault for every interface.

use carlo_types::fault::Limit;
use carlo_types::{Fault, FaultCode, FieldFault, Money};

use crate::rate::Window;
use crate::tiers::Tier;

/// A refusal. Its text is for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants and their fields")]
pub enum Refusal {
    /// The caller is unknown: 401.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// The caller is known but lacks the permission: 403.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The request breaks a rule: 400, with every invalid field.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldFault>),
    /// There is no such key: 404.
    #[error("there is no such key")]
    NoSuchKey,
    /// It is the only key of use with the role admin: 409.
    #[error("it is the last key with the role admin: make another one before you revoke it")]
    LastAdminKey,
    /// There is no such join token: 404.
    #[error("there is no such join token")]
    NoSuchJoinToken,
    /// A join token with this id or this text exists: 409.
    #[error("this join token exists already")]
    JoinTokenExists,
    /// A key with this id or this secret exists: 409.
    #[error("this key exists already")]
    KeyExists,
    /// The cluster is at a limit where an operator can make room: 503.
    #[error("{0}")]
    Full(&'static str),
    /// Too many calls: 429.
    #[error("the rate limit of {limit} {window} is reached; try again in {retry_after_seconds} s")]
    RateLimited {
        /// The window whose limit is reached; if there are several, the one with the longest wait.
        window: Window,
        /// Calls allowed in the window.
        limit: u32,
        /// How long until a call will be admitted if none is made before.
        retry_after_seconds: u64,
    },
    /// A monthly quota is exceeded: 429, type `quota-exceeded`.
    #[error(
        "the monthly quota of the tier {tier} is exceeded: {quota}, {used} used of {limit}, {wanted} more wanted"
    )]
    QuotaExceeded {
        quota: Quota,
        /// The user's tier.
        tier: Tier,
        /// How much is used or reserved for open jobs, with its unit.
        used: String,
        /// The quota, with its unit.
        limit: String,
        /// How much the request needs in addition, with its unit.
        wanted: String,
        /// How long until the next period begins.
        retry_after_seconds: u64,
    },
    /// The user is at a limit of the tier: 429, type `quota-exceeded`.
    #[error("the tier {tier} allows {limit} {capacity}")]
    CapacityUsedUp { capacity: Capacity, tier: Tier, limit: u64 },
    /// The batch's budget cap is too low: 402.
    #[error("the budget cap of ${cap} does not allow it: ${needed} would be needed")]
    OverBudget {
        cap: Money,
        /// The lowest cap that would be enough.
        needed: Money,
    },
}

impl Refusal {
    /// After how many seconds to try again, for `Retry-After`.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after_seconds, .. }
            | Self::QuotaExceeded { retry_after_seconds, .. } => Some(*retry_after_seconds),
            Self::CapacityUsedUp { capacity, .. } => Some(capacity.retry_after_seconds()),
            _ => None,
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let (message, retry_after_seconds) = (refusal.to_string(), refusal.retry_after_seconds());
        let code = match refusal {
            Refusal::Invalid(fields) => return Self::invalid(fields),
            Refusal::Unauthenticated(_) => FaultCode::Unauthenticated,
            Refusal::Forbidden(_) => FaultCode::Forbidden,
            Refusal::NoSuchKey | Refusal::NoSuchJoinToken => FaultCode::NotFound,
            Refusal::KeyExists | Refusal::JoinTokenExists | Refusal::LastAdminKey => FaultCode::Conflict,
            Refusal::Full(_) => FaultCode::Exhausted,
            Refusal::RateLimited { .. } => FaultCode::RateLimited,
            Refusal::QuotaExceeded { .. } | Refusal::CapacityUsedUp { .. } => FaultCode::QuotaExceeded,
            Refusal::OverBudget { .. } => FaultCode::OverBudget,
        };
        let limit = match refusal {
            Refusal::QuotaExceeded { quota, .. } => Some(Limit::Quota(quota.as_str().to_owned())),
            Refusal::CapacityUsedUp { capacity, .. } => Some(Limit::Quota(capacity.as_str().to_owned())),
            Refusal::OverBudget { cap, .. } => {
                Some(Limit::BudgetCap { nanodollars: u64::try_from(cap.nanos()).unwrap_or(u64::MAX) })
            }
            _ => None,
        };
        Self { retry_after_seconds, limit, ..Self::new(code, message) }
    }
}

/// What is wrong with a caller's key, or a worker's join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants and their fields")]
pub enum Unauthenticated {
    /// The request has no key. The interfaces that look for the key report this.
    #[error("an API key is needed")]
    Missing,
    /// The text doesn't have the form of a key.
    #[error("the API key is malformed: expected \"carlo_\" and 64 hexadecimal digits")]
    Malformed,
    #[error("the API key is unknown")]
    Unknown,
    #[error("the API key is revoked")]
    Revoked,
    /// Its time is over.
    #[error("the API key has expired")]
    Expired,
    /// A worker has none.
    #[error("a worker joins this cluster with its token: start it with --join-token-file")]
    JoinTokenMissing,
    /// The cluster has no such token.
    #[error("the worker's join token is not this cluster's")]
    JoinTokenUnknown,
    /// It was taken back.
    #[error("the worker's join token is revoked")]
    JoinTokenRevoked,
    /// Its time is over.
    #[error("the worker's join token has expired")]
    JoinTokenExpired,
}

/// A resource of which a user may have a limited amount at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// Jobs that wait or run.
    OpenJobs,
    /// Streams and long polls.
    Streams,
    /// Bytes that jobs and batches occupy in the ledger.
    StoredBytes,
}

impl Capacity {
    /// Its name in the tiers file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenJobs => "open_jobs",
            Self::Streams => "streams_at_once",
            Self::StoredBytes => "stored_bytes",
        }
    }

    /// After how many seconds to try again.
    fn retry_after_seconds(self) -> u64 {
        match self {
            Self::OpenJobs | Self::Streams => 5,
            Self::StoredBytes => 3_600,
        }
    }
}

impl std::fmt::Display for Capacity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OpenJobs => "open jobs at once",
            Self::Streams => "streams and waiting calls at once",
            Self::StoredBytes => {
                "bytes in the ledger; jobs that have ended make room once they are deleted or expire"
            }
        })
    }
}

/// What a monthly quota limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Quota {
    /// API calls.
    ApiCalls,
    Simulations,
    Cost,
}

impl Quota {
    /// Its name, and the prefix of the fields in a usage report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiCalls => "api_calls",
            Self::Simulations => "simulations",
            Self::Cost => "cost",
        }
    }
}

impl std::fmt::Display for Quota {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
