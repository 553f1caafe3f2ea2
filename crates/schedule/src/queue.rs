//! Which job gets the next lease. Knows jobs by key only; what a job is made of doesn't belong here.
//!
//! The next lease goes
//!
//! 1. to the **owner** with the least decayed usage, divided by the owner's weight. Whoever has used nothing lately comes first, whatever
//!    priority others give their jobs. At most one lease in [`WAITED_EVERY`] goes to an owner who has waited for `ageing` instead, the
//!    longest waiting first, so that newcomers can't keep the others out;
//! 2. within an owner, to the **class** (its jobs of one priority) of the highest level: the priority, and one point more for each `ageing`
//!    that the class has waited since it last got a lease, or since it has had something to lease, if that was later;
//! 3. within a class, to the first queued job, else to the running job that was served least. A running job that has waited for
//!    `ageing` goes first, every second time: so neither a stream of new jobs nor a crowd of old ones blocks the other.
//!
//! A choice costs one look at each priority that the owner uses, and logarithms.

mod class;
mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use carlo_types::OwnerId;

use crate::command::OwnerLimits;
use crate::job::JobKey;
use class::Class;
use usage::Usage;

/// An owner within this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OwnerKey(u64);

/// Where a job stands in the queue: enough to find it in its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) owner: OwnerKey,
    pub(crate) priority: u8,
    pub(crate) job: JobKey,
}

/// One lease in so many may go to an owner for having waited.
const WAITED_EVERY: u32 = 4;

#[derive(Debug, Clone)]
struct Owner {
    id: OwnerId,
    usage: Usage,
    limits: OwnerLimits,
    running: u32,
    queued: usize,
    /// Jobs that their batches keep out of the queue.
    blocked: usize,
    /// Queued jobs that the limit allows to start now.
    startable: usize,
    classes: BTreeMap<u8, Class>,
    last_served: Duration,
    /// Under which keys the owner is in the order of service, while it has something to lease.
    listed: Option<(Usage, Duration)>,
}

impl Owner {
    /// The usage that owners are compared by.
    fn weighted(&self) -> Usage {
        self.usage.divided_by(self.limits.weight)
    }
}

/// Every open job, in the order of service.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    ageing: Duration,
    half_life: Duration,
    jobs_per_owner: Option<u32>,
    /// Of owners for whom something else was said than the configuration says.
    limits: BTreeMap<OwnerId, OwnerLimits>,
    running_jobs_max: usize,
    owners: BTreeMap<OwnerKey, Owner>,
    names: BTreeMap<OwnerId, OwnerKey>,
    owner_next: u64,
    /// Owners that have something to lease, by weighted usage and by since when they wait.
    by_usage: BTreeSet<(Usage, OwnerKey)>,
    by_wait: BTreeSet<(Duration, OwnerKey)>,
    /// Leases since the last one that an owner got for having waited.
    leases_since_waited: u32,
    ready: usize,
    startable: usize,
}

impl Queue {
    pub(crate) fn new(config: &crate::Config) -> Self {
        Self {
            ageing: config.ageing.max(Duration::from_millis(1)),
            half_life: config.usage_half_life.max(Duration::from_millis(1)),
            jobs_per_owner: config.jobs_per_owner,
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

    /// The key of an owner, made where there is none.
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

    /// Bounds what an owner may have. This is remembered even while the owner itself is forgotten.
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
        self.limits.get(id).copied().unwrap_or(OwnerLimits { jobs_at_once: self.jobs_per_owner, weight: 1.0 })
    }

    /// A job of the owner is held back.
    pub(crate) fn block(&mut self, owner: OwnerKey) {
        self.owner_mut(owner).blocked += 1;
    }

    /// A job of the owner isn't held back any more.
    pub(crate) fn unblock(&mut self, owner: OwnerKey) {
        self.owner_mut(owner).blocked -= 1;
    }

    /// A queued job waits for its first lease.
    pub(crate) fn enqueue(&mut self, place: Place, now: Duration) {
        let owner = self.owner_mut(place.owner);
        owner.queued += 1;
        owner.classes.entry(place.priority).or_default().queued.insert(place.job);
        self.refresh(place.owner, now);
    }

    /// A queued job ended before it started.
    pub(crate) fn dequeue(&mut self, place: Place, now: Duration) {
        let owner = self.owner_mut(place.owner);
        owner.queued -= 1;
        owner.class_mut(place.priority).queued.remove(place.job);
        self.refresh(place.owner, now);
    }

    /// A job that isn't queued runs.
    pub(crate) fn start(&mut self, place: Place, now: Duration) {
        let owner = self.owner_mut(place.owner);
        owner.running += 1;
        owner.classes.entry(place.priority).or_default().running += 1;
        self.refresh(place.owner, now);
    }

    /// A running job, not ready any more, ended.
    pub(crate) fn end(&mut self, place: Place, now: Duration) {
        let owner = self.owner_mut(place.owner);
        owner.running -= 1;
        owner.class_mut(place.priority).running -= 1;
        self.refresh(place.owner, now);
    }

    /// Says whether a running job has something to lease, and how much and when it was served last.
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

    /// A lease of `path_months` was given to a job of this class.
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

    /// The owner whose turn it is for having waited longest, if it is time for that.
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

    /// The owner's limit, if that alone keeps its queued jobs from starting.
    pub(crate) fn limited_to(&self, owner: OwnerKey) -> Option<u32> {
        self.owners.get(&owner).filter(|owner| owner.queued > 0 && owner.startable == 0)?.limits.jobs_at_once
    }

    /// Running jobs of the owner that have at least this priority, running jobs of other owners,
    /// and how many other owners with something to lease have used less lately.
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

    /// From 1: how many queued jobs get their first lease before this one, if none is submitted,
    /// and this one. Owners take turns, the one with the least usage first.
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

    /// Forgets owners without open jobs whose usage has decayed away.
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

    /// Brings the order of service up to date with an owner.
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
            // An owner doesn't wait while it has nothing to lease.
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
