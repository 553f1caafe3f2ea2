//! Operations on batches for callers. Only administrators have access to
//! those of other users.

use std::sync::Arc;

use carlo_schedule::{BatchRecord, BatchState, BatchStats, BatchView, Command, Filter, NewBatch, Page};
use carlo_tenancy::Caller;
use carlo_types::webhook::WebhookSecret;
use carlo_types::{BatchId, Fault, FaultCode, JobId, JobSpec, Money, Work};
use carlo_wire::v1::AuditAction;
use tokio::sync::oneshot;

use super::{Core, EventTarget, OwnerFilter, Topic};
use crate::job_metadata::JobMetadata;
use crate::snapshot::JobSnapshot;

/// Event ids of a batch between two steps of its jobs.
const EVENT_IDS_PER_STEP: u64 = 1_000_000;

/// An event of a batch: the batch at one moment.
#[derive(Debug)]
pub(crate) struct BatchEvent {
    /// Larger than those of all events before it.
    pub(crate) id: u64,
    pub(crate) batch: BatchView,
    /// Whether every job has ended, so that no event follows.
    pub(crate) is_last: bool,
}

impl BatchEvent {
    /// The id follows from the batch alone, so that every leader gives the same one: each job that
    /// starts or ends, and a cancellation, is a step, and between two steps the progress counts.
    fn new(batch: BatchView) -> Self {
        let counts = batch.counts;
        let ended = counts.complete + counts.failed + counts.cancelled;
        let steps = u64::from(counts.running) + 2 * u64::from(ended) + u64::from(batch.record.is_cancelled);
        let is_last = batch.record.ended_at.is_some();
        // Jobs that are forgotten later must not move the last event.
        let fraction = if is_last { 0.0 } else { (batch.progress_percent / 100.0).clamp(0.0, 0.999_999) };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 1")]
        let within = (fraction * EVENT_IDS_PER_STEP as f64) as u64;
        Self { id: 1 + steps * EVENT_IDS_PER_STEP + within, batch, is_last }
    }
}

/// A stream's position in the events of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchWatch {
    pub(crate) batch: BatchId,
    /// The id of the last event that was read.
    pub(crate) last_seen: u64,
}

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
    pub(crate) notify: EventTarget,
}

impl Core {
    /// Submits all jobs of a batch, or none. Also returns the secret of its webhook, if one was made.
    pub(crate) fn create_batch(
        &mut self,
        caller: &Caller,
        request: BatchRequest,
    ) -> Result<(BatchView, Option<WebhookSecret>), Fault> {
        self.make_room(request.jobs.len())?;
        let BatchRequest { id, jobs, parallel_jobs, fail_fast, cap, priority, metadata_json, notify } =
            request;
        self.check_storage(caller, jobs.iter().map(|(_, spec, _)| spec.as_ref()))?;
        self.check_webhook(&caller.user, &notify, "/webhook")?;
        let works: Vec<_> = jobs.iter().map(|(job, spec, _)| (*job, Work::of(spec))).collect();
        let budget = carlo_tenancy::NewBatch { id, cap };
        self.tenancy.admit_jobs(caller, &works, Some(budget), self.clock.now().wall)?;
        let (hook, made) = self.subscribe(caller, notify);
        self.batch_hooks.extend(hook.map(|hook| (id, hook)));
        let mut specs = Vec::with_capacity(jobs.len());
        for (job, spec, custom_id) in jobs {
            self.job_metadata
                .insert(job, JobMetadata { custom_id, name: None, hook: self.hook_of_member(id) });
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
        Ok((self.batch_view(id).expect("the batch was submitted above"), made))
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
        let jobs = self.listed(members.iter().map(|member| member.job));
        Ok((self.batch(caller, id)?, jobs))
    }

    /// The ended jobs of one of the caller's batches, in the order of the request.
    pub(crate) fn ended_jobs(&self, caller: &Caller, id: BatchId) -> Result<Vec<JobId>, Fault> {
        let members = self.require_batch(caller, id)?.jobs.iter();
        Ok(members.filter(|member| member.state.is_ended()).map(|member| member.job).collect())
    }

    /// The number of matching batches, and a page of them, newest first, each with at most so many
    /// of its jobs.
    pub(crate) fn list_batches(
        &self,
        caller: &Caller,
        owners: &OwnerFilter,
        state: Option<BatchState>,
        page: Page,
        jobs_max: usize,
    ) -> Result<(usize, Vec<BatchView>), Fault> {
        let filter = Filter { owner: owners.owner(caller)?, state, ..Filter::default() };
        Ok(self.scheduler.batches(&filter, page, jobs_max))
    }

    /// Cancels one of the caller's batches.
    pub(crate) fn cancel_batch(
        &mut self,
        caller: &Caller,
        id: BatchId,
        reason: Option<String>,
        with_running: bool,
    ) -> Result<BatchView, Fault> {
        let owner = self.require_batch(caller, id)?.owner.clone();
        let why = reason.clone();
        self.apply(Command::CancelBatch { batch: id, reason, with_running })?;
        let (action, object) = (AuditAction::BatchCancelled, id.to_string());
        self.audit_other(caller, &owner, action, object, why.as_deref());
        tracing::info!(batch = %id, with_running, "batch cancelled");
        self.batch(caller, id)
    }

    /// Deletes a batch that has ended, with all of its jobs.
    pub(crate) fn delete_batch(&mut self, caller: &Caller, id: BatchId) -> Result<(), Fault> {
        let owner = self.require_batch(caller, id)?.owner.clone();
        self.apply(Command::ForgetBatch { batch: id })?;
        self.audit_other(caller, &owner, AuditAction::BatchDeleted, id.to_string(), None);
        tracing::info!(batch = %id, "batch deleted");
        Ok(())
    }

    /// Sums over all of the caller's batches.
    pub(crate) fn batch_stats(&self, caller: &Caller) -> BatchStats {
        self.scheduler.batch_stats(&caller.user)
    }

    /// A receiver that resolves when the state of one of the batch's jobs changes, or the batch
    /// expires; `None` if it has ended.
    pub(crate) fn wait_for_batch(&mut self, id: BatchId) -> Option<oneshot::Receiver<()>> {
        let is_open = self.scheduler.batch_record(id).is_some_and(|batch| batch.ended_at.is_none());
        is_open.then(|| self.watchers.wait(Topic::Batch(id)))
    }

    /// A batch of any owner as an event, and a receiver that resolves at its next change; `None`
    /// once it is forgotten.
    pub(crate) fn batch_event(&mut self, id: BatchId) -> Option<(BatchEvent, oneshot::Receiver<()>)> {
        let event = BatchEvent::new(self.batch_view(id)?);
        Some((event, self.watchers.wait(Topic::BatchProgress(id))))
    }

    /// The batch that a caller wants to watch. `None` if they have seen its last event.
    pub(crate) fn watch_batch(
        &self,
        caller: &Caller,
        id: BatchId,
        last_seen: Option<u64>,
    ) -> Result<Option<BatchWatch>, Fault> {
        let BatchEvent { id: latest, is_last, .. } = BatchEvent::new(self.batch(caller, id)?);
        // The caller can't have seen an event with a higher id than the current one.
        let last_seen = last_seen.filter(|seen| *seen <= latest);
        let is_over = is_last && last_seen == Some(latest);
        Ok((!is_over).then_some(BatchWatch { batch: id, last_seen: last_seen.unwrap_or(0) }))
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

#[cfg(test)]
mod tests {
    use carlo_schedule::{BatchCounts, BatchRecord};
    use carlo_types::{Bill, OwnerId, Timestamp};

    use super::*;

    fn view(counts: BatchCounts, progress_percent: f64, is_cancelled: bool) -> BatchView {
        let has_ended = counts.queued + counts.running == 0;
        BatchView {
            record: BatchRecord {
                id: BatchId::from_random(1),
                owner: OwnerId::new("ada"),
                priority: 50,
                fail_fast: false,
                parallel_jobs: 3,
                budget_cap: None,
                metadata_json: String::new(),
                created_at: Timestamp(0),
                started_at: None,
                ended_at: has_ended.then_some(Timestamp(1)),
                jobs: Vec::new(),
                error: None,
                is_cancelled,
                cancel_reason: None,
                unattributed: Bill::default(),
            },
            state: BatchState::Running,
            counts,
            progress_percent,
            estimated: Money::ZERO,
            spent: Bill::default(),
            budget_remaining: None,
        }
    }

    #[test]
    fn every_change_of_a_batch_has_a_larger_event_id() {
        let counts = |queued, running, complete, failed, cancelled| BatchCounts {
            queued,
            running,
            complete,
            failed,
            cancelled,
        };
        let history = [
            view(counts(3, 0, 0, 0, 0), 0.0, false),
            view(counts(2, 1, 0, 0, 0), 0.0, false),
            view(counts(2, 1, 0, 0, 0), 100.0, false),
            view(counts(2, 0, 1, 0, 0), 33.3, false),
            view(counts(1, 1, 1, 0, 0), 33.3, false),
            view(counts(1, 1, 1, 0, 0), 33.301, false),
            view(counts(0, 1, 1, 0, 1), 60.0, true),
            view(counts(0, 0, 1, 1, 1), 100.0, true),
        ];
        let ids: Vec<_> = history.into_iter().map(|view| BatchEvent::new(view).id).collect();
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
        // A client that has received the last event learns this for as long as the batch is kept.
        let [then, later] = [40.0, 100.0].map(|percent| view(counts(0, 0, 1, 1, 1), percent, false));
        assert_eq!(BatchEvent::new(then).id, BatchEvent::new(later).id);
    }
}
