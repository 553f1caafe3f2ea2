//! Webhooks: which events are sent where and when.
//!
//! * [`webhooks`]: the coordinator's state machine of endpoints and deliveries. Begin here.
//! * [`endpoint`]: a URL of a user. [`delivery`]: an event on its way to it.
//! * [`retry`]: when a failed attempt is repeated, and when an endpoint is disabled.
//! * [`reach`]: the addresses to which a cluster may connect.
//! * [`signature`]: the headers of a request, as Standard Webhooks says.
//! * [`records`]: the durable records. [`refusal`]: why a call is refused.
//! * [`limits`]: how much of everything there may be.
//!
//! Everything here is a pure function of its inputs: time and randomness are passed in. The
//! coordinator resolves names, sends the requests, and encodes the records. What a request asks
//! for, and what a webhook says, is defined in `carlo_types`.

pub mod delivery;
pub mod endpoint;
pub mod limits;
pub mod reach;
pub mod records;
pub mod refusal;
pub mod retry;
pub mod signature;
pub mod webhooks;

pub use delivery::{Delivery, DeliveryState};
pub use endpoint::{Disabled, Endpoint};
pub use reach::{Allowed, Reach, Refused};
pub use records::{Change, DefaultHook, Hook, Record, RecordId};
pub use refusal::Refusal;
pub use retry::{Outcome, Verdict};
pub use webhooks::{Attempt, Filter, Fresh, NewEvent, Subscription, Webhooks};

/// A time as RFC 3339 text, like `2026-11-28T23:59:49.123Z`.
pub fn rfc3339(at: carlo_types::Timestamp) -> String {
    let at = i64::try_from(at.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.unwrap_or(jiff::Timestamp::MAX).to_string()
}
