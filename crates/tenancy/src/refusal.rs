//! Why a caller may not do something now, and the fault that says so on any interface.

use carlo_types::fault::Limit;
use carlo_types::{Fault, FaultCode, FieldFault, Money};

use crate::rate::Window;
use crate::tiers::Tier;

/// A refusal. Its text is for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody knows who calls: 401.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// It is known who calls, and they may not: 403.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The request breaks a rule: 400, with every field at fault.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldFault>),
    /// There is no such key: 404.
    #[error("there is no such key")]
    NoSuchKey,
    /// A key with this id or this secret exists: 409.
    #[error("this key exists already")]
    KeyExists,
    /// Something is full that an operator can make room in: 503.
    #[error("{0}")]
    Full(&'static str),
    /// Too many calls: 429.
    #[error("the rate limit of {limit} {window} is reached; try again in {retry_after_seconds} s")]
    RateLimited {
        /// In which time; where several limits are reached, the one that must be waited for
        /// longest.
        window: Window,
        /// How many calls that time has.
        limit: u32,
        /// After how long a call will be admitted if none is made before.
        retry_after_seconds: u64,
    },
    /// A month's quota doesn't reach: 429, type `quota-exceeded`.
    #[error(
        "the monthly quota of the tier {tier} is exceeded: {quota}, {used} used of {limit}, {wanted} more wanted"
    )]
    QuotaExceeded {
        /// Which.
        quota: Quota,
        /// Whose tier it is.
        tier: Tier,
        /// How much of it is used or held for open jobs, with its unit.
        used: String,
        /// How much there is.
        limit: String,
        /// How much more would have been needed.
        wanted: String,
        /// After how long the next period begins.
        retry_after_seconds: u64,
    },
    /// A user has as much at once as the tier allows: 429, type `quota-exceeded`.
    #[error("the tier {tier} allows {limit} {share}")]
    ShareUsedUp {
        /// What.
        share: Share,
        /// The user's tier.
        tier: Tier,
        /// How much it allows.
        limit: u64,
    },
    /// A batch's budget doesn't reach: 402.
    #[error("the budget cap of ${cap} does not allow it: ${needed} would be needed")]
    OverBudget {
        /// The cap.
        cap: Money,
        /// What the cap would have to be at least.
        needed: Money,
    },
}

impl Refusal {
    /// After how many seconds it is worth trying again, for `Retry-After`.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after_seconds, .. }
            | Self::QuotaExceeded { retry_after_seconds, .. } => Some(*retry_after_seconds),
            Self::ShareUsedUp { share, .. } => Some(share.retry_after_seconds()),
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
            Refusal::NoSuchKey => FaultCode::NotFound,
            Refusal::KeyExists => FaultCode::Conflict,
            Refusal::Full(_) => FaultCode::Exhausted,
            Refusal::RateLimited { .. } => FaultCode::RateLimited,
            Refusal::QuotaExceeded { .. } | Refusal::ShareUsedUp { .. } => FaultCode::QuotaExceeded,
            Refusal::OverBudget { .. } => FaultCode::OverBudget,
        };
        let limit = match refusal {
            Refusal::QuotaExceeded { quota, .. } => Some(Limit::Quota(quota.as_str().to_owned())),
            Refusal::ShareUsedUp { share, .. } => Some(Limit::Quota(share.as_str().to_owned())),
            Refusal::OverBudget { cap, .. } => {
                Some(Limit::BudgetCap { nanodollars: u64::try_from(cap.nanos()).unwrap_or(u64::MAX) })
            }
            _ => None,
        };
        Self { retry_after_seconds, limit, ..Self::new(code, message) }
    }
}

/// What is wrong with a caller's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// There is none; for the doors, which look for it.
    #[error("an API key is needed")]
    Missing,
    /// It isn't a key at all.
    #[error("the API key is malformed: expected \"carlo_\" and 64 hexadecimal digits")]
    Malformed,
    /// Nobody has it.
    #[error("the API key is unknown")]
    Unknown,
    /// It was taken back.
    #[error("the API key is revoked")]
    Revoked,
}

/// What a user may have so much of at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Jobs that wait or run.
    OpenJobs,
    /// Streams, and calls that wait for a change.
    Streams,
    /// What jobs and batches take in the ledger, in bytes.
    StoredBytes,
}

impl Share {
    /// Its name in the file of the tiers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenJobs => "open_jobs",
            Self::Streams => "streams_at_once",
            Self::StoredBytes => "stored_bytes",
        }
    }

    /// When it is worth asking again.
    fn retry_after_seconds(self) -> u64 {
        match self {
            Self::OpenJobs | Self::Streams => 5,
            Self::StoredBytes => 3_600,
        }
    }
}

impl std::fmt::Display for Share {
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

/// What is bounded by the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// Calls of the API.
    ApiCalls,
    /// Jobs.
    Simulations,
    /// Money.
    Cost,
}

impl Quota {
    /// Its name, which the usage's fields begin with.
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
