//! Decides which job gets the next lease. It only knows the keys of jobs, not their contents.
//!
//! The next lease goes
//!
//! 1. to the **owner** with the lowest decayed usage divided by the owner's weight. An owner
//!    without recent usage comes first, whatever priorities others give their jobs. At most one
//!    lease in [`WAITED_EVERY`] goes to an owner who has waited for `ageing` instead, the longest
//!    wait first, so that newcomers can't starve the others;
//! 2. within an owner, to the **class** (the jobs of one priority) with the highest level. The
//!    level is the priority, plus one point for each `ageing` that the class has waited since its
//!    last lease, or since it has had work to lease if that was later;
//! 3. within a class, to the first queued job, or else to the running job that was served least.
//!    Every second time, a running job that has waited for `ageing` goes first, so that neither a
//!    stream of new jobs nor a crowd of old ones blocks the other.
//!
//! A choice takes one look at each priority that the owner uses, and otherwise logarithmic time.

mod class;
mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use carlo_types::OwnerId;

use crate::command::OwnerLimits;
use crate::job::JobKey;
use crate::retention::RetentionLimits;
use class::Class;
use usage::Usage;

/// An owner in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OwnerKey(u64);

/// A job's place in the queue, enough to find it in its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) owner: OwnerKey,
    pub(crate) priority: u8,
    pub(crate) job: JobKey,
}

/// At most one lease in this many goes to an owner because of a long wait.
const WAITED_EVERY: u32 = 4;

#[derive(Debug, Clone)]
struct Owner {
    id: OwnerId,
    usage: Usage,
    limits: OwnerLimits,
    running: u32,
    queued: usize,
    /// Jobs that their batches block.
    blocked: usize,
    /// Queued jobs that may start now under the limit.
    startable: usize,
    classes: BTreeMap<u8, Class>,
    last_served: Duration,
    /// The owner's keys in the order of service, while it has work to lease.
    listed: Option<(Usage, Duration)>,
}

impl Owner {
    /// The usage by which owners are compared.
    fn weighted(&self) -> Usage {
        self.usage.divided_by(self.limits.weight)
    }
}

/// All open jobs, in the order of service.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    ageing: Duration,
    half_life: Duration,
    default_limits: OwnerLimits,
    /// Owners with limits other than the configured ones.
    limits: BTreeMap<OwnerId, OwnerLimits>,
    running_jobs_max: usize,
    owners: BTreeMap<OwnerKey, Owner>,
    names: BTreeMap<OwnerId, OwnerKey>,
    owner_next: u64,
    /// Owners with work to lease, by weighted usage and by when their wait began.
    by_usage: BTreeSet<(Usage, OwnerKey)>,
    by_wait: BTreeSet<(Duration, OwnerKey)>,
    /// Leases since the last one that was given because of a long wait.
    leases_since_waited: u32,
    ready: usize,
    startable: usize,
}

impl Queue {
    pub(crate) fn new(config: &crate::Config) -> Self {
        Self {
            ageing: config.ageing.max(Duration::from_millis(1)),
            half_life: config.usage_half_life.max(Duration::from_millis(1)),
            default_limits: OwnerLimits {
                jobs_at_once: config.jobs_per_owner,
                weight: 1.0,
                retention: RetentionLimits { kept_for: Some(config.ended_jobs_kept), jobs: None },
            },
            limits: BTreeMap::new(),
            running_jobs_max: config.running_jobs_max,
            owners: BTreeMap::new(),
            names: BTreeMap::new(),
            owner_next: 0,
            by_usage: BTreeSet::new(),
            by_wait: BTreeSet::new(),
            leases_since_waited: 0,
            ready: 0,
            startable: 0,
        }
    }

    /// The key of an owner, created if necessary.
    pub(crate) fn owner(&mut self, id: &OwnerId) -> OwnerKey {
        if let Some(key) = self.names.get(id) {
            return *key;
        }
        let key = OwnerKey(self.owner_next);
        self.owner_next += 1;
        self.names.insert(id.clone(), key);
        let owner = Owner {
            id: id.clone(),
            usage: Usage::NONE,
            limits: self.limits_of(id),
            running: 0,
            queued: 0,
            blocked: 0,
            startable: 0,
            classes: BTreeMap::new(),
            last_served: Duration::ZERO,
            listed: None,
        };
        self.owners.insert(key, owner);
        key
    }

    /// The name of an owner, which all of the owner's jobs share.
    pub(crate) fn owner_id(&self, key: OwnerKey) -> OwnerId {
        self.owners[&key].id.clone()
    }

    /// Sets an owner's limits. They are kept even while the owner itself is forgotten.
    pub(crate) fn limit(&mut self, id: &OwnerId, limits: Option<OwnerLimits>, now: Duration) {
        match limits {
            Some(limits) => drop(self.limits.insert(id.clone(), limits)),
            None => drop(self.limits.remove(id)),
        }
        let limits = self.limits_of(id);
        if let Some(key) = self.names.get(id).copied() {
            self.owner_mut(key).limits = limits;
            self.refresh(key, now);
        }
    }

    fn limits_of(&self, id: &OwnerId) -> OwnerLimits {
        self.limits.get(id).copied().unwrap_or(self.default_limits)
    }

    /// Counts a blocked job of the owner.
    pub(crate) fn block(&mut self, owner: OwnerKey) {
        self.owner_mut(owner).blocked += 1;
    }

    /// A job of the owner is no longer blocked.
    pub(crate) fn unblock(&mut self, owner: OwnerKey) {
        self.owner_mut(owner).blocked -= 1;
    }

    /// Adds a queued job, which waits for its first lease.
    pub(crate) fn enqueue(&mut self, place: Place, now: Duration) {
        let owner = self.owner_mut(place.owner);
        owner.queued += 1;
        owner.classes.entry(place.priority).or_default().queued.insert(place.job);
        self.refresh(place.owner, now);
    }

    /// Removes a queued job that ended before it started.
    pub(crate) fn dequeue(&mut self, place: Place, now: Duration) {
        let owner = self.owner_mut(place.owner);
        owner.queued -= 1;
        owner.class_mut(place.priority).queued.remove(place.job);
        self.refresh(place.owner, now);
    }

    /// Adds a running job, which is no longer queued.
    pub(crate) fn start(&mut self, place: Place, now: Duration) {
        let owner = self.owner_mut(place.owner);
        owner.running += 1;
        owner.classes.entry(place.priority).or_default().running += 1;
        self.refresh(place.owner, now);
    }

    /// Removes a running job that is no longer ready.
    pub(crate) fn end(&mut self, place: Place, now: Duration) {
        let owner = self.owner_mut(place.owner);
        owner.running -= 1;
        owner.class_mut(place.priority).running -= 1;
        self.refresh(place.owner, now);
    }

    /// Sets whether a running job has work to lease, with its served path-months and the time of
    /// its last lease.
    pub(crate) fn set_ready(&mut self, place: Place, ready: Option<(u64, Duration)>, now: Duration) {
        let class = self.owner_mut(place.owner).class_mut(place.priority);
        let before = class.ready.contains(place.job);
        if !class.ready.set(place.job, ready) {
            return;
        }
        match (before, ready.is_some()) {
            (false, true) => self.ready += 1,
            (true, false) => self.ready -= 1,
            _ => {}
        }
        self.refresh(place.owner, now);
    }

    /// Charges a lease of `path_months` to the owner of a job of this class.
    pub(crate) fn charge(&mut self, place: Place, path_months: u64, now: Duration) {
        let half_lives = now.as_secs_f64() / self.half_life.as_secs_f64();
        let ageing = self.ageing;
        let is_turn = self.waited_longest(now) == Some(place.owner);
        self.leases_since_waited = if is_turn { 0 } else { self.leases_since_waited.saturating_add(1) };
        let owner = self.owner_mut(place.owner);
        owner.usage = owner.usage.plus(path_months, half_lives);
        owner.last_served = now;
        owner.class_mut(place.priority).serve(place.job, ageing, now);
        self.refresh(place.owner, now);
    }

    /// The job that gets the next lease.
    pub(crate) fn next(&self, now: Duration) -> Option<JobKey> {
        let by_usage = || self.by_usage.first().map(|(_, owner)| *owner);
        let owner = &self.owners[&self.waited_longest(now).or_else(by_usage)?];
        let levels = owner.classes.iter().filter_map(|(priority, class)| {
            let points = now.saturating_sub(class.listed()?).as_nanos() / self.ageing.as_nanos();
            Some((u128::from(*priority) + points, *priority, class))
        });
        let (_, _, class) = levels.max_by_key(|(level, priority, _)| (*level, *priority))?;
        class.next(owner.startable > 0, self.ready >= self.running_jobs_max, self.ageing, now)
    }

    /// The owner with the longest wait, if it is time for such a lease.
    fn waited_longest(&self, now: Duration) -> Option<OwnerKey> {
        let (since, owner) = self.by_wait.first()?;
        let is_due =
            self.leases_since_waited + 1 >= WAITED_EVERY && now.saturating_sub(*since) >= self.ageing;
        is_due.then_some(*owner)
    }

    /// Jobs that could get a lease now.
    pub(crate) fn competitors(&self) -> usize {
        self.ready + self.startable
    }

    /// The owner's limit, if it is the only reason why queued jobs can't start.
    pub(crate) fn limited_to(&self, owner: OwnerKey) -> Option<u32> {
        self.owners.get(&owner).filter(|owner| owner.queued > 0 && owner.startable == 0)?.limits.jobs_at_once
    }

    /// Running jobs of the owner with at least this priority, running jobs of other owners, and the
    /// number of other owners with work to lease and lower usage.
    pub(crate) fn rivals(&self, key: OwnerKey, priority: u8) -> (u32, u32, usize) {
        let own = self.owners.get(&key);
        let own_running =
            own.map_or(0, |owner| owner.classes.range(priority..).map(|(_, class)| class.running).sum());
        let all_running: u32 = self.owners.values().map(|owner| owner.running).sum();
        let others_running = all_running - own.map_or(0, |owner| owner.running);
        let usage = own.map_or(Usage::NONE, Owner::weighted);
        let less = self.by_usage.range(..(usage, key)).filter(|(_, owner)| *owner != key).count();
        (own_running, others_running, less)
    }

    /// The job's position, from 1: its place in the order in which queued jobs get their first
    /// lease if nothing else is submitted. Owners take turns, starting with the lowest usage.
    pub(crate) fn position(&self, place: Place) -> Option<u64> {
        let own = self.owners.get(&place.owner)?;
        let in_class = own.classes.get(&place.priority)?.queued.rank(place.job)?;
        let higher: usize =
            own.classes.range(place.priority + 1..).map(|(_, class)| class.queued.len()).sum();
        let rank = higher + in_class;
        let before = |(key, owner): (&OwnerKey, &Owner)| -> usize {
            if *key == place.owner {
                return 0;
            }
            let first = (owner.weighted(), *key) < (own.weighted(), place.owner);
            owner.queued.min(rank + usize::from(first))
        };
        let before: usize = self.owners.iter().map(before).sum();
        u64::try_from(before + rank + 1).ok()
    }

    /// Forgets owners without open jobs whose usage has decayed to nothing.
    pub(crate) fn forget_idle_owners(&mut self, now: Duration) {
        let half_lives = now.as_secs_f64() / self.half_life.as_secs_f64();
        let Self { owners, names, .. } = self;
        owners.retain(|_, owner| {
            let keep = owner.queued > 0
                || owner.blocked > 0
                || owner.running > 0
                || !owner.usage.is_gone(half_lives);
            if !keep {
                names.remove(&owner.id);
            }
            keep
        });
    }

    fn owner_mut(&mut self, key: OwnerKey) -> &mut Owner {
        self.owners.get_mut(&key).expect("an open job's owner is known")
    }

    /// Updates an owner's place in the order of service.
    fn refresh(&mut self, key: OwnerKey, now: Duration) {
        let owner = self.owners.get_mut(&key).expect("an open job's owner is known");
        let most = owner.limits.jobs_at_once;
        let free = most.map_or(usize::MAX, |most| most.saturating_sub(owner.running) as usize);
        self.startable -= owner.startable;
        owner.startable = owner.queued.min(free);
        self.startable += owner.startable;
        let may_start = owner.startable > 0;
        owner.classes.retain(|_, class| {
            class.list(may_start, now);
            !class.is_empty()
        });
        let before = owner.listed;
        let eligible = owner.classes.values().any(|class| class.listed().is_some());
        owner.listed = eligible.then(|| {
            // An owner doesn't wait while it has no work to lease.
            let since = before.map_or(now, |(_, since)| since);
            (owner.weighted(), since.max(owner.last_served))
        });
        let after = owner.listed;
        if before != after {
            if let Some((usage, since)) = before {
                self.by_usage.remove(&(usage, key));
                self.by_wait.remove(&(since, key));
            }
            if let Some((usage, since)) = after {
                self.by_usage.insert((usage, key));
                self.by_wait.insert((since, key));
            }
        }
    }
}

impl Owner {
    fn class_mut(&mut self, priority: u8) -> &mut Class {
        self.classes.get_mut(&priority).expect("an open job's class is known")
    }
}

#[cfg(test)]
mod tests;
pub(crate) mod verify;
