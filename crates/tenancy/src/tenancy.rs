//! The state machine: admits calls and jobs, reserves their costs and settles them.
//!
//! ```text
//!   admit_call     rate limit ──► quota of calls ──► counted
//!   admit_jobs     batch size ──► open jobs ──► quota of jobs ──► budget ──► quota of money
//!                  ──► counted, cost reserved
//!   settle         the job has ended: the bill replaces the reserved cost
//! ```
//!
//! **Periods.** A job belongs to the period it was admitted in. It is counted, reserved and billed
//! there, however late it starts or ends. So a batch that runs over the end of a month is one bill,
//! no quota can refuse a job that was admitted, and the usage of a past period still grows until
//! its last job has ended. Spent and reserved money together never exceed the cost quota.
//!
//! **Exactly once.** Every change is part of the next [`Tenancy::take_changes`]. The caller commits
//! these changes together with its own records of the same event (a job's record with the
//! admission, its end with the settlement) and answers only after that. The end of a job is counted
//! by removing its [`Charge`] in the same commit, so a second settlement finds nothing to count.
//! After a crash [`Tenancy::restore`] starts from exactly what was committed, and nothing else was
//! ever acknowledged. Only rate limits start afresh.

mod durable;

use std::collections::{BTreeMap, BTreeSet};

use carlo_types::{BatchId, Bill, FieldFault, JobId, Money, Now, OwnerId, Timestamp, Work};

pub use self::durable::Contradiction;
use crate::accounts::{Accounts, PAST_PERIODS_MAX};
use crate::budget::Budget;
use crate::join_tokens::{JoinToken, JoinTokenId, JoinTokens};
use crate::keys::{Caller, Key, KeyId, Keys, Role, Secret};
use crate::metering::{Charge, Ended};
use crate::period::Period;
use crate::rate::{RateStatus, Rates};
use crate::records::RecordId;
use crate::refusal::{Capacity, Quota, Refusal, Unauthenticated};
use crate::terms::Terms;
use crate::tiers::{Tier, TierLimits};
use crate::usage::{Usage, UsageReport};

/// The state: keys, usage and budgets.
#[derive(Debug, Clone, Default)]
pub struct Tenancy {
    terms: Terms,
    keys: Keys,
    join_tokens: JoinTokens,
    rates: Rates,
    accounts: Accounts,
    /// The charges of all open jobs.
    charges: BTreeMap<JobId, Charge>,
    /// The number of charges per user; users without charges have no entry.
    open_jobs: BTreeMap<OwnerId, u32>,
    /// The budgets of all batches that are not forgotten.
    budgets: BTreeMap<BatchId, Budget>,
    /// Records that have changed since the last [`Tenancy::take_changes`].
    changed: BTreeSet<RecordId>,
}

/// The outcome of a call's admission.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Admission {
    /// For the response's headers, whether or not the call is admitted.
    pub rate: RateStatus,
    /// Whether the call may be served.
    pub admitted: Result<(), Refusal>,
}

/// The properties of a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewKey {
    /// A fresh random id from the caller.
    pub id: KeyId,
    /// The user; see [`parse_user`](crate::keys::parse_user).
    pub user: OwnerId,
    pub tier: Tier,
    pub role: Role,
    /// For people.
    pub note: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

/// The new batch that jobs are admitted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewBatch {
    /// A fresh random id from the caller.
    pub id: BatchId,
    /// The most that may be billed.
    pub cap: Option<Money>,
}

/// A user's usage in a past period.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PeriodUsage {
    pub period: Period,
    /// All zero if there is no record of the period.
    pub usage: Usage,
}

impl Tenancy {
    /// A state without keys.
    pub fn new(terms: Terms) -> Self {
        Self { terms, ..Self::default() }
    }

    /// The limits and the price in force.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Other terms hold from now on. Jobs that are open keep their price.
    pub fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
    }

    /// The limits of a caller's tier.
    pub fn limits(&self, caller: &Caller) -> &TierLimits {
        self.terms.limits(caller.tier)
    }

    /// Creates a key for `secret`, which is not stored. The secret is fresh, or was made earlier
    /// and read from a file.
    pub fn create_key(&mut self, new: NewKey, secret: &Secret, wall: Timestamp) -> Result<Key, Refusal> {
        let NewKey { id, user, tier, role, note, expires_at } = new;
        let (hash, created_at) = (secret.hash(), wall);
        let key = Key { id, hash, user, tier, role, created_at, note, expires_at, revoked_at: None };
        let forgotten = self.keys.insert(key.clone())?;
        self.changed.extend(forgotten.into_iter().chain([id]).map(RecordId::Key));
        Ok(key)
    }

    /// Revokes a key at once and permanently. Jobs that were submitted with it continue.
    pub fn revoke_key(&mut self, id: KeyId, wall: Timestamp) -> Result<Key, Refusal> {
        let key = self.keys.revoke(id, wall)?.clone();
        self.changed.insert(RecordId::Key(id));
        Ok(key)
    }

    /// Undoes the creation of a key whose secret nobody was told.
    pub fn discard_key(&mut self, id: KeyId) {
        self.keys.remove(id);
        self.changed.insert(RecordId::Key(id));
    }

    /// A key that has expired since the last call, if there is one. Calls with it are refused
    /// without this; it is for what else follows.
    pub fn next_expired_key(&mut self, wall: Timestamp) -> Option<Key> {
        self.keys.next_expired(wall).cloned()
    }

    /// Whether somebody may make admin calls.
    pub fn has_admin(&self) -> bool {
        self.keys.has_other_admin(None)
    }

    /// Adds a join token.
    pub fn add_join_token(&mut self, token: JoinToken, wall: Timestamp) -> Result<(), Refusal> {
        let id = token.id;
        let forgotten = self.join_tokens.insert(token, wall)?;
        self.changed.extend(forgotten.into_iter().chain([id]).map(RecordId::JoinToken));
        Ok(())
    }

    /// Revokes a join token. No worker can join with it from now on; those that have joined
    /// continue.
    pub fn revoke_join_token(&mut self, id: JoinTokenId, wall: Timestamp) -> Result<JoinToken, Refusal> {
        let token = self.join_tokens.revoke(id, wall)?.clone();
        self.changed.insert(RecordId::JoinToken(id));
        Ok(token)
    }

    /// Admits a worker with this text as its join token, and records the token's use.
    pub fn admit_worker(&mut self, text: Option<&str>, wall: Timestamp) -> Result<(), Unauthenticated> {
        let id = self.join_tokens.find(text, wall)?;
        if self.join_tokens.note_use(id, wall) {
            self.changed.insert(RecordId::JoinToken(id));
        }
        Ok(())
    }

    /// Whether a worker with this text as its join token would be admitted.
    pub fn check_join_token(&self, text: &str, wall: Timestamp) -> Result<(), Unauthenticated> {
        self.join_tokens.find(Some(text), wall).map(|_| ())
    }

    /// Whether any join token is valid.
    pub fn has_join_token(&self, wall: Timestamp) -> bool {
        self.join_tokens.has_valid(wall)
    }

    /// All join tokens, sorted by id, including expired and revoked ones.
    pub fn join_tokens(&self) -> impl Iterator<Item = &JoinToken> {
        self.join_tokens.iter()
    }

    /// A key by its id.
    pub fn key(&self, id: KeyId) -> Option<&Key> {
        self.keys.get(id)
    }

    /// All keys by id, including revoked ones.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// The caller with this secret. Ask again for every call, so that a revoked key is refused at
    /// once.
    pub fn authenticate(&self, secret: &str, wall: Timestamp) -> Result<Caller, Unauthenticated> {
        self.keys.authenticate(secret, wall)
    }

    /// Admits a call and counts it, or refuses it. A call above a rate limit is not counted at all.
    /// A call above the quota counts only towards the rate limits.
    pub fn admit_call(&mut self, caller: &Caller, now: Now) -> Admission {
        let limits = self.terms.limits(caller.tier);
        let (rate, admitted) = if caller.key.is_some() {
            self.rates.admit(&caller.user, limits, now.elapsed)
        } else {
            (RateStatus::default(), Ok(()))
        };
        Admission { rate, admitted: admitted.and_then(|()| self.count_call(caller, now.wall)) }
    }

    /// Whether the caller's monthly quota of calls is used up.
    pub fn has_no_calls_left(&self, caller: &Caller, wall: Timestamp) -> bool {
        self.calls_used_up(caller, wall).is_some()
    }

    /// The number of calls this month and the quota, if the quota is reached.
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

    /// Admits all of the jobs or none, and returns what they would cost together if each ran to its
    /// last simulation. Admitting a job or batch again counts nothing.
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
            let is_preview = false;
            self.open(Charge { job, user: caller.user.clone(), batch, period, work, price, is_preview });
            self.changed.insert(RecordId::Charge(job));
        }
        Ok(estimated)
    }

    /// Admits a preview: a small job that is looked at once. It costs what any job costs, but is
    /// counted neither as a job nor among the open ones.
    pub fn admit_preview(
        &mut self,
        caller: &Caller,
        job: JobId,
        work: Work,
        wall: Timestamp,
    ) -> Result<(), Refusal> {
        if self.charges.contains_key(&job) {
            return Ok(());
        }
        let (price, period) = (self.terms.price_per_token, Period::of(wall));
        self.check_cost_quota(caller, price * work.tokens(), wall)?;
        let user = caller.user.clone();
        self.open(Charge { job, user, batch: None, period, work, price, is_preview: true });
        self.changed.insert(RecordId::Charge(job));
        Ok(())
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
        check_capacity(caller, Capacity::OpenJobs, limit, u64::from(open), jobs as u64)
    }

    /// Refuses `wanted` more bytes in the ledger if the caller's `used` bytes and they exceed the
    /// tier's limit.
    pub fn check_stored_bytes(&self, caller: &Caller, used: u64, wanted: u64) -> Result<(), Refusal> {
        check_capacity(caller, Capacity::StoredBytes, self.limits(caller).stored_bytes, used, wanted)
    }

    /// Refuses another stream if the caller's `open` streams have reached the tier's limit.
    pub fn check_streams(&self, caller: &Caller, open: u32) -> Result<(), Refusal> {
        let limit = self.limits(caller).streams_at_once.map(u64::from);
        check_capacity(caller, Capacity::Streams, limit, u64::from(open), 1)
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
        let used = spent.plus(self.accounts.reserved(&caller.user, period));
        match self.limits(caller).cost_per_month.filter(|limit| used.plus(wanted) > *limit) {
            Some(limit) => {
                let numbers = [used, limit, wanted].map(|money| format!("${money}"));
                Err(exceeded(Quota::Cost, caller, wall, numbers))
            }
            None => Ok(()),
        }
    }

    /// Counts a job that has ended and bills it. Returns `false` if that was done before, or if the
    /// job was never admitted.
    pub fn settle(&mut self, job: JobId, ended: Ended, bill: Bill) -> bool {
        let Some(charge) = self.charges.remove(&job) else { return false };
        if !charge.is_preview
            && let Some(open) = self.open_jobs.get_mut(&charge.user)
        {
            *open -= 1;
            if *open == 0 {
                self.open_jobs.remove(&charge.user);
            }
        }
        self.changed.insert(RecordId::Charge(job));
        let usage = self.usage_mut(&charge.user, charge.period);
        if charge.is_preview {
            usage.add_work(bill);
        } else {
            usage.add_end(ended, bill);
        }
        let estimate = charge.estimate();
        match charge.batch {
            None => self.accounts.adjust_reserved(&charge.user, charge.period, estimate, Money::ZERO),
            Some(batch) => {
                self.change_budget(batch, |budget| budget.settle(estimate, bill));
                self.changed.insert(RecordId::Budget(batch));
            }
        }
        true
    }

    /// Bills work that is no job's, at once. Refused where a month's cost quota doesn't allow it.
    pub fn charge_work(&mut self, caller: &Caller, work: Work, wall: Timestamp) -> Result<(), Refusal> {
        let bill = work.bill(work.simulations, self.terms.price_per_token);
        self.check_cost_quota(caller, bill.cost, wall)?;
        self.usage_mut(&caller.user, Period::of(wall)).add_work(bill);
        Ok(())
    }

    /// The charge of a job, unless it is settled.
    pub fn charge(&self, job: JobId) -> Option<&Charge> {
        self.charges.get(&job)
    }

    /// The charges of all jobs that are not settled.
    pub fn charges(&self) -> impl Iterator<Item = &Charge> {
        self.charges.values()
    }

    /// The budget of a batch, unless it is forgotten.
    pub fn budget(&self, batch: BatchId) -> Option<&Budget> {
        self.budgets.get(&batch)
    }

    /// Forgets the budget of a batch, unless any of its jobs is open. Returns whether it is
    /// forgotten.
    pub fn forget_batch(&mut self, batch: BatchId) -> bool {
        if self.budget(batch).is_some_and(|budget| budget.open_jobs > 0) {
            return false;
        }
        if self.budgets.remove(&batch).is_some() {
            self.changed.insert(RecordId::Budget(batch));
        }
        true
    }

    /// The caller's usage in the current period.
    pub fn usage(&self, caller: &Caller, wall: Timestamp) -> UsageReport {
        let period = Period::of(wall);
        let usage = self.accounts.usage(&caller.user, period).cloned().unwrap_or_default();
        let reserved = self.accounts.reserved(&caller.user, period);
        UsageReport::new(caller.clone(), self.limits(caller), usage, reserved, wall)
    }

    /// Everybody's usage in the current period, those who spent most first.
    pub fn usage_by_user(&self, wall: Timestamp) -> Vec<UsageReport> {
        let mut users: BTreeMap<&OwnerId, Option<(bool, Tier, Role)>> = BTreeMap::new();
        for user in self.accounts.users() {
            users.entry(user).or_default();
        }
        for key in self.keys.iter() {
            // The best of the keys that are of use counts, or the first of those that were.
            let (is_valid, best) = (key.refusal(wall).is_none(), users.entry(&key.user).or_default());
            *best = match *best {
                Some((true, tier, role)) if is_valid => Some((true, tier.max(key.tier), role.max(key.role))),
                Some(best) if best.0 || !is_valid => Some(best),
                _ => Some((is_valid, key.tier, key.role)),
            };
        }
        let report = |(user, best): (&OwnerId, Option<(bool, Tier, Role)>)| {
            let local = Caller::local();
            let (tier, role) = best.map_or((local.tier, local.role), |(_, tier, role)| (tier, role));
            self.usage(&Caller { user: user.clone(), tier, role, key: None }, wall)
        };
        let mut reports: Vec<UsageReport> = users.into_iter().map(report).collect();
        reports.sort_by(|one, other| other.usage.cost.cmp(&one.usage.cost).then(one.user.cmp(&other.user)));
        reports
    }

    /// A user's usage in each of the last `periods` periods before the current one, the latest
    /// first. `periods` must be 1 to 24.
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

    /// Adds a charge and holds its estimate.
    fn open(&mut self, charge: Charge) {
        let estimate = charge.estimate();
        match charge.batch {
            None => self.accounts.adjust_reserved(&charge.user, charge.period, Money::ZERO, estimate),
            Some(batch) => self.change_budget(batch, |budget| budget.open(estimate)),
        }
        if !charge.is_preview {
            *self.open_jobs.entry(charge.user.clone()).or_default() += 1;
        }
        self.charges.insert(charge.job, charge);
    }

    /// Changes a budget and adjusts the amount reserved for its user.
    fn change_budget(&mut self, batch: BatchId, change: impl FnOnce(&mut Budget)) {
        let budget = self.budgets.get_mut(&batch).expect("a batch with open jobs has a budget");
        let before = budget.reserved();
        change(budget);
        self.accounts.adjust_reserved(&budget.user, budget.period, before, budget.reserved());
    }

    /// The mutable usage of a user in a period.
    fn usage_mut(&mut self, user: &OwnerId, period: Period) -> &mut Usage {
        let (usage, forgotten) = self.accounts.usage_mut(user, period);
        let periods = forgotten.into_iter().chain([period]);
        self.changed.extend(periods.map(|period| RecordId::Usage(user.clone(), period)));
        usage
    }
}

/// Refuses `wanted` more of a capacity if that and `used` exceed the limit. Without authentication
/// there are no limits.
fn check_capacity(
    caller: &Caller,
    capacity: Capacity,
    limit: Option<u64>,
    used: u64,
    wanted: u64,
) -> Result<(), Refusal> {
    match limit.filter(|limit| caller.key.is_some() && used.saturating_add(wanted) > *limit) {
        Some(limit) => Err(Refusal::CapacityUsedUp { capacity, tier: caller.tier, limit }),
        None => Ok(()),
    }
}

/// The refusal by a quota. The numbers are the used amount, the limit and the additional amount
/// wanted.
fn exceeded(quota: Quota, caller: &Caller, wall: Timestamp, [used, limit, wanted]: [String; 3]) -> Refusal {
    let retry_after_seconds = Period::of(wall).seconds_remaining(wall);
    Refusal::QuotaExceeded { quota, tier: caller.tier, used, limit, wanted, retry_after_seconds }
}

#[cfg(test)]
mod tests;
