//! Which job gets the next lease. Knows jobs by key only; what a job is made of doesn't belong here.
//!
//! Jobs of one owner and one priority form a **class**. The next lease goes
//!
//! 1. to the highest level: a class's priority, and one point more for each `ageing` that it has waited since it last got a lease
//!    (or since it has had something to lease, if that was later);
//! 2. among classes of that level, to the owner with the least decayed usage; where ageing raised them, to the one that waits longest;
//! 3. within a class, to the first queued job, else to the running job that was served least. A running job that has waited for
//!    `ageing` goes first, every second time: so neither a stream of new jobs nor a crowd of old ones blocks the other.
//!
//! A choice costs one look at each priority in use, and logarithms.

mod class;
mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use carlo_types::OwnerId;

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

#[derive(Debug, Clone)]
struct Owner {
    id: OwnerId,
    usage: Usage,
    /// Jobs that may run at once.
    limit: Option<u32>,
    running: u32,
    queued: usize,
    /// Jobs that are held back.
    blocked: usize,
    /// Queued jobs that the limit allows to start now.
    startable: usize,
    classes: BTreeMap<u8, Class>,
}

/// The classes of one priority that have something to lease now.
#[derive(Debug, Clone, Default)]
struct Level {
    by_usage: BTreeSet<(Usage, OwnerKey)>,
    by_wait: BTreeSet<(Duration, OwnerKey)>,
}

/// Every open job, in the order of service.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    ageing: Duration,
    half_life: Duration,
    jobs_per_owner: Option<u32>,
    running_jobs_max: usize,
    owners: BTreeMap<OwnerKey, Owner>,
    names: BTreeMap<OwnerId, OwnerKey>,
    owner_next: u64,
    levels: BTreeMap<u8, Level>,
    ready: usize,
    startable: usize,
}

impl Queue {
    pub(crate) fn new(config: &crate::Config) -> Self {
        Self {
            ageing: config.ageing.max(Duration::from_millis(1)),
            half_life: config.usage_half_life.max(Duration::from_millis(1)),
            jobs_per_owner: config.jobs_per_owner,
            running_jobs_max: config.running_jobs_max,
            owners: BTreeMap::new(),
            names: BTreeMap::new(),
            owner_next: 0,
            levels: BTreeMap::new(),
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
            limit: self.jobs_per_owner,
            running: 0,
            queued: 0,
            blocked: 0,
            startable: 0,
            classes: BTreeMap::new(),
        };
        self.owners.insert(key, owner);
        key
    }

    /// Bounds how many of an owner's jobs run at once.
    pub(crate) fn limit(&mut self, id: &OwnerId, jobs: Option<u32>, now: Duration) {
        let key = self.owner(id);
        self.owner_mut(key).limit = jobs;
        self.refresh(key, now);
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
        let owner = self.owner_mut(place.owner);
        owner.usage = owner.usage.plus(path_months, half_lives);
        owner.class_mut(place.priority).serve(place.job, ageing, now);
        self.refresh(place.owner, now);
    }

    /// The job that gets the next lease.
    pub(crate) fn next(&self, now: Duration) -> Option<JobKey> {
        let heads = self.levels.iter().filter_map(|(priority, level)| {
            let (since, waiting) = level.by_wait.first()?;
            let points = now.saturating_sub(*since).as_nanos() / self.ageing.as_nanos();
            let owner = if points == 0 { level.by_usage.first()?.1 } else { *waiting };
            Some((u128::from(*priority) + points, *priority, owner))
        });
        // The highest level; among equals the owner with the least usage; then the higher priority.
        let (_, priority, owner) = heads.min_by_key(|(points, priority, owner)| {
            (std::cmp::Reverse(*points), self.owners[owner].usage, std::cmp::Reverse(*priority), *owner)
        })?;
        let owner = &self.owners[&owner];
        owner.classes[&priority].next(
            owner.startable > 0,
            self.ready >= self.running_jobs_max,
            self.ageing,
            now,
        )
    }

    /// Jobs that could get a lease now.
    pub(crate) fn competitors(&self) -> usize {
        self.ready + self.startable
    }

    /// The owner's limit, if that alone keeps its queued jobs from starting.
    pub(crate) fn limited_to(&self, owner: OwnerKey) -> Option<u32> {
        self.owners.get(&owner).filter(|owner| owner.queued > 0 && owner.startable == 0)?.limit
    }

    /// Running jobs of at least this priority.
    pub(crate) fn running_from(&self, priority: u8) -> u32 {
        let classes = self.owners.values().flat_map(|owner| owner.classes.range(priority..));
        classes.map(|(_, class)| class.running).sum()
    }

    /// From 1: how many queued jobs get their first lease before this one, if none is submitted, and this one. Owners of
    /// one priority take turns, the one with the least usage first.
    pub(crate) fn position(&self, place: Place) -> Option<u64> {
        let own = self.owners.get(&place.owner)?;
        let rank = own.classes.get(&place.priority)?.queued.rank(place.job)?;
        let before = |(key, owner): (&OwnerKey, &Owner)| -> usize {
            let higher: usize =
                owner.classes.range(place.priority + 1..).map(|(_, class)| class.queued.len()).sum();
            let same = match owner.classes.get(&place.priority) {
                Some(class) if *key != place.owner => {
                    let first = (owner.usage, *key) < (own.usage, place.owner);
                    class.queued.len().min(rank + usize::from(first))
                }
                _ => 0,
            };
            higher + same
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

    /// Brings the levels up to date with an owner.
    fn refresh(&mut self, key: OwnerKey, now: Duration) {
        let owner = self.owners.get_mut(&key).expect("an open job's owner is known");
        let free = owner.limit.map_or(usize::MAX, |most| most.saturating_sub(owner.running) as usize);
        self.startable -= owner.startable;
        owner.startable = owner.queued.min(free);
        self.startable += owner.startable;
        let (usage, may_start) = (owner.usage, owner.startable > 0);
        owner.classes.retain(|priority, class| {
            let listed = class.list(may_start, usage, now);
            if listed.before != listed.after {
                let level = self.levels.entry(*priority).or_default();
                if let Some((usage, since)) = listed.before {
                    level.by_usage.remove(&(usage, key));
                    level.by_wait.remove(&(since, key));
                }
                if let Some((usage, since)) = listed.after {
                    level.by_usage.insert((usage, key));
                    level.by_wait.insert((since, key));
                }
                if level.by_usage.is_empty() {
                    self.levels.remove(priority);
                }
            }
            !class.is_empty()
        });
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
