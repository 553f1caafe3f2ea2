//! Logs a repeated failure once a minute instead of at every attempt.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// A repeated message is logged again after this time.
const INTERVAL: Duration = Duration::from_mins(1);
/// The number of messages to remember. When there is one more, all are forgotten.
const MESSAGES_MAX: usize = 16;

/// When each recent message was last logged.
#[derive(Debug, Default)]
pub struct LogThrottle(BTreeMap<String, Instant>);

impl LogThrottle {
    /// Whether `message` may be logged now, because it was not logged within the last minute. If
    /// so, it counts as logged.
    pub fn admits(&mut self, message: &str) -> bool {
        let now = Instant::now();
        if self.0.get(message).is_some_and(|logged| now.duration_since(*logged) < INTERVAL) {
            return false;
        }
        if self.0.len() >= MESSAGES_MAX {
            self.0.clear();
        }
        self.0.insert(message.to_owned(), now);
        true
    }

    /// Forgets all messages. Call it after a success, so that the next failure is logged at once.
    pub fn reset(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_message_is_admitted_once_a_minute_and_again_after_a_reset() {
        let mut throttle = LogThrottle::default();
        assert!(throttle.admits("a") && throttle.admits("b"));
        tokio::time::advance(INTERVAL / 2).await;
        assert!(!throttle.admits("a"));
        tokio::time::advance(INTERVAL / 2).await;
        assert!(throttle.admits("a") && !throttle.admits("a"));
        throttle.reset();
        assert!(throttle.admits("a"));
        for number in 0..MESSAGES_MAX {
            assert!(throttle.admits(&number.to_string()));
        }
        assert!(throttle.0.len() <= MESSAGES_MAX);
    }
}
