//! Operations on jobs for callers. Only administrators have access to those
//! of other users.

use std::sync::Arc;

use carlo_schedule::{Command, Filter, JobView, Page};
use carlo_tenancy::{Admission, Caller, RateStatus};
use carlo_types::webhook::WebhookSecret;
use carlo_types::{Fault, FaultCode, JobId, JobSpec, OwnerId, Timestamp, Work};
use carlo_wire::v1::AuditAction;
use tokio::sync::oneshot;

use super::{Core, EventTarget, Topic};
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
    /// Whether its answer is looked at once.
    pub(crate) is_preview: bool,
    pub(crate) notify: EventTarget,
}

/// What is to be changed of a job; what is absent stays.
#[derive(Debug, Clone)]
pub(crate) struct JobChanges {
    pub(crate) priority: Option<u8>,
    pub(crate) name: Option<String>,
}

/// Whose jobs or batches a list is of.
#[derive(Debug, Clone)]
pub(crate) struct OwnerFilter {
    /// Everybody's.
    pub(crate) all: bool,
    /// This user's; the caller's where empty.
    pub(crate) user: String,
}

impl OwnerFilter {
    /// The owner that a list is of, or `None` for all. Refused where it is not the caller's to see.
    pub(crate) fn owner(&self, caller: &Caller) -> Result<Option<OwnerId>, Fault> {
        if self.user == caller.user.as_str() || (self.user.is_empty() && !self.all) {
            return Ok(Some(caller.user.clone()));
        }
        caller.require_admin()?;
        Ok(Some(self.user.as_str()).filter(|user| !user.is_empty()).map(OwnerId::new))
    }
}

impl Core {
    /// Queues a job. Also returns the secret of its webhook, if one was made.
    pub(crate) fn submit(
        &mut self,
        caller: &Caller,
        new: NewJob,
    ) -> Result<(JobSnapshot, Option<WebhookSecret>), Fault> {
        let NewJob { id: job, spec, priority, name, is_preview, notify } = new;
        self.make_room(1)?;
        let now = self.clock.now();
        self.check_storage(caller, std::iter::once(spec.as_ref()))?;
        self.check_webhook(&caller.user, &notify, "/webhook")?;
        let work = Work::of(&spec);
        if is_preview {
            self.tenancy.admit_preview(caller, job, work, now.wall)?;
        } else {
            self.tenancy.admit_jobs(caller, &[(job, work)], None, now.wall)?;
        }
        let price = self.tenancy.terms().price_per_token;
        let (hook, made) = self.subscribe(caller, notify);
        if name.is_some() || hook.is_some() {
            self.job_metadata.insert(job, JobMetadata { custom_id: None, name, hook });
        }
        let owner = caller.user.clone();
        self.apply(Command::Submit { job, owner, spec, priority, price, is_preview })?;
        Ok((self.snapshot(job).expect("the job was submitted above"), made))
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
        let owner = self.require_owner(caller, job)?;
        let why = reason.clone();
        self.apply(Command::Cancel { job, reason })?;
        self.audit_other(caller, &owner, AuditAction::JobCancelled, job.to_string(), why.as_deref());
        Ok(self.snapshot(job).expect("a cancelled job is kept"))
    }

    /// Changes the priority or the name of a job that has not ended.
    pub(crate) fn update(
        &mut self,
        caller: &Caller,
        job: JobId,
        JobChanges { priority, name }: JobChanges,
    ) -> Result<JobSnapshot, Fault> {
        let owner = self.require_owner(caller, job)?;
        let before = self.snapshot(job).ok_or_else(|| no_such_job(job))?;
        let priority = priority.unwrap_or(before.view.priority);
        let mut said = vec![format!("priority {priority}")];
        // The record that the command puts out is written with the name.
        let metadata = self.job_metadata.get(&job).cloned();
        if let Some(name) = name {
            said.push(format!("name {name:?}"));
            self.job_metadata.entry(job).or_default().name = Some(name);
        }
        if let Err(fault) = self.apply(Command::Reprioritize { job, priority }) {
            match metadata {
                Some(metadata) => drop(self.job_metadata.insert(job, metadata)),
                None => drop(self.job_metadata.remove(&job)),
            }
            return Err(fault);
        }
        let (action, object) = (AuditAction::JobUpdated, job.to_string());
        self.audit_other(caller, &owner, action, object, Some(&said.join(", ")));
        Ok(self.snapshot(job).expect("an open job is kept"))
    }

    /// Deletes a job that has ended.
    pub(crate) fn delete(&mut self, caller: &Caller, job: JobId) -> Result<(), Fault> {
        let owner = self.require_owner(caller, job)?;
        self.apply(Command::Forget { job })?;
        self.audit_other(caller, &owner, AuditAction::JobDeleted, job.to_string(), None);
        tracing::info!(%job, "job deleted");
        Ok(())
    }

    /// One of the caller's jobs, with its fold.
    pub(crate) fn get(&self, caller: &Caller, job: JobId) -> Result<JobSnapshot, Fault> {
        self.require_owner(caller, job)?;
        self.snapshot_with_fold(job).ok_or_else(|| no_such_job(job))
    }

    /// Checks whether the caller with this key may see a cached job that ended at this time, and was
    /// read after this verdict. If so, admits and counts a call of theirs and returns the state of
    /// their rate limits. Otherwise returns `None` and changes nothing.
    pub(crate) fn revalidate(
        &mut self,
        key: Option<&str>,
        job: JobId,
        at: Timestamp,
        verdict: u64,
    ) -> Option<RateStatus> {
        let caller = self.authenticate(key).ok()?;
        let now = self.clock.now();
        let is_theirs = caller.require_owner(self.scheduler.owner(job)?).is_ok();
        let is_it = self.scheduler.ended_at(job) == Some(at) && self.scheduler.latest_verdict() == verdict;
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

    /// The number of matching jobs, and a page of them, newest or oldest first.
    pub(crate) fn list(&self, filter: &Filter, page: Page, oldest_first: bool) -> (usize, Vec<JobSnapshot>) {
        let now = self.clock.now();
        let (total, mut views) = if oldest_first {
            let total = self.scheduler.count(filter);
            let newer = total.saturating_sub(page.skip.saturating_add(page.take));
            let take = total.saturating_sub(page.skip).min(page.take);
            self.scheduler.jobs(filter, Page { skip: newer, take }, now)
        } else {
            self.scheduler.jobs(filter, page, now)
        };
        if oldest_first {
            views.reverse();
        }
        (total, views.into_iter().map(|view| self.with_metadata(view)).collect())
    }

    /// Those of these jobs that are still there, as lists show them: without the contributions of
    /// nodes, because those of a thousand jobs on thousands of nodes would not fit into a message.
    pub(crate) fn listed(&self, jobs: impl Iterator<Item = JobId>) -> Vec<JobSnapshot> {
        let views = self.scheduler.listed(jobs, self.clock.now());
        views.into_iter().map(|view| self.with_metadata(view)).collect()
    }

    /// The owner of a job that the caller may reach.
    pub(super) fn require_owner(&self, caller: &Caller, job: JobId) -> Result<OwnerId, Fault> {
        let owner = self.scheduler.owner(job).ok_or_else(|| no_such_job(job))?;
        caller.require_owner(owner)?;
        Ok(owner.clone())
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
