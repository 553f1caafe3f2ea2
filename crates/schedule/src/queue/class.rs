//! The jobs of one owner and one priority.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::job::JobKey;

#[derive(Debug, Clone, Default)]
pub(super) struct Class {
    pub(super) queued: Queued,
    pub(super) ready: Ready,
    /// Started jobs, ready or not.
    pub(super) running: u32,
    last_served: Duration,
    /// Whether the last lease went to a job because of a long wait.
    aged: bool,
    /// Since when the class has waited for a lease, while it has work to lease.
    listed: Option<Duration>,
}

impl Class {
    /// The job that gets the class's next lease.
    pub(super) fn next(
        &self,
        may_start: bool,
        finish_first: bool,
        ageing: Duration,
        now: Duration,
    ) -> Option<JobKey> {
        let waited = self.ready.longest_waiting().filter(|(since, _)| now.saturating_sub(*since) >= ageing);
        if let Some((_, job)) = waited
            && !self.aged
        {
            return Some(job);
        }
        let queued = self.queued.first().filter(|_| may_start);
        let running = self.ready.least_served();
        if finish_first { running.or(queued) } else { queued.or(running) }
    }

    /// Records that `job` got a lease.
    pub(super) fn serve(&mut self, job: JobKey, ageing: Duration, now: Duration) {
        let waited = self.ready.waiting_since(job).is_some_and(|since| now.saturating_sub(since) >= ageing);
        self.aged = waited && !self.aged;
        self.last_served = now;
    }

    /// Updates whether the class has work to lease, and since when it has waited.
    pub(super) fn list(&mut self, may_start: bool, now: Duration) {
        let eligible = !self.ready.is_empty() || (may_start && !self.queued.is_empty());
        // A class doesn't age while it has no work to lease.
        self.listed = eligible.then(|| self.listed.unwrap_or(now).max(self.last_served));
    }

    pub(super) fn listed(&self) -> Option<Duration> {
        self.listed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running == 0 && self.queued.is_empty()
    }
}

/// Queued jobs in the order of arrival, in chunks of keys, so that a rank is found without visiting
/// all of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Queued {
    chunks: BTreeMap<u64, BTreeSet<JobKey>>,
    len: usize,
}

/// Keys per chunk.
const CHUNK: u64 = 256;

impl Queued {
    pub(super) fn insert(&mut self, job: JobKey) {
        self.len += usize::from(self.chunks.entry(job.0 / CHUNK).or_default().insert(job));
    }

    pub(super) fn remove(&mut self, job: JobKey) {
        if let Some(chunk) = self.chunks.get_mut(&(job.0 / CHUNK)) {
            self.len -= usize::from(chunk.remove(&job));
            if chunk.is_empty() {
                self.chunks.remove(&(job.0 / CHUNK));
            }
        }
    }

    pub(super) fn first(&self) -> Option<JobKey> {
        self.chunks.first_key_value().and_then(|(_, chunk)| chunk.first().copied())
    }

    /// The number of jobs before `job`; `None` if it isn't queued.
    pub(super) fn rank(&self, job: JobKey) -> Option<usize> {
        let chunk = self.chunks.get(&(job.0 / CHUNK)).filter(|chunk| chunk.contains(&job))?;
        let before: usize = self.chunks.range(..job.0 / CHUNK).map(|(_, chunk)| chunk.len()).sum();
        Some(before + chunk.range(..job).count())
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = JobKey> {
        self.chunks.values().flatten().copied()
    }
}

/// Running jobs with work to lease, by the amount and the time of their leases.
#[derive(Debug, Clone, Default)]
pub(super) struct Ready {
    keys: BTreeMap<JobKey, (u64, Duration)>,
    by_served: BTreeSet<(u64, JobKey)>,
    by_wait: BTreeSet<(Duration, JobKey)>,
}

impl Ready {
    /// Adds, moves or removes a job. Returns whether that changed anything.
    pub(super) fn set(&mut self, job: JobKey, ready: Option<(u64, Duration)>) -> bool {
        let before = match ready {
            Some(keys) => self.keys.insert(job, keys),
            None => self.keys.remove(&job),
        };
        if before == ready {
            return false;
        }
        if let Some((served, since)) = before {
            self.by_served.remove(&(served, job));
            self.by_wait.remove(&(since, job));
        }
        if let Some((served, since)) = ready {
            self.by_served.insert((served, job));
            self.by_wait.insert((since, job));
        }
        true
    }

    pub(super) fn contains(&self, job: JobKey) -> bool {
        self.keys.contains_key(&job)
    }

    pub(super) fn get(&self, job: JobKey) -> Option<(u64, Duration)> {
        self.keys.get(&job).copied()
    }

    pub(super) fn waiting_since(&self, job: JobKey) -> Option<Duration> {
        self.get(job).map(|(_, since)| since)
    }

    pub(super) fn least_served(&self) -> Option<JobKey> {
        self.by_served.first().map(|(_, job)| *job)
    }

    pub(super) fn longest_waiting(&self) -> Option<(Duration, JobKey)> {
        self.by_wait.first().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn verify(&self) {
        let served = self.keys.iter().map(|(job, (served, _))| (*served, *job)).collect();
        let waits = self.keys.iter().map(|(job, (_, since))| (*since, *job)).collect();
        assert_eq!(self.by_served, served, "ready jobs by service");
        assert_eq!(self.by_wait, waits, "ready jobs by wait");
    }
}
