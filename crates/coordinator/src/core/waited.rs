//! Jobs that callers wait for in one call (`Jobs.Simulate`). A client whose call ended before its
//! job may send the same request again: it joins the job instead of starting another one.
//!
//! This is only in memory. After a change of leaders the same request starts a new job.

use std::collections::BTreeMap;
use std::time::Duration;

use carlo_schedule::JobState;
use carlo_types::{JobId, OwnerId};

use super::Core;
use crate::entries::idempotency::Hash;

/// How long after the last call the same request still joins the job.
const JOINED_FOR: Duration = Duration::from_mins(1);
/// Jobs that can be joined. Beyond this number the same request starts a new job.
const JOBS_MAX: usize = 10_000;

/// A request, identified by its sender and its content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WaitedRequest {
    pub(crate) user: OwnerId,
    pub(crate) fingerprint: Hash,
}

/// The jobs that can be joined.
#[derive(Debug, Default)]
pub(super) struct Waited(BTreeMap<WaitedRequest, WaitedJob>);

#[derive(Debug)]
struct WaitedJob {
    job: JobId,
    /// Calls that are waiting for it.
    waiters: usize,
    /// Whether a caller was told that the job continues without them.
    goes_on: bool,
    /// The time at which the last call began or ended.
    touched: Duration,
}

impl Waited {
    pub(super) fn sweep(&mut self, now: Duration) {
        self.0.retain(|_, waited| waited.waiters > 0 || now.saturating_sub(waited.touched) < JOINED_FOR);
    }
}

impl Core {
    /// The job of the same request, if there is one that can still give results. Counts the caller
    /// as waiting.
    pub(crate) fn join_waited(&mut self, request: &WaitedRequest) -> Option<JobId> {
        let now = self.clock.now().elapsed;
        let waited = self.waited.0.get_mut(request)?;
        let is_fresh = waited.waiters > 0 || now.saturating_sub(waited.touched) < JOINED_FOR;
        let state = self.scheduler.job(waited.job, self.clock.now()).map(|view| view.state);
        if !is_fresh || !matches!(state, Some(JobState::Queued | JobState::Running | JobState::Complete)) {
            self.waited.0.remove(request);
            return None;
        }
        waited.waiters += 1;
        waited.touched = now;
        Some(waited.job)
    }

    /// Registers a new job with one waiting caller.
    pub(crate) fn wait_jointly(&mut self, request: WaitedRequest, job: JobId) {
        if self.waited.0.len() < JOBS_MAX {
            let touched = self.clock.now().elapsed;
            self.waited.0.insert(request, WaitedJob { job, waiters: 1, goes_on: false, touched });
        }
    }

    /// Ends a caller's wait. A caller who was `answered` before the job's end was told that the job
    /// continues. Returns whether the job is still wanted, because other callers wait for it or
    /// were told that it continues.
    pub(crate) fn leave(&mut self, request: &WaitedRequest, job: JobId, answered: bool) -> bool {
        let now = self.clock.now().elapsed;
        let is_open = self.scheduler.spec(job).is_some();
        let Some(waited) = self.waited.0.get_mut(request).filter(|waited| waited.job == job) else {
            return false;
        };
        waited.waiters = waited.waiters.saturating_sub(1);
        waited.goes_on |= answered && is_open;
        waited.touched = now;
        let is_wanted = waited.waiters > 0 || waited.goes_on;
        // The results were delivered, so the same request later is a new one.
        if (answered && !is_open) || !is_wanted {
            self.waited.0.remove(request);
        }
        is_wanted
    }
}
