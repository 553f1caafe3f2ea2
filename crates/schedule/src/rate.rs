//! A rate over the last seconds: an exponentially weighted average in continuous time.

use std::time::Duration;

/// After this many seconds an amount has a weight of 1/e.
const WINDOW_SECONDS: f64 = 3.0;
/// A rate over a shorter time is meaningless.
const AGE_MIN_SECONDS: f64 = 0.05;

/// A rate meter. Its unit is the unit of the added amounts, per second.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Meter {
    since: Duration,
    at: Duration,
    sum: f64,
}

impl Meter {
    /// A meter that starts now.
    pub(crate) fn new(now: Duration) -> Self {
        Self { since: now, at: now, sum: 0.0 }
    }

    /// Adds the amount since the last call.
    pub(crate) fn add(&mut self, amount: f64, now: Duration) {
        self.sum = self.sum * self.decay(now) + amount;
        self.at = self.at.max(now);
    }

    /// The rate per second.
    pub(crate) fn rate(&self, now: Duration) -> f64 {
        let age = now.saturating_sub(self.since).as_secs_f64();
        if age < AGE_MIN_SECONDS {
            return 0.0;
        }
        // In the beginning only `age` seconds were observed: their weights sum to this, not to the
        // whole window.
        let weight = WINDOW_SECONDS * (1.0 - (-age / WINDOW_SECONDS).exp());
        let rate = self.sum * self.decay(now) / weight;
        if rate < 1.0 { 0.0 } else { rate }
    }

    fn decay(&self, now: Duration) -> f64 {
        (-now.saturating_sub(self.at).as_secs_f64() / WINDOW_SECONDS).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_is_measured_from_its_first_seconds_on() {
        let mut meter = Meter::new(Duration::from_secs(7));
        for tenth in 1..=100 {
            let now = Duration::from_secs(7) + Duration::from_millis(100) * tenth;
            meter.add(50.0, now);
            if tenth > 5 {
                assert!((450.0..=600.0).contains(&meter.rate(now)), "{}", meter.rate(now));
            }
        }
        assert_eq!(meter.rate(Duration::from_mins(10)), 0.0);
    }
}
