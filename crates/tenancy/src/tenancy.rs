//! The state machine: who may do what now, and what it adds up to.
//!
//! ```text
//!   admit_call     rate limit ──► quota of calls ──► counted
//!   admit_jobs     batch size ──► open jobs ──► quota of jobs ──► budget ──► quota of money ──► counted, cost held
//!   settle         the job has ended: held cost gives way to what it came to
//! ```
//!
//! **The month.** A job belongs to the period it was admitted in: it is counted, held and billed there, however late it starts or
//! ends. So a batch that runs over a month's end is one bill, no quota can refuse a job that was admitted, and the usage of a past
//! period still grows until its last job has ended. What is spent and held together never exceeds the quota of money.
//!
//! **Exactly once.** Whatever a call changes is in the next [`Tenancy::take_changes`], and the caller commits that together with its own
//! records of the same event: a job's record with the admission, its end with the settlement, and nothing is answered before.
//! The end of a job is counted by removing its [`Charge`], in the same commit, so a second settlement finds nothing to count. After a
//! crash [`Tenancy::restore`] begins with exactly what was committed; what was not, nobody was told of. Only rate limits begin anew.

mod durable;

use std::collections::{BTreeMap, BTreeSet};

use carlo_types::{BatchId, Bill, FieldFault, JobId, Money, Now, OwnerId, Timestamp, Work};

pub use self::durable::Contradiction;
use crate::accounts::{Accounts, PAST_PERIODS_MAX};
use crate::budget::Budget;
use crate::keys::{Caller, Key, KeyId, Keys, Role, Secret};
use crate::metering::{Charge, Ended};
use crate::period::Period;
use crate::rate::{RateStatus, Rates};
use crate::records::RecordId;
use crate::refusal::{Quota, Refusal, Share, Unauthenticated};
use crate::terms::Terms;
use crate::tiers::{Tier, TierLimits};
use crate::usage::{Usage, UsageReport};

/// Everything that is known of keys, usage and budgets.
#[derive(Debug, Clone, Default)]
pub struct Tenancy {
    terms: Terms,
    keys: Keys,
    rates: Rates,
    accounts: Accounts,
    /// Of every open job.
    charges: BTreeMap<JobId, Charge>,
    /// How many charges each user has; none of a user without.
    open_jobs: BTreeMap<OwnerId, u32>,
    /// Of every batch that is not forgotten.
    budgets: BTreeMap<BatchId, Budget>,
    /// What has changed since it was last asked.
    changed: BTreeSet<RecordId>,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Admission {
    /// For the headers of the answer, whatever it is.
    pub rate: RateStatus,
    /// Whether the call may be served.
    pub admitted: Result<(), Refusal>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// A fresh id, drawn by the caller.
    pub id: KeyId,
    /// For whom; see [`parse_user`](crate::keys::parse_user).
    pub user: OwnerId,
    /// With which limits.
    pub tier: Tier,
    /// For what.
    pub role: Role,
}

/// The batch that jobs are admitted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewBatch {
    /// A fresh id, drawn by the caller.
    pub id: BatchId,
    /// The most that may be billed.
    pub cap: Option<Money>,
}

/// What a user used in a period of their history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodUsage {
    /// Which period.
    pub period: Period,
    /// Nothing, where nothing is known.
    pub usage: Usage,
}

impl Tenancy {
    /// Nobody has a key yet.
    pub fn new(terms: Terms) -> Self {
        Self { terms, ..Self::default() }
    }

    /// The terms that hold.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The limits that hold for a caller.
    pub fn limits(&self, caller: &Caller) -> &TierLimits {
        self.terms.limits(caller.tier)
    }

    /// Makes a key of a fresh `secret`, which is not kept, or of one that was made earlier and is
    /// read from a file.
    pub fn create_key(&mut self, new: NewKey, secret: &Secret, wall: Timestamp) -> Result<Key, Refusal> {
        let NewKey { id, user, tier, role } = new;
        let key = Key { id, hash: secret.hash(), user, tier, role, created_at: wall, revoked_at: None };
        let forgotten = self.keys.insert(key.clone())?;
        self.changed.extend(forgotten.into_iter().chain([id]).map(RecordId::Key));
        Ok(key)
    }

    /// Takes a key back, from this call on and for good. Jobs that were submitted with it go on.
    pub fn revoke_key(&mut self, id: KeyId, wall: Timestamp) -> Result<Key, Refusal> {
        let key = self.keys.revoke(id, wall)?.clone();
        self.changed.insert(RecordId::Key(id));
        Ok(key)
    }

    /// A key.
    pub fn key(&self, id: KeyId) -> Option<&Key> {
        self.keys.get(id)
    }

    /// All keys, by id, revoked ones too.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// Who shows this text as their key. Asked anew for every call, so that a revoked key is
    /// refused at once.
    pub fn authenticate(&self, secret: &str) -> Result<Caller, Unauthenticated> {
        self.keys.authenticate(secret)
    }

    /// Admits a call and counts it, or refuses it. A call that is over a rate limit counts nowhere;
    /// one that is over the quota counts for the rate limits alone.
    pub fn admit_call(&mut self, caller: &Caller, now: Now) -> Admission {
        let limits = self.terms.limits(caller.tier);
        let (rate, admitted) = if caller.key.is_some() {
            self.rates.admit(&caller.user, limits, now.elapsed)
        } else {
            (RateStatus::default(), Ok(()))
        };
        Admission { rate, admitted: admitted.and_then(|()| self.count_call(caller, now.wall)) }
    }

    /// Whether the caller has made all calls of this month.
    pub fn has_no_calls_left(&self, caller: &Caller, wall: Timestamp) -> bool {
        self.calls_used_up(caller, wall).is_some()
    }

    /// The calls of this month and their limit, where that is reached.
    fn calls_used_up(&self, caller: &Caller, wall: Timestamp) -> Option<(u64, u64)> {
        let used = self.accounts.usage(&caller.user, Period::of(wall)).map_or(0, |usage| usage.calls);
        let limit = self.limits(caller).calls_per_month.filter(|limit| used >= *limit)?;
        Some((used, limit))
    }

    fn count_call(&mut self, caller: &Caller, wall: Timestamp) -> Result<(), Refusal> {
        let period = Period::of(wall);
        if let Some((used, limit)) = self.calls_used_up(caller, wall) {
            return Err(exceeded(
                Quota::ApiCalls,
                caller,
                wall,
                [used, limit, 1].map(|count| count.to_string()),
            ));
        }
        self.usage_mut(&caller.user, period).calls += 1;
        Ok(())
    }

    /// Admits jobs, all of them or none, and returns what all would cost if each ran to its last
    /// simulation. Admitting a job or a batch again counts nothing.
    pub fn admit_jobs(
        &mut self,
        caller: &Caller,
        jobs: &[(JobId, Work)],
        batch: Option<NewBatch>,
        wall: Timestamp,
    ) -> Result<Money, Refusal> {
        let price = self.terms.price_per_token;
        let costs = jobs.iter().map(|(_, work)| price * work.tokens());
        let estimated = costs.clone().fold(Money::ZERO, Money::plus);
        let is_known = |batch: NewBatch| self.budgets.contains_key(&batch.id);
        if batch.is_some_and(is_known) || jobs.iter().any(|(job, _)| self.charges.contains_key(job)) {
            return Ok(estimated);
        }
        let cap = batch.and_then(|batch| batch.cap);
        if batch.is_some() {
            self.check_batch_size(caller, jobs.len())?;
        }
        self.check_open_jobs(caller, jobs.len())?;
        self.check_job_quota(caller, jobs.len(), wall)?;
        if let Some((cap, needed)) = cap.zip(costs.min()).filter(|(cap, needed)| needed > cap) {
            return Err(Refusal::OverBudget { cap, needed });
        }
        self.check_cost_quota(caller, cap.map_or(estimated, |cap| cap.min(estimated)), wall)?;

        let period = Period::of(wall);
        self.usage_mut(&caller.user, period).jobs += jobs.len() as u64;
        if let Some(NewBatch { id, cap }) = batch {
            self.budgets.insert(id, Budget::new(id, caller.user.clone(), period, cap, estimated));
            self.changed.insert(RecordId::Budget(id));
        }
        for (job, work) in jobs.iter().copied() {
            let batch = batch.map(|batch| batch.id);
            self.open(Charge { job, user: caller.user.clone(), batch, period, work, price });
            self.changed.insert(RecordId::Charge(job));
        }
        Ok(estimated)
    }

    fn check_batch_size(&self, caller: &Caller, jobs: usize) -> Result<(), Refusal> {
        let size = self.limits(caller).batch_size;
        if (1..=size as usize).contains(&jobs) {
            return Ok(());
        }
        let message = format!("must have 1 to {size} entries in the tier {}, not {jobs}", caller.tier);
        Err(Refusal::Invalid(vec![FieldFault::new("/simulations", message)]))
    }

    fn check_open_jobs(&self, caller: &Caller, jobs: usize) -> Result<(), Refusal> {
        let open = self.open_jobs.get(&caller.user).copied().unwrap_or_default();
        let limit = self.limits(caller).open_jobs.map(u64::from);
        check_share(caller, Share::OpenJobs, limit, u64::from(open), jobs as u64)
    }

    /// Refuses what would take `wanted` bytes more than the `used` ones that a caller has in the
    /// ledger, where that is more than the tier allows.
    pub fn check_stored_bytes(&self, caller: &Caller, used: u64, wanted: u64) -> Result<(), Refusal> {
        check_share(caller, Share::StoredBytes, self.limits(caller).stored_bytes, used, wanted)
    }

    /// Refuses one more stream beside the `open` ones of a caller, where the tier allows no more.
    pub fn check_streams(&self, caller: &Caller, open: u32) -> Result<(), Refusal> {
        let limit = self.limits(caller).streams_at_once.map(u64::from);
        check_share(caller, Share::Streams, limit, u64::from(open), 1)
    }

    fn check_job_quota(&self, caller: &Caller, jobs: usize, wall: Timestamp) -> Result<(), Refusal> {
        let used = self.accounts.usage(&caller.user, Period::of(wall)).map_or(0, |usage| usage.jobs);
        let wanted = jobs as u64;
        match self.limits(caller).jobs_per_month.filter(|limit| used.saturating_add(wanted) > *limit) {
            Some(limit) => {
                let numbers = [used, limit, wanted].map(|count| count.to_string());
                Err(exceeded(Quota::Simulations, caller, wall, numbers))
            }
            None => Ok(()),
        }
    }

    fn check_cost_quota(&self, caller: &Caller, wanted: Money, wall: Timestamp) -> Result<(), Refusal> {
        let period = Period::of(wall);
        let spent = self.accounts.usage(&caller.user, period).map_or(Money::ZERO, |usage| usage.cost);
        let used = spent.plus(self.accounts.held(&caller.user, period));
        match self.limits(caller).cost_per_month.filter(|limit| used.plus(wanted) > *limit) {
            Some(limit) => {
                let numbers = [used, limit, wanted].map(|money| format!("${money}"));
                Err(exceeded(Quota::Cost, caller, wall, numbers))
            }
            None => Ok(()),
        }
    }

    /// Counts and bills a job that has ended; `bill` is what it came to. Says whether it did: not
    /// if that has happened already, or the job was never admitted.
    pub fn settle(&mut self, job: JobId, ended: Ended, bill: Bill) -> bool {
        let Some(charge) = self.charges.remove(&job) else { return false };
        if let Some(open) = self.open_jobs.get_mut(&charge.user) {
            *open -= 1;
            if *open == 0 {
                self.open_jobs.remove(&charge.user);
            }
        }
        self.changed.insert(RecordId::Charge(job));
        self.usage_mut(&charge.user, charge.period).add_end(ended, bill);
        let estimate = charge.estimate();
        match charge.batch {
            None => self.accounts.rehold(&charge.user, charge.period, estimate, Money::ZERO),
            Some(batch) => {
                self.change_budget(batch, |budget| budget.settle(estimate, bill));
                self.changed.insert(RecordId::Budget(batch));
            }
        }
        true
    }

    /// The charge of a job that is not settled.
    pub fn charge(&self, job: JobId) -> Option<&Charge> {
        self.charges.get(&job)
    }

    /// The charges of all jobs that are not settled.
    pub fn charges(&self) -> impl Iterator<Item = &Charge> {
        self.charges.values()
    }

    /// The budget of a batch that is not forgotten.
    pub fn budget(&self, batch: BatchId) -> Option<&Budget> {
        self.budgets.get(&batch)
    }

    /// Forgets the budget of a batch. Returns whether it is forgotten: not while any of its jobs is
    /// open.
    pub fn forget_batch(&mut self, batch: BatchId) -> bool {
        if self.budget(batch).is_some_and(|budget| budget.open_jobs > 0) {
            return false;
        }
        if self.budgets.remove(&batch).is_some() {
            self.changed.insert(RecordId::Budget(batch));
        }
        true
    }

    /// What a caller has used in the current period.
    pub fn usage(&self, caller: &Caller, wall: Timestamp) -> UsageReport {
        let period = Period::of(wall);
        let usage = self.accounts.usage(&caller.user, period).cloned().unwrap_or_default();
        let held = self.accounts.held(&caller.user, period);
        UsageReport::new((caller.user.clone(), caller.tier), self.limits(caller), usage, held, wall)
    }

    /// What a user used in each of the `periods` periods before the current one, the latest first.
    /// 1 to 24.
    pub fn history(
        &self,
        user: &OwnerId,
        periods: u64,
        wall: Timestamp,
    ) -> Result<Vec<PeriodUsage>, FieldFault> {
        let wanted = usize::try_from(periods).ok().filter(|periods| (1..=PAST_PERIODS_MAX).contains(periods));
        let wanted = wanted.ok_or_else(|| {
            FieldFault::new("/periods", format!("must be between 1 and {PAST_PERIODS_MAX}, not {periods}"))
        })?;
        let past = std::iter::successors(Some(Period::of(wall).previous()), |period| Some(period.previous()));
        let usage = |period| self.accounts.usage(user, period).cloned().unwrap_or_default();
        Ok(past.take(wanted).map(|period| PeriodUsage { period, usage: usage(period) }).collect())
    }

    /// Holds the cost of a job from now on.
    fn open(&mut self, charge: Charge) {
        let estimate = charge.estimate();
        match charge.batch {
            None => self.accounts.rehold(&charge.user, charge.period, Money::ZERO, estimate),
            Some(batch) => self.change_budget(batch, |budget| budget.open(estimate)),
        }
        *self.open_jobs.entry(charge.user.clone()).or_default() += 1;
        self.charges.insert(charge.job, charge);
    }

    /// Changes a budget, and what is held of its user's month with it.
    fn change_budget(&mut self, batch: BatchId, change: impl FnOnce(&mut Budget)) {
        let budget = self.budgets.get_mut(&batch).expect("a batch with open jobs has a budget");
        let before = budget.held();
        change(budget);
        self.accounts.rehold(&budget.user, budget.period, before, budget.held());
    }

    /// The usage of a user in a period, to be added to.
    fn usage_mut(&mut self, user: &OwnerId, period: Period) -> &mut Usage {
        let (usage, forgotten) = self.accounts.usage_mut(user, period);
        let periods = forgotten.into_iter().chain([period]);
        self.changed.extend(periods.map(|period| RecordId::Usage(user.clone(), period)));
        usage
    }
}

/// Refuses `wanted` beside what is `used` of a share. Without authentication there are no shares.
fn check_share(
    caller: &Caller,
    share: Share,
    limit: Option<u64>,
    used: u64,
    wanted: u64,
) -> Result<(), Refusal> {
    match limit.filter(|limit| caller.key.is_some() && used.saturating_add(wanted) > *limit) {
        Some(limit) => Err(Refusal::ShareUsedUp { share, tier: caller.tier, limit }),
        None => Ok(()),
    }
}

/// The refusal by a quota; `numbers` are what is used, the limit, and what is wanted.
fn exceeded(quota: Quota, caller: &Caller, wall: Timestamp, [used, limit, wanted]: [String; 3]) -> Refusal {
    let retry_after_seconds = Period::of(wall).seconds_remaining(wall);
    Refusal::QuotaExceeded { quota, tier: caller.tier, used, limit, wanted, retry_after_seconds }
}

#[cfg(test)]
mod tests;
