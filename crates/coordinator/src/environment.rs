//! What a coordinator needs from its machine besides the network and the ledger: the calendar and
//! randomness. They are behind a trait so that a simulation can run the coordinator. Passing time
//! is tokio's, which a simulation controls.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use carlo_kernel::Partial;
use carlo_schedule::Scheduler;
use carlo_types::{Now, Timestamp};
use tokio::time::Instant;

/// The machine that a coordinator runs on.
pub trait Environment: Send + Sync + 'static {
    /// The calendar time, which may jump.
    fn wall(&self) -> Timestamp;

    /// Random bits, for ids and for the seeds of requests without one.
    fn random(&self) -> u128;

    /// 256 random bits, for secrets.
    fn secret(&self) -> [u8; 32] {
        let mut bits = [0; 32];
        let (high, low) = bits.split_at_mut(16);
        high.copy_from_slice(&self.random().to_be_bytes());
        low.copy_from_slice(&self.random().to_be_bytes());
        bits
    }

    /// Whether reports of workers are checked against the specification. A simulation switches this
    /// off to test the other checks.
    fn checks_reports(&self) -> bool {
        true
    }

    /// Examines the scheduler after each commit. Only a simulation does this.
    fn audit(&self, _scheduler: &Scheduler<Partial>) {}
}

/// The calendar and the random source of the machine that this process runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    fn wall(&self) -> Timestamp {
        // A calendar before 1970 means that the machine has no clock. Its jobs get the date
        // 1970-01-01.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX))
    }

    fn random(&self) -> u128 {
        rand::random()
    }
}

/// The time in the form that the scheduler needs.
pub(crate) struct Clock {
    start: Instant,
    environment: Arc<dyn Environment>,
}

impl Clock {
    /// A clock whose elapsed time starts now.
    pub(crate) fn start(environment: Arc<dyn Environment>) -> Self {
        Self { start: Instant::now(), environment }
    }

    pub(crate) fn now(&self) -> Now {
        Now { elapsed: self.start.elapsed(), wall: self.environment.wall() }
    }
}
