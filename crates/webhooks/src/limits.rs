//! How much of everything there may be.

use std::time::Duration;

/// Endpoints of a user.
pub const ENDPOINTS_PER_USER_MAX: usize = 32;
/// Endpoints of all users.
pub const ENDPOINTS_MAX: usize = 20_000;
/// Pending deliveries of a user. An event beyond it is recorded, and not sent.
pub const PENDING_PER_USER_MAX: usize = 10_000;
/// Pending deliveries of all users.
pub const PENDING_MAX: usize = 200_000;
/// Deliveries of a user that have ended. Then the oldest makes room.
pub const ENDED_PER_USER_MAX: usize = 1_000;
/// Deliveries of all users that have ended.
pub const ENDED_MAX: usize = 100_000;
/// How long a delivery is kept after its end.
pub const ENDED_KEPT: Duration = Duration::from_hours(7 * 24);
/// Deliveries that one call of [`expire`](crate::Webhooks::expire) ends or forgets.
pub const EXPIRED_AT_ONCE_MAX: usize = 500;

/// Attempts at the same time.
pub const ATTEMPTS_MAX: usize = 64;
/// Attempts at the same time for one user, so that no user's receivers hold up those of others.
pub const ATTEMPTS_PER_USER_MAX: usize = 8;
/// Attempts at the same time to one endpoint, so that none holds up the user's other ones.
pub const ATTEMPTS_PER_ENDPOINT_MAX: usize = 4;

/// The outcome of an attempt, for people.
pub const OUTCOME_CHARS_MAX: usize = 256;
