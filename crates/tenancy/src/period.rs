//! The periods of quotas: calendar months in UTC.
//!
//! A period depends only on the calendar time that is passed in. If a machine's calendar jumps back
//! over the end of a month, calls count in the earlier month until it has caught up. Each call
//! still counts once, and a calendar that jumped ahead by years does no lasting harm.

use std::fmt;
use std::str::FromStr;

use carlo_types::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::Offset;

/// A calendar month in UTC. Ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    first_day: Date,
}

/// The text is not a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a period has the form YYYY-MM")]
pub struct ParsePeriodError;

impl Period {
    /// The period that contains `wall`.
    pub fn of(wall: Timestamp) -> Self {
        Self { first_day: utc_day(wall).first_of_month() }
    }

    /// The period before it. The first period of the calendar is its own predecessor.
    #[must_use]
    pub fn previous(self) -> Self {
        self.first_day.yesterday().map_or(self, |last_day| Self { first_day: last_day.first_of_month() })
    }

    /// The period after it. December 9999, where calendars end, is its own successor.
    #[must_use]
    fn next(self) -> Self {
        self.first_day.last_of_month().tomorrow().map_or(self, |first_day| Self { first_day })
    }

    /// The number of its days after the day of `wall`: 0 on its last day and later.
    pub fn days_remaining(self, wall: Timestamp) -> u32 {
        let day = utc_day(wall);
        let last_day = self.first_day.last_of_month();
        day.until(last_day).ok().and_then(|span| u32::try_from(span.get_days()).ok()).unwrap_or(0)
    }

    /// Seconds from `wall` until the next period begins, rounded up; at least 1.
    pub fn seconds_remaining(self, wall: Timestamp) -> u64 {
        let end = Offset::UTC.to_timestamp(self.next().first_day.at(0, 0, 0, 0));
        let end_ms = end.map_or(0, |end| u64::try_from(end.as_millisecond()).unwrap_or(0));
        end_ms.saturating_sub(wall.0).div_ceil(1_000).max(1)
    }
}

fn utc_day(wall: Timestamp) -> Date {
    let at = i64::try_from(wall.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    Offset::UTC.to_datetime(at.unwrap_or(jiff::Timestamp::MAX)).date()
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first_day.year(), self.first_day.month())
    }
}

impl FromStr for Period {
    type Err = ParsePeriodError;

    fn from_str(text: &str) -> Result<Self, ParsePeriodError> {
        let is_plain = text.len() == 7 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let (year, month) = text.split_once('-').filter(|_| is_plain).ok_or(ParsePeriodError)?;
        let numbers = year.parse().ok().zip(month.parse().ok());
        let (year, month) = numbers.filter(|_| year.len() == 4).ok_or(ParsePeriodError)?;
        let first_day = Date::new(year, month, 1).map_err(|_| ParsePeriodError)?;
        Ok(Self { first_day })
    }
}

impl Default for Period {
    /// January 1970, where timestamps begin.
    fn default() -> Self {
        Self { first_day: date(1970, 1, 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let at: jiff::Timestamp = text.parse().unwrap();
        Timestamp(at.as_millisecond().try_into().unwrap())
    }

    fn period(text: &str) -> Period {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_is_a_month_in_utc() {
        for (wall, wanted) in [
            ("2026-11-21T20:37:56Z", "2026-11"),
            ("2026-11-30T23:59:59.999Z", "2026-11"),
            ("2026-12-01T00:00:00Z", "2026-12"),
            ("2027-01-01T00:30:00+01:00", "2026-12"),
            ("1970-01-01T00:00:00Z", "1970-01"),
        ] {
            assert_eq!(Period::of(at(wall)).to_string(), wanted);
        }
        assert_eq!(Period::of(Timestamp::default()), Period::default());
    }

    #[test]
    fn days_remaining_are_those_after_today() {
        for (wall, days) in [
            ("2026-11-01T00:00:00Z", 29),
            ("2026-11-21T20:37:56Z", 9),
            ("2026-11-30T23:59:59Z", 0),
            ("2028-02-01T12:00:00Z", 28),
            ("2027-02-01T12:00:00Z", 27),
        ] {
            assert_eq!(Period::of(at(wall)).days_remaining(at(wall)), days, "{wall}");
        }
        assert_eq!(period("2026-11").days_remaining(at("2026-12-05T00:00:00Z")), 0);
    }

    #[test]
    fn seconds_remaining_round_up() {
        for (wall, seconds) in [
            ("2026-11-30T23:59:59Z", 1),
            ("2026-11-30T23:59:59.999Z", 1),
            ("2026-11-30T23:59:58.999Z", 2),
            ("2026-12-31T00:00:00Z", 86_400),
        ] {
            assert_eq!(Period::of(at(wall)).seconds_remaining(at(wall)), seconds, "{wall}");
        }
        assert_eq!(period("2026-11").seconds_remaining(at("2027-01-01T00:00:00Z")), 1);
    }

    #[test]
    fn periods_follow_each_other() {
        assert_eq!(period("2027-01").previous(), period("2026-12"));
        assert_eq!(period("2026-12").next(), period("2027-01"));
        assert!(period("2026-12") < period("2027-01"));
        assert_eq!(period("9999-12").next(), period("9999-12"));
    }

    #[test]
    fn no_timestamp_is_too_large() {
        let wall = Timestamp(u64::MAX);
        assert_eq!(Period::of(wall).to_string(), "9999-12");
        assert_eq!((Period::of(wall).days_remaining(wall), Period::of(wall).seconds_remaining(wall)), (1, 1));
    }

    #[test]
    fn what_is_no_period_is_refused() {
        assert_eq!(period("2026-11").to_string(), "2026-11");
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-11",
            "2026-11-01",
            "-026-11",
            "+026-11",
            "202-111",
        ] {
            assert_eq!(text.parse::<Period>(), Err(ParsePeriodError), "{text}");
        }
    }
}
