//! What a user has used in a period, and how that compares with the tier's quotas.
//!
//! [`Usage`] is a sum: adding to it commutes, and what is kept is the sum itself, so writing a
//! record twice is writing it once. That each event is added once is the work of
//! [`crate::tenancy`].

use carlo_types::{Bill, Money, OwnerId, Timestamp};

use crate::metering::Ended;
use crate::period::Period;
use crate::refusal::Quota;
use crate::tiers::{Tier, TierLimits};

/// What a user has used in a period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// Calls that were admitted.
    pub calls: u64,
    /// Jobs that were admitted. A job counts even if it is cancelled before it starts.
    pub jobs: u64,
    /// Those of them that completed.
    pub completed: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Those of them that were cancelled.
    pub cancelled: u64,
    /// Tokens of those that have ended.
    pub tokens: u64,
    /// What these cost.
    pub cost: Money,
}

impl Usage {
    /// Counts the end of a job.
    pub(crate) fn add_end(&mut self, ended: Ended, bill: Bill) {
        let count = match ended {
            Ended::Completed => &mut self.completed,
            Ended::Failed => &mut self.failed,
            Ended::Cancelled => &mut self.cancelled,
        };
        *count += 1;
        self.tokens = self.tokens.saturating_add(bill.tokens);
        self.cost = self.cost.plus(bill.cost);
    }
}

/// How much of something there is in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance<T> {
    /// What is used.
    pub used: T,
    /// What there is; `None` is no limit.
    pub limit: Option<T>,
    /// What is left of it.
    pub remaining: Option<T>,
}

impl Allowance<u64> {
    fn of_count(used: u64, limit: Option<u64>) -> Self {
        Self { used, limit, remaining: limit.map(|limit| limit.saturating_sub(used)) }
    }
}

impl Allowance<Money> {
    fn of_money(used: Money, limit: Option<Money>) -> Self {
        Self { used, limit, remaining: limit.map(|limit| limit.less(used)) }
    }
}

/// A user's current period, as they may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    /// Who.
    pub user: OwnerId,
    /// Whose limits are shown.
    pub tier: Tier,
    /// The current period.
    pub period: Period,
    /// How many days of it come after today.
    pub days_remaining: u32,
    /// Everything that was counted.
    pub usage: Usage,
    /// Calls.
    pub calls: Allowance<u64>,
    /// Jobs.
    pub jobs: Allowance<u64>,
    /// Money, as far as it is spent.
    pub cost: Allowance<Money>,
    /// What is held for open jobs, on top of what is spent: as much less can be submitted.
    pub held: Money,
    /// Jobs of a batch.
    pub batch_size: u32,
    /// The quotas of which nothing is left.
    pub exceeded: Vec<Quota>,
}

impl UsageReport {
    /// The report of `usage` in the period of `wall`.
    pub(crate) fn new(
        (user, tier): (OwnerId, Tier),
        limits: &TierLimits,
        usage: Usage,
        held: Money,
        wall: Timestamp,
    ) -> Self {
        let period = Period::of(wall);
        let calls = Allowance::of_count(usage.calls, limits.calls_per_month);
        let jobs = Allowance::of_count(usage.jobs, limits.jobs_per_month);
        let cost = Allowance::of_money(usage.cost, limits.cost_per_month);
        let exceeded = [
            (Quota::ApiCalls, calls.remaining == Some(0)),
            (Quota::Simulations, jobs.remaining == Some(0)),
            (Quota::Cost, cost.remaining == Some(Money::ZERO)),
        ];
        Self {
            user,
            tier,
            period,
            days_remaining: period.days_remaining(wall),
            calls,
            jobs,
            cost,
            held,
            batch_size: limits.batch_size,
            exceeded: exceeded.into_iter().filter_map(|(quota, is)| is.then_some(quota)).collect(),
            usage,
        }
    }

    /// Which quotas are used up, in a sentence; `None` if none is.
    pub fn quota_exceeded_reason(&self) -> Option<String> {
        let names: Vec<&str> = self.exceeded.iter().map(|quota| quota.as_str()).collect();
        (!names.is_empty()).then(|| {
            format!(
                "the quota of {} for {} in the tier {} is used up",
                names.join(", "),
                self.period,
                self.tier
            )
        })
    }
}
