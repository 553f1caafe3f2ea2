//! What a coordinator takes from its machine beside the network and the ledger: the calendar and
//! randomness. All of it comes in here, so that a simulation can run the coordinator in a world of
//! its own. Time that passes is tokio's, which a simulation controls.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use carlo_kernel::Partial;
use carlo_schedule::Scheduler;
use carlo_types::{Now, Timestamp};
use tokio::time::Instant;

/// The world around a coordinator.
pub trait Environment: Send + Sync + 'static {
    /// The calendar time. It may jump.
    fn wall(&self) -> Timestamp;

    /// Random bits, for ids and for the seeds of requests that give none.
    fn random(&self) -> u128;

    /// 256 random bits, for secrets.
    fn secret(&self) -> [u8; 32] {
        let mut bits = [0; 32];
        let (high, low) = bits.split_at_mut(16);
        high.copy_from_slice(&self.random().to_be_bytes());
        low.copy_from_slice(&self.random().to_be_bytes());
        bits
    }

    /// Whether what workers report is checked against the specification. Not where a simulation tests
    /// what else keeps false reports out.
    fn checks_reports(&self) -> bool {
        true
    }

    /// Looks at the scheduler after each commit. Nobody does unless a simulation audits it.
    fn audit(&self, _scheduler: &Scheduler<Partial>) {}
}

/// The calendar and the random source of the machine that this process runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    fn wall(&self) -> Timestamp {
        // A calendar before 1970 is a machine without a clock; its jobs are dated at the beginning.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX))
    }

    fn random(&self) -> u128 {
        rand::random()
    }
}

/// The time, as the scheduler wants to be told it.
pub(crate) struct Clock {
    start: Instant,
    environment: Arc<dyn Environment>,
}

impl Clock {
    /// A clock of which the time begins now.
    pub(crate) fn start(environment: Arc<dyn Environment>) -> Self {
        Self { start: Instant::now(), environment }
    }

    pub(crate) fn now(&self) -> Now {
        Now { elapsed: self.start.elapsed(), wall: self.environment.wall() }
    }
}
