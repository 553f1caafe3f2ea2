//! What a user has used in a period, compared with the tier's quotas.
//!
//! [`Usage`] is a sum: additions commute, and the record is the sum itself, so writing it twice has
//! no further effect. [`crate::tenancy`] adds each event once.

use carlo_types::{Bill, Money, OwnerId, Timestamp};

use crate::keys::{Caller, Role};
use crate::metering::Ended;
use crate::period::Period;
use crate::refusal::Quota;
use crate::tiers::{Tier, TierLimits};

/// What a user has used in a period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Usage {
    pub calls: u64,
    /// Jobs that were admitted, including those cancelled before they start.
    pub jobs: u64,
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
    /// Tokens of the jobs that have ended.
    pub tokens: u64,
    /// The cost of the jobs that have ended.
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
        self.add_work(bill);
    }

    /// Counts what work came to.
    pub(crate) fn add_work(&mut self, bill: Bill) {
        self.tokens = self.tokens.saturating_add(bill.tokens);
        self.cost = self.cost.plus(bill.cost);
    }
}

/// A quota and how much of it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Allowance<T> {
    pub used: T,
    /// The quota; `None` if there is no limit.
    pub limit: Option<T>,
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

/// A user's current period, as shown to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct UsageReport {
    pub user: OwnerId,
    pub tier: Tier,
    pub role: Role,
    pub period: Period,
    /// The number of days in the period after today.
    pub days_remaining: u32,
    /// Everything that was counted.
    pub usage: Usage,
    pub calls: Allowance<u64>,
    pub jobs: Allowance<u64>,
    /// Money that is spent, without what is reserved.
    pub cost: Allowance<Money>,
    /// Money reserved for open jobs, in addition to what is spent. It is not available for further
    /// jobs.
    pub reserved: Money,
    /// The largest batch.
    pub batch_size: u32,
    /// The quotas that are used up.
    pub exceeded: Vec<Quota>,
}

impl UsageReport {
    /// The report of `usage` in the period of `wall`.
    pub(crate) fn new(
        Caller { user, tier, role, key: _ }: Caller,
        limits: &TierLimits,
        usage: Usage,
        reserved: Money,
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
            role,
            period,
            days_remaining: period.days_remaining(wall),
            calls,
            jobs,
            cost,
            reserved,
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
