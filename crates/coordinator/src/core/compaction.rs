//! Compacts the ledger's file when nobody has committed for a while. Commits would wait for it.

use std::sync::Arc;
use std::time::Duration;

use carlo_store::Ledger;

use super::Core;

/// How long nothing must have been committed.
const IDLE: Duration = Duration::from_secs(10);

/// When the ledger was written, and whether it has been compacted since.
#[derive(Debug, Default)]
pub(super) struct Idleness {
    written_at: Duration,
    is_compacted: bool,
}

impl Idleness {
    /// Records a commit.
    pub(super) fn written(&mut self, now: Duration) {
        *self = Self { written_at: now, is_compacted: false };
    }

    /// Whether the ledger should be compacted now: once in every idle time.
    fn is_due(&mut self, now: Duration) -> bool {
        let is_due = !self.is_compacted && now.saturating_sub(self.written_at) >= IDLE;
        self.is_compacted |= is_due;
        is_due
    }
}

impl Core {
    /// Has the ledger compacted if it is idle. The core doesn't wait for it.
    pub(super) fn compact_when_idle(&mut self) {
        if self.idleness.is_due(self.clock.now().elapsed) {
            tokio::spawn(compact(Arc::clone(&self.ledger)));
        }
    }
}

async fn compact(ledger: Arc<dyn Ledger>) {
    match ledger.compact().await {
        Ok(Some(done)) => {
            let (before, after) = (done.bytes_before, done.bytes_after);
            tracing::info!(bytes_before = before, bytes_after = after, took = ?done.took, "ledger compacted");
        }
        Ok(None) => {}
        // If the ledger is of no use any more, the next commit says so.
        Err(error) => tracing::warn!(error = %anyhow::Error::from(error), "failed to compact the ledger"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_once_in_every_idle_time() {
        let at = Duration::from_secs;
        let mut idleness = Idleness::default();
        assert_eq!([9, 10, 11, 100].map(|now| idleness.is_due(at(now))), [false, true, false, false]);
        idleness.written(at(100));
        assert_eq!([101, 109, 110, 111].map(|now| idleness.is_due(at(now))), [false, false, true, false]);
    }
}
