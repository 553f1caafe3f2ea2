//! Who may use a cluster, and for how much.
//!
//! * [`tenancy`]: the coordinator's state machine: admits calls and jobs, reserves and settles
//!   costs. Begin here.
//! * [`keys`]: secrets, keys, roles, callers. [`join_tokens`]: what workers join with.
//! * [`tiers`] and [`terms`]: the limits of each tier, and the file that overrides them.
//! * [`rate`]: rate limits per second, minute and hour.
//! * [`period`]: the calendar months of quotas.
//! * [`metering`], [`budget`]: how much of a user's quota is reserved for open jobs and batches.
//! * [`usage`] and `accounts`: what every user has used.
//! * [`records`]: the durable records.
//! * [`refusal`]: why a call is refused.
//!
//! Everything here is a pure function of its inputs: time and randomness are passed in. The
//! scheduler enforces how many jobs run at once. The coordinator encodes records, and the
//! interfaces present refusals.

mod accounts;
pub mod budget;
pub mod join_tokens;
pub mod keys;
pub mod metering;
pub mod period;
pub mod rate;
pub mod records;
pub mod refusal;
pub mod tenancy;
pub mod terms;
pub mod tiers;
pub mod usage;

pub use accounts::PAST_PERIODS_MAX;
pub use budget::Budget;
pub use join_tokens::{JoinToken, JoinTokenId};
pub use keys::{Caller, Key, KeyHash, KeyId, Role, Secret};
pub use metering::{Charge, Ended};
pub use period::Period;
pub use rate::{PolicyStatus, RateStatus, Window};
pub use records::{Change, Record, RecordId};
pub use refusal::{Capacity, Quota, Refusal, Unauthenticated};
pub use tenancy::{Admission, Contradiction, NewBatch, NewKey, PeriodUsage, Tenancy};
pub use terms::Terms;
pub use tiers::{Tier, TierLimits};
pub use usage::{Allowance, Usage, UsageReport};
