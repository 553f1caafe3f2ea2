//! Who may use a cluster, and for how much.
//!
//! * [`tenancy`]: the state machine that the coordinator asks: calls and jobs are admitted, costs reserved and settled. Begin here.
//! * [`keys`]: secrets, keys, roles, callers.
//! * [`tiers`] and [`terms`]: the limits of each tier, and the file that overrides them.
//! * [`rate`]: calls in any second, minute, hour.
//! * [`period`]: the calendar months that quotas hold for.
//! * [`metering`], [`budget`]: what is held of a user's month for open jobs and batches.
//! * [`usage`] and `accounts`: what everybody has used.
//! * [`records`]: what must be durable.
//! * [`refusal`]: why somebody may not.
//!
//! Everything here is a pure function of its inputs: time and randomness are passed in. How many jobs run at once is for the
//! scheduler to enforce; how records are encoded and what a refusal looks like on the wire, for the doors.

mod accounts;
pub mod budget;
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
pub use keys::{Caller, Key, KeyHash, KeyId, Role, Secret};
pub use metering::{Charge, Ended};
pub use period::Period;
pub use rate::{PolicyStatus, RateStatus, Window};
pub use records::{Change, Record, RecordId};
pub use refusal::{Quota, Refusal, Share, Unauthenticated};
pub use tenancy::{Admission, Contradiction, NewBatch, NewKey, PeriodUsage, Tenancy};
pub use terms::Terms;
pub use tiers::{Tier, TierLimits};
pub use usage::{Allowance, Usage, UsageReport};
