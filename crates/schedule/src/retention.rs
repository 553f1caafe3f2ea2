//! How long ended jobs are kept: each owner's for a time and up to a count, and all of them
//! together up to another count.
//!
//! Every owner with ended jobs stands in `due`, by when the first of them is to be forgotten. So
//! looking for what is due takes logarithmic time, also after an owner's limits have changed, and
//! a caller can stop after any number of jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use carlo_types::OwnerId;

use crate::job::JobKey;

/// When a job ended, in milliseconds since this process has counted time. It is negative for jobs
/// that ended earlier.
type EndedAt = i64;

/// What an owner's ended jobs are kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionLimits {
    /// The time; `None` for no limit.
    pub kept_for: Option<Duration>,
    /// The number; `None` for no limit.
    pub jobs: Option<u32>,
}

/// Whose jobs are kept alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Owner(OwnerId),
    Previews,
}

/// Ended jobs, by when they are to be forgotten.
#[derive(Debug, Clone)]
pub(crate) struct Retention {
    default: RetentionLimits,
    previews: RetentionLimits,
    /// The most jobs of all owners together.
    jobs_max: usize,
    limits: BTreeMap<OwnerId, RetentionLimits>,
    groups: BTreeMap<Group, BTreeSet<(EndedAt, JobKey)>>,
    due: BTreeSet<(EndedAt, Group)>,
    all: BTreeSet<(EndedAt, JobKey)>,
}

impl Retention {
    pub(crate) fn new(config: &crate::Config) -> Self {
        Self {
            default: RetentionLimits { kept_for: Some(config.ended_jobs_kept), jobs: None },
            previews: RetentionLimits {
                kept_for: Some(config.ended_previews_kept),
                jobs: u32::try_from(config.ended_previews_max).ok(),
            },
            jobs_max: config.ended_jobs_max,
            limits: BTreeMap::new(),
            groups: BTreeMap::new(),
            due: BTreeSet::new(),
            all: BTreeSet::new(),
        }
    }

    /// Sets what holds for an owner; `None` for the default.
    pub(crate) fn limit(&mut self, owner: &OwnerId, limits: Option<RetentionLimits>) {
        self.change(&Group::Owner(owner.clone()), |retention, _| match limits {
            Some(limits) => drop(retention.limits.insert(owner.clone(), limits)),
            None => drop(retention.limits.remove(owner)),
        });
    }

    /// Adds a job that ended `age` before `now`. Returns what [`remove`](Self::remove) needs.
    pub(crate) fn insert(
        &mut self,
        job: JobKey,
        owner: &OwnerId,
        is_preview: bool,
        age: Duration,
        now: Duration,
    ) -> EndedAt {
        let ended_at = milliseconds(now).saturating_sub(milliseconds(age));
        self.change(&group(owner, is_preview), |_, jobs| {
            jobs.insert((ended_at, job));
        });
        self.all.insert((ended_at, job));
        ended_at
    }

    pub(crate) fn remove(&mut self, job: JobKey, owner: &OwnerId, is_preview: bool, ended_at: EndedAt) {
        self.change(&group(owner, is_preview), |_, jobs| {
            jobs.remove(&(ended_at, job));
        });
        self.all.remove(&(ended_at, job));
    }

    /// A job that is to be forgotten now, if there is one.
    pub(crate) fn next_due(&self, now: Duration) -> Option<JobKey> {
        let due = self.due.first().filter(|(at, _)| *at <= milliseconds(now));
        let of_group = due.and_then(|(_, group)| self.groups.get(group)?.first());
        let of_all = || self.all.first().filter(|_| self.all.len() > self.jobs_max);
        of_group.or_else(of_all).map(|(_, job)| *job)
    }

    /// Changes a group, and keeps its place in `due` right.
    fn change(&mut self, group: &Group, change: impl FnOnce(&mut Self, &mut BTreeSet<(EndedAt, JobKey)>)) {
        let mut jobs = self.groups.remove(group).unwrap_or_default();
        if let Some(at) = self.due_at(group, &jobs) {
            self.due.remove(&(at, group.clone()));
        }
        change(self, &mut jobs);
        if let Some(at) = self.due_at(group, &jobs) {
            self.due.insert((at, group.clone()));
        }
        if !jobs.is_empty() {
            self.groups.insert(group.clone(), jobs);
        }
    }

    /// When the first of a group's jobs is to be forgotten; `None` if no limit says so.
    fn due_at(&self, group: &Group, jobs: &BTreeSet<(EndedAt, JobKey)>) -> Option<EndedAt> {
        let (first, _) = jobs.first()?;
        let limits = match group {
            Group::Owner(owner) => self.limits.get(owner).unwrap_or(&self.default),
            Group::Previews => &self.previews,
        };
        if limits.jobs.is_some_and(|most| jobs.len() > most as usize) {
            return Some(EndedAt::MIN);
        }
        limits.kept_for.map(|time| first.saturating_add(milliseconds(time)))
    }

    /// # Panics
    ///
    /// Unless exactly these jobs are in it, each with its owner, whether it is a preview, and when
    /// it ended.
    pub(crate) fn verify<'a>(&self, ended: impl Iterator<Item = (JobKey, &'a OwnerId, bool, EndedAt)>) {
        let mut expected: BTreeMap<Group, BTreeSet<_>> = BTreeMap::new();
        for (job, owner, is_preview, at) in ended {
            expected.entry(group(owner, is_preview)).or_default().insert((at, job));
        }
        assert_eq!(self.groups, expected, "ended jobs by owner");
        assert!(self.all.iter().eq(expected.values().flatten().collect::<BTreeSet<_>>()), "ended jobs");
        let due =
            expected.iter().filter_map(|(group, jobs)| Some((self.due_at(group, jobs)?, group.clone())));
        assert_eq!(self.due, due.collect(), "owners by when a job is to be forgotten");
    }
}

fn group(owner: &OwnerId, is_preview: bool) -> Group {
    if is_preview { Group::Previews } else { Group::Owner(owner.clone()) }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
