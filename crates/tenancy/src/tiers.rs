//! The tiers and their limits. The defaults are here; [`crate::terms`] reads what an operator
//! overrides.

use carlo_types::Money;
use std::fmt;

/// Days for which ended jobs are kept.
const RETENTION_DAYS_DEFAULT: u32 = 30;

/// A key's tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[expect(missing_docs, reason = "the words are the contract's")]
pub enum Tier {
    #[default]
    Free,
    Basic,
    Pro,
    Enterprise,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 4] = [Self::Free, Self::Basic, Self::Pro, Self::Enterprise];

    /// Its name in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Basic => "basic",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }

    /// The tier with this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == word)
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The limits of a tier. `None` is no limit.
#[derive(Debug, Clone, PartialEq)]
pub struct TierLimits {
    /// Calls in any interval of a second.
    pub calls_per_second: Option<u32>,
    /// Calls in any interval of a minute.
    pub calls_per_minute: Option<u32>,
    /// Calls in any interval of an hour.
    pub calls_per_hour: Option<u32>,
    /// Running jobs of a user; further ones wait in the queue. Enforced by the scheduler.
    pub jobs_at_once: Option<u32>,
    /// Calls in a period.
    pub calls_per_month: Option<u64>,
    /// Jobs submitted in a period.
    pub jobs_per_month: Option<u64>,
    /// Total cost of the jobs submitted in a period.
    pub cost_per_month: Option<Money>,
    /// Jobs in a batch.
    pub batch_size: u32,
    /// Jobs of a user that wait or run.
    pub open_jobs: Option<u32>,
    /// Simultaneous streams and long polls of a user.
    pub streams_at_once: Option<u32>,
    /// Bytes that the jobs and batches of a user occupy in the ledger until they are forgotten.
    pub stored_bytes: Option<u64>,
    /// Days for which an ended job of a user is kept. Enforced by the scheduler.
    pub retention_days: Option<u32>,
    /// Ended jobs of a user that are kept. Enforced by the scheduler.
    pub retained_jobs: Option<u32>,
    /// A user's share of the cluster relative to other users, while they also have work. Enforced
    /// by the scheduler.
    pub weight: f64,
}

impl TierLimits {
    /// The default limits of a tier.
    pub fn default_of(tier: Tier) -> Self {
        let (second, minute, hour, batch_size) = match tier {
            Tier::Free => (2, 10, 100, 5),
            Tier::Basic => (5, 60, 1_000, 20),
            Tier::Pro => (20, 300, 10_000, 50),
            Tier::Enterprise => (50, 1_000, 100_000, 100),
        };
        let (open_jobs, streams, stored_mib) = match tier {
            Tier::Free => (100, 10, 64),
            Tier::Basic => (1_000, 25, 256),
            Tier::Pro => (10_000, 100, 1_024),
            Tier::Enterprise => (50_000, 400, 8_192),
        };
        let retained_jobs = match tier {
            Tier::Free => 1_000,
            Tier::Basic => 5_000,
            Tier::Pro => 20_000,
            Tier::Enterprise => 100_000,
        };
        let (at_once, calls, jobs, dollars) = match tier {
            Tier::Free => (Some(1), Some(1_000), Some(10), Some(1)),
            Tier::Basic => (Some(3), Some(10_000), Some(100), Some(10)),
            Tier::Pro => (Some(10), Some(100_000), Some(1_000), Some(100)),
            Tier::Enterprise => (None, None, None, None),
        };
        Self {
            calls_per_second: Some(second),
            calls_per_minute: Some(minute),
            calls_per_hour: Some(hour),
            jobs_at_once: at_once,
            calls_per_month: calls,
            jobs_per_month: jobs,
            cost_per_month: dollars.map(Money::from_whole_dollars),
            batch_size,
            open_jobs: Some(open_jobs),
            streams_at_once: Some(streams),
            stored_bytes: Some(stored_mib << 20),
            retention_days: Some(RETENTION_DAYS_DEFAULT),
            retained_jobs: Some(retained_jobs),
            weight: 1.0,
        }
    }
}
