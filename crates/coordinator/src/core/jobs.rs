//! Operations on jobs for callers. A caller can read and cancel only their own.

use std::sync::Arc;

use carlo_schedule::{Command, Filter, JobState, JobView, Page};
use carlo_tenancy::{Admission, Caller, RateStatus};
use carlo_types::{Fault, FaultCode, JobId, JobSpec, Timestamp, Work};
use tokio::sync::oneshot;

use super::{Core, Topic};
use crate::job_metadata::JobMetadata;
use crate::snapshot::JobSnapshot;

/// A job to be submitted.
#[derive(Debug, Clone)]
pub(crate) struct NewJob {
    /// A fresh id.
    pub(crate) id: JobId,
    pub(crate) spec: Arc<JobSpec>,
    /// 0 to 100.
    pub(crate) priority: u8,
    pub(crate) name: Option<String>,
}

impl Core {
    pub(crate) fn submit(&mut self, caller: &Caller, new: NewJob) -> Result<JobSnapshot, Fault> {
        let NewJob { id: job, spec, priority, name } = new;
        self.make_room(1)?;
        let now = self.clock.now();
        self.check_storage(caller, std::iter::once(spec.as_ref()))?;
        let jobs = [(job, Work::of(&spec))];
        self.tenancy.admit_jobs(caller, &jobs, None, now.wall)?;
        let price = self.tenancy.terms().price_per_token;
        if name.is_some() {
            self.job_metadata.insert(job, JobMetadata { custom_id: None, name });
        }
        self.apply(Command::Submit { job, owner: caller.user.clone(), spec, priority, price })?;
        Ok(self.snapshot(job).expect("the job was submitted above"))
    }

    /// Refuses jobs that the scheduler would refuse, before they are counted against the caller's
    /// quota.
    pub(super) fn make_room(&self, jobs: usize) -> Result<(), Fault> {
        let room = self.scheduler.room();
        if jobs <= room {
            return Ok(());
        }
        let message = format!("the cluster has as many open jobs as it takes; there is room for {room}");
        Err(Fault { retry_after_seconds: Some(10), ..Fault::new(FaultCode::Exhausted, message) })
    }

    pub(crate) fn cancel(
        &mut self,
        caller: &Caller,
        job: JobId,
        reason: Option<String>,
    ) -> Result<JobSnapshot, Fault> {
        self.require_owner(caller, job)?;
        self.apply(Command::Cancel { job, reason })?;
        Ok(self.snapshot(job).expect("a cancelled job is kept"))
    }

    /// One of the caller's jobs, with its fold.
    pub(crate) fn get(&self, caller: &Caller, job: JobId) -> Result<JobSnapshot, Fault> {
        self.require_owner(caller, job)?;
        self.snapshot_with_fold(job).ok_or_else(|| no_such_job(job))
    }

    /// Checks whether the caller with this key may see a cached job that ended at this time. If so,
    /// admits and counts a call of theirs and returns the state of their rate limits. Otherwise
    /// returns `None` and changes nothing.
    pub(crate) fn revalidate(&mut self, key: Option<&str>, job: JobId, at: Timestamp) -> Option<RateStatus> {
        let caller = self.authenticate(key).ok()?;
        let now = self.clock.now();
        let is_theirs = caller.require_owner(self.scheduler.owner(job)?).is_ok();
        let is_it = self.scheduler.ended_at(job) == Some(at);
        if !is_theirs || !is_it || self.tenancy.has_no_calls_left(&caller, now.wall) {
            return None;
        }
        let Admission { rate, admitted } = self.tenancy.admit_call(&caller, now);
        admitted.ok().map(|()| rate)
    }

    /// The specification of an open job. Sessions need it to check reports.
    pub(crate) fn spec(&self, job: JobId) -> Option<Arc<JobSpec>> {
        self.scheduler.spec(job)
    }

    /// A job of any owner, with its fold.
    pub(crate) fn snapshot_with_fold(&self, job: JobId) -> Option<JobSnapshot> {
        Some(JobSnapshot { fold: self.scheduler.fold(job), ..self.snapshot(job)? })
    }

    /// A receiver that resolves when the job's status changes or the job expires; `None` if it has
    /// ended.
    pub(crate) fn wait_for(&mut self, job: JobId) -> Option<oneshot::Receiver<()>> {
        let is_open = self.scheduler.spec(job).is_some();
        is_open.then(|| self.watchers.wait(Topic::Job(job)))
    }

    /// The number of the caller's jobs in this state, and a page of them, newest first.
    pub(crate) fn list(
        &self,
        caller: &Caller,
        state: Option<JobState>,
        page: Page,
    ) -> (usize, Vec<JobSnapshot>) {
        let filter = Filter { owner: Some(caller.user.clone()), state };
        let (total, views) = self.scheduler.jobs(&filter, page, self.clock.now());
        (total, views.into_iter().map(|view| self.with_metadata(view)).collect())
    }

    pub(super) fn require_owner(&self, caller: &Caller, job: JobId) -> Result<(), Fault> {
        let owner = self.scheduler.owner(job).ok_or_else(|| no_such_job(job))?;
        Ok(caller.require_owner(owner)?)
    }

    /// A job of any owner, without its fold.
    pub(super) fn snapshot(&self, job: JobId) -> Option<JobSnapshot> {
        Some(self.with_metadata(self.scheduler.job(job, self.clock.now())?))
    }

    fn with_metadata(&self, view: JobView) -> JobSnapshot {
        let metadata = self.job_metadata.get(&view.id).cloned().unwrap_or_default();
        JobSnapshot { view, metadata, fold: None }
    }
}

/// The fault of a request for an unknown job.
pub(crate) fn no_such_job(id: JobId) -> Fault {
    Fault::new(FaultCode::NotFound, format!("there is no job {id}"))
}
