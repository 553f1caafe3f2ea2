//! The one place that looks at a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use carlo_types::{Now, Timestamp};

/// The machine's clocks, as the scheduler wants to be told the time.
#[derive(Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A clock of which the time begins now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(&self) -> Now {
        // A calendar before 1970 is a machine without a clock; its jobs are dated at the beginning.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            elapsed: self.0.elapsed(),
            wall: Timestamp(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}
