//! What goes on failing is said once, and again from time to time: a log in which every attempt stands says less than one with the changes.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// After this time a complaint is news again.
const REMINDER: Duration = Duration::from_mins(1);
/// Complaints that are remembered. One more, and all are news again.
const COMPLAINTS_MAX: usize = 16;

/// What somebody has complained of lately.
#[derive(Debug, Default)]
pub struct Complaints(BTreeMap<String, Instant>);

impl Complaints {
    /// Whether this wasn't said within the last minute. Then it counts as said now.
    pub fn is_news(&mut self, words: &str) -> bool {
        let now = Instant::now();
        if self.0.get(words).is_some_and(|said| now.duration_since(*said) < REMINDER) {
            return false;
        }
        if self.0.len() >= COMPLAINTS_MAX {
            self.0.clear();
        }
        self.0.insert(words.to_owned(), now);
        true
    }

    /// All is well: whatever fails next is news.
    pub fn settle(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_words_are_news_once_a_minute_and_after_all_was_well() {
        let mut complaints = Complaints::default();
        assert!(complaints.is_news("a") && complaints.is_news("b"));
        tokio::time::advance(REMINDER / 2).await;
        assert!(!complaints.is_news("a"));
        tokio::time::advance(REMINDER / 2).await;
        assert!(complaints.is_news("a") && !complaints.is_news("a"));
        complaints.settle();
        assert!(complaints.is_news("a"));
        for number in 0..COMPLAINTS_MAX {
            assert!(complaints.is_news(&number.to_string()));
        }
        assert!(complaints.0.len() <= COMPLAINTS_MAX);
    }
}
