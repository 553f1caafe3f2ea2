//! How long open jobs will probably wait and take. The views in [`crate::view`] show it.

use std::cell::{LazyCell, RefCell};
use std::collections::BTreeMap;

use carlo_types::Merge;

use crate::job::Job;
use crate::listing::{Filter, Page};
use crate::queue::OwnerKey;
use crate::record::JobState;
use crate::scheduler::Scheduler;

/// The most running jobs of an owner that are examined to find out which will end first.
const RUNNING_LOOKED_AT: usize = 100;

/// Estimates for the jobs of one response. What depends on all nodes, or on an owner's running jobs,
/// is found out at most once.
pub(crate) struct Outlook<'a, P> {
    scheduler: &'a Scheduler<P>,
    /// The seconds from one queued job's first lease to the next one's.
    per_position: LazyCell<f64, Box<dyn FnOnce() -> f64 + 'a>>,
    /// The seconds until the first running job of an owner ends.
    to_end: RefCell<BTreeMap<OwnerKey, f64>>,
}

impl<P: Merge + Clone + PartialEq> Scheduler<P> {
    pub(crate) fn outlook(&self) -> Outlook<'_, P> {
        let per_position =
            LazyCell::new(Box::new(|| self.seconds_per_position()) as Box<dyn FnOnce() -> f64>);
        Outlook { scheduler: self, per_position, to_end: RefCell::default() }
    }

    /// Each node asks for a lease about once in the duration of a lease, and a free one at once.
    fn seconds_per_position(&self) -> f64 {
        if self.fleet.idle_node().is_some() {
            return 0.0;
        }
        let nodes = self.fleet.iter().filter(|(_, node)| node.is_open()).count().max(1);
        self.lease_target().as_secs_f64() / nodes as f64
    }

    /// The seconds that `simulations` of so many months take if their job gets a share of 1 /
    /// `parts` of the cluster's speed. `None` while that speed is unknown.
    pub(crate) fn seconds_at_share(&self, simulations: f64, months: u32, parts: u64) -> Option<f64> {
        let speed = self.fleet.speed();
        let known = self.fleet.is_measured() && speed > 0.0;
        known.then(|| simulations * f64::from(months) * parts as f64 / speed)
    }
}

impl<P: Merge + Clone + PartialEq> Outlook<'_, P> {
    /// The estimated seconds until the queued job at this position gets a lease.
    pub(crate) fn to_start(&self, position: u64) -> f64 {
        position as f64 * *self.per_position
    }

    /// The estimated seconds until the first running job of the same owner ends; 0 if that is
    /// unknown.
    pub(crate) fn to_end(&self, job: &Job<P>) -> f64 {
        *self.to_end.borrow_mut().entry(job.owner_key).or_insert_with(|| {
            let scheduler = self.scheduler;
            let state = Some(JobState::Running);
            let filter = Filter { owner: Some(job.owner.clone()), state, ..Filter::default() };
            let running = scheduler.listing.page(&filter, Page { skip: 0, take: RUNNING_LOOKED_AT });
            let parts = running.len().try_into().unwrap_or(u64::MAX);
            let left = running.iter().filter_map(|key| {
                let job = &scheduler.jobs[key];
                let expected = job.running()?.fold.expected_simulations();
                let left = expected.saturating_sub(job.simulations_done()) as f64;
                scheduler.seconds_at_share(left, job.months, parts)
            });
            left.min_by(f64::total_cmp).unwrap_or_default()
        })
    }

    /// The estimated seconds until a queued job ends, if it shares the cluster with the running
    /// jobs and the queued ones before it.
    pub(crate) fn queued(&self, job: &Job<P>, position: u64) -> Option<f64> {
        let running = self.scheduler.count_all(JobState::Running);
        let parts = position.saturating_add(running.try_into().unwrap_or(u64::MAX));
        self.scheduler.seconds_at_share(job.simulations as f64, job.months, parts)
    }
}
