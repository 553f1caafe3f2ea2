//! Operations on batches for callers. A caller can read and cancel only their own.

use std::sync::Arc;

use carlo_schedule::{BatchRecord, BatchState, BatchStats, BatchView, Command, Filter, NewBatch, Page};
use carlo_tenancy::Caller;
use carlo_types::{BatchId, Fault, FaultCode, JobId, JobSpec, Money, Work};
use tokio::sync::oneshot;

use super::{Core, Topic};
use crate::job_metadata::JobMetadata;
use crate::snapshot::JobSnapshot;

/// A batch to be submitted.
#[derive(Debug, Clone)]
pub(crate) struct BatchRequest {
    /// A fresh id.
    pub(crate) id: BatchId,
    /// The jobs, each with a fresh id and the custom id from the request; at least one.
    pub(crate) jobs: Vec<(JobId, Arc<JobSpec>, Option<String>)>,
    pub(crate) parallel_jobs: u32,
    pub(crate) fail_fast: bool,
    pub(crate) cap: Option<Money>,
    pub(crate) priority: u8,
    pub(crate) metadata_json: String,
}

impl Core {
    /// Submits all jobs of a batch, or none.
    pub(crate) fn create_batch(
        &mut self,
        caller: &Caller,
        request: BatchRequest,
    ) -> Result<BatchView, Fault> {
        self.make_room(request.jobs.len())?;
        let BatchRequest { id, jobs, parallel_jobs, fail_fast, cap, priority, metadata_json } = request;
        self.check_storage(caller, jobs.iter().map(|(_, spec, _)| spec.as_ref()))?;
        let works: Vec<_> = jobs.iter().map(|(job, spec, _)| (*job, Work::of(spec))).collect();
        let budget = carlo_tenancy::NewBatch { id, cap };
        self.tenancy.admit_jobs(caller, &works, Some(budget), self.clock.now().wall)?;
        let mut specs = Vec::with_capacity(jobs.len());
        for (job, spec, custom_id) in jobs {
            self.job_metadata.insert(job, JobMetadata { custom_id, name: None });
            specs.push((job, spec));
        }
        let batch = NewBatch {
            id,
            owner: caller.user.clone(),
            priority,
            fail_fast,
            parallel_jobs,
            budget_cap: cap,
            metadata_json,
            price: self.tenancy.terms().price_per_token,
            jobs: specs,
        };
        self.apply(Command::SubmitBatch(batch))
            .expect("the room and the priority have been checked, and the ids are fresh");
        tracing::info!(batch = %id, jobs = works.len(), "batch submitted");
        Ok(self.batch_view(id).expect("the batch was submitted above"))
    }

    /// One of the caller's batches.
    pub(crate) fn batch(&self, caller: &Caller, id: BatchId) -> Result<BatchView, Fault> {
        self.require_batch(caller, id)?;
        self.batch_view(id).ok_or_else(|| no_such_batch(id))
    }

    /// A batch of any owner.
    pub(crate) fn batch_view(&self, id: BatchId) -> Option<BatchView> {
        self.scheduler.batch(id)
    }

    /// One of the caller's batches, with its jobs in the order of the request. Expired jobs are
    /// left out.
    pub(crate) fn batch_jobs(
        &self,
        caller: &Caller,
        id: BatchId,
    ) -> Result<(BatchView, Vec<JobSnapshot>), Fault> {
        let members = &self.require_batch(caller, id)?.jobs;
        // The contributions of nodes are left out, because those of a thousand jobs on thousands of
        // nodes would not fit into a message.
        let jobs = members.iter().filter_map(|member| {
            let mut job = self.snapshot(member.job)?;
            job.view.nodes.clear();
            Some(job)
        });
        let jobs = jobs.collect();
        Ok((self.batch(caller, id)?, jobs))
    }

    /// The ended jobs of one of the caller's batches, in the order of the request.
    pub(crate) fn ended_jobs(&self, caller: &Caller, id: BatchId) -> Result<Vec<JobId>, Fault> {
        let members = self.require_batch(caller, id)?.jobs.iter();
        Ok(members.filter(|member| member.state.is_ended()).map(|member| member.job).collect())
    }

    /// The number of the caller's batches in this state, and a page of them, newest first.
    pub(crate) fn list_batches(
        &self,
        caller: &Caller,
        state: Option<BatchState>,
        page: Page,
    ) -> (usize, Vec<BatchView>) {
        self.scheduler.batches(&Filter { owner: Some(caller.user.clone()), state }, page)
    }

    /// Cancels one of the caller's batches.
    pub(crate) fn cancel_batch(
        &mut self,
        caller: &Caller,
        id: BatchId,
        reason: Option<String>,
        with_running: bool,
    ) -> Result<BatchView, Fault> {
        self.require_batch(caller, id)?;
        self.apply(Command::CancelBatch { batch: id, reason, with_running })?;
        tracing::info!(batch = %id, with_running, "batch cancelled");
        self.batch(caller, id)
    }

    /// Sums over all of the caller's batches.
    pub(crate) fn batch_stats(&self, caller: &Caller) -> BatchStats {
        self.scheduler.batch_stats(&caller.user)
    }

    /// A receiver that resolves when the batch changes or expires; `None` if it has ended.
    pub(crate) fn wait_for_batch(&mut self, id: BatchId) -> Option<oneshot::Receiver<()>> {
        let is_open = self.scheduler.batch_record(id).is_some_and(|batch| batch.ended_at.is_none());
        is_open.then(|| self.watchers.wait(Topic::Batch(id)))
    }

    fn require_batch(&self, caller: &Caller, id: BatchId) -> Result<&BatchRecord, Fault> {
        let batch = self.scheduler.batch_record(id).ok_or_else(|| no_such_batch(id))?;
        caller.require_owner(&batch.owner)?;
        Ok(batch)
    }
}

/// The fault of a request for an unknown batch.
pub(crate) fn no_such_batch(id: BatchId) -> Fault {
    Fault::new(FaultCode::NotFound, format!("there is no batch {id}"))
}
