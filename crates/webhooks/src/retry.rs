//! When a failed attempt is repeated, and when an endpoint is disabled.
//!
//! | attempt | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 and so on |
//! |---|---|---|---|---|---|---|---|---|---|
//! | about, after the one before | at once | 5 s | 15 s | 45 s | 2 min | 7 min | 20 min | 1 h | 2 h |
//!
//! Each pause is up to a fifth longer or shorter by chance, so that what failed together is not
//! repeated together. A delivery is given up a day after its event.

use std::time::Duration;

use carlo_types::Timestamp;

use crate::endpoint::Endpoint;

/// The pause after the first failure.
pub const PAUSE_MIN: Duration = Duration::from_secs(5);
/// The longest pause.
pub const PAUSE_MAX: Duration = Duration::from_hours(2);
/// How much longer a pause is than the one before.
const GROWTH: u32 = 3;
/// How much shorter or longer a pause may be than planned.
const JITTER: f64 = 0.2;
/// How long a delivery is attempted.
pub const ATTEMPTED_FOR: Duration = Duration::from_hours(24);
/// How long all attempts must have failed before an endpoint is disabled.
pub const DISABLED_AFTER: Duration = Duration::from_hours(12);
/// How many attempts must have failed in a row before an endpoint is disabled.
pub const DISABLED_AFTER_FAILURES: u32 = 10;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What follows from it.
    pub verdict: Verdict,
    /// The HTTP status, if there was a response.
    pub status: Option<u16>,
    /// For people.
    pub words: String,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The endpoint has confirmed the delivery.
    Delivered,
    /// The endpoint wants no deliveries any more: `410 Gone`.
    Gone,
    /// It is attempted again; not before this time, if the endpoint asks for it.
    Failed {
        /// From the response's `Retry-After`.
        retry_after: Option<Duration>,
    },
}

impl Outcome {
    /// The outcome of a response with this status.
    pub fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        let (verdict, words) = match status {
            200..300 => (Verdict::Delivered, format!("confirmed with {status}")),
            410 => (Verdict::Gone, "the endpoint is gone (410)".to_owned()),
            300..400 => (
                Verdict::Failed { retry_after: None },
                format!("refused with {status}: redirects are not followed"),
            ),
            _ => (Verdict::Failed { retry_after }, format!("refused with {status}")),
        };
        Self { verdict, status: Some(status), words }
    }

    /// The outcome of an attempt without a response.
    pub fn unanswered(words: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failed { retry_after: None }, status: None, words: words.into() }
    }
}

/// The pause after this number of failed attempts, at least 1. `chance` is from 0 to 1.
pub fn pause(failures: u32, chance: f64, retry_after: Option<Duration>) -> Duration {
    let growth = GROWTH.saturating_pow(failures.saturating_sub(1));
    let planned = PAUSE_MIN.saturating_mul(growth).min(PAUSE_MAX);
    let pause = planned.mul_f64(1.0 + JITTER * (2.0 * chance.clamp(0.0, 1.0) - 1.0));
    pause.max(retry_after.unwrap_or_default().min(PAUSE_MAX))
}

/// Why an endpoint is to be disabled, if it is.
pub(crate) fn disabled_reason(endpoint: &Endpoint, now: Timestamp) -> Option<String> {
    let failing_for = now.0.saturating_sub(endpoint.failing_since?.0);
    let is_long = u128::from(failing_for) >= DISABLED_AFTER.as_millis();
    (is_long && endpoint.failures >= DISABLED_AFTER_FAILURES).then(|| {
        format!("{} attempts in a row have failed in {} hours", endpoint.failures, failing_for / 3_600_000)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_two_hours() {
        let planned: Vec<_> = (1..=9).map(|failures| pause(failures, 0.5, None).as_secs()).collect();
        assert_eq!(planned, [5, 15, 45, 135, 405, 1_215, 3_645, 7_200, 7_200]);
        assert_eq!(pause(u32::MAX, 0.5, None), PAUSE_MAX);
    }

    #[test]
    fn chance_moves_a_pause_by_at_most_a_fifth() {
        for failures in 1..12 {
            let planned = pause(failures, 0.5, None);
            assert_eq!(pause(failures, 0.0, None), planned.mul_f64(0.8));
            assert_eq!(pause(failures, 1.0, None), planned.mul_f64(1.2));
            assert_eq!(pause(failures, 7.0, None), planned.mul_f64(1.2));
        }
    }

    #[test]
    fn an_endpoint_may_ask_for_a_longer_pause_but_not_for_any() {
        let asked = |seconds| pause(1, 0.5, Some(Duration::from_secs(seconds))).as_secs();
        assert_eq!((asked(1), asked(60), asked(1_000_000)), (5, 60, 7_200));
    }

    #[test]
    fn a_status_says_what_follows() {
        let verdict = |status| Outcome::of_status(status, Some(Duration::from_secs(9))).verdict;
        let failed = |retry_after| Verdict::Failed { retry_after };
        assert_eq!(
            (verdict(200), verdict(204), verdict(299)),
            (Verdict::Delivered, Verdict::Delivered, Verdict::Delivered)
        );
        assert_eq!((verdict(301), verdict(308)), (failed(None), failed(None)));
        assert_eq!(verdict(410), Verdict::Gone);
        for status in [199, 400, 404, 429, 500, 503] {
            assert_eq!(verdict(status), failed(Some(Duration::from_secs(9))), "{status}");
        }
    }
}
