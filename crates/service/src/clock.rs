//! The machine's calendar, and what daemons make of each other's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Clocks of daemons that differ by more than this are worth a warning: expiry dates, usage by
/// month and the times in answers follow them.
pub const SKEW_MAX: Duration = Duration::from_secs(2);

/// The machine's clock, milliseconds since 1970; 0 for a clock before that.
pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// How many milliseconds another clock is certainly ahead of this one (or behind, if negative),
/// when it showed `theirs` at some moment between `before` and `after` here.
pub fn skew_ms(before: u64, theirs: u64, after: u64) -> i64 {
    let signed = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
    let (before, theirs, after) = (signed(before), signed(theirs), signed(after));
    if theirs > after {
        theirs - after
    } else if theirs < before {
        theirs - before
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_travel_time_does_not_explain_is_skew() {
        assert_eq!(skew_ms(1_000, 1_500, 2_000), 0);
        assert_eq!(skew_ms(1_000, 1_000, 1_000), 0);
        assert_eq!(skew_ms(1_000, 4_500, 2_000), 2_500);
        assert_eq!(skew_ms(10_000, 4_000, 12_000), -6_000);
    }
}
