//! Batches, and what they need of the scheduler and the tenancy: jobs held back until their batch lets them run and its budget allows it.
//! Everything that follows from a change of one job is in the commit of that change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use carlo_schedule::{Command, JobRecord, JobState, Page};
use carlo_tenancy::{Caller, Money, Work};
use carlo_types::{BatchId, Fault, FaultCode, JobId, JobSpec, OwnerId, Timestamp};
use carlo_wire::v1;
use tokio::sync::oneshot;

use super::{Core, JobSnapshot, Topic};
use crate::batch::{Batch, Member, NewBatch, Step};
use crate::entries;
use crate::job_metadata::{JobMetadata, nanodollars};

/// Every batch that is kept.
#[derive(Debug, Default)]
pub(super) struct Batches {
    all: BTreeMap<BatchId, Batch>,
    by_owner: BTreeMap<OwnerId, BTreeSet<(Timestamp, BatchId)>>,
    /// Batches that may have something to be done.
    dirty: BTreeSet<BatchId>,
    /// Batches that are not as their entries say.
    unsaved: BTreeSet<BatchId>,
}

/// A batch to be submitted.
#[derive(Debug, Clone)]
pub(crate) struct BatchRequest {
    /// A fresh id.
    pub(crate) id: BatchId,
    /// What to simulate, each under a fresh id and with the name that the request gives it. At least one.
    pub(crate) jobs: Vec<(JobId, Arc<JobSpec>, Option<String>)>,
    pub(crate) parallel_jobs: u32,
    pub(crate) fail_fast: bool,
    pub(crate) cap: Option<Money>,
    pub(crate) priority: u8,
    pub(crate) metadata_json: String,
}

impl Batches {
    pub(super) fn insert(&mut self, batch: Batch) {
        self.by_owner.entry(batch.owner.clone()).or_default().insert((batch.created_at, batch.id));
        self.dirty.insert(batch.id);
        self.all.insert(batch.id, batch);
    }

    fn remove(&mut self, id: BatchId) {
        let Some(batch) = self.all.remove(&id) else { return };
        if let Some(ids) = self.by_owner.get_mut(&batch.owner) {
            ids.remove(&(batch.created_at, id));
            if ids.is_empty() {
                self.by_owner.remove(&batch.owner);
            }
        }
    }

    /// Those of an owner, newest first.
    fn of<'a>(&'a self, owner: &OwnerId) -> impl Iterator<Item = &'a Batch> {
        let ids = self.by_owner.get(owner).into_iter().flatten().rev();
        ids.filter_map(|(_, id)| self.all.get(id))
    }
}

impl Core {
    /// Queues a batch, all of it or nothing.
    pub(crate) fn create_batch(
        &mut self,
        caller: &Caller,
        request: BatchRequest,
    ) -> Result<v1::Batch, Fault> {
        self.make_room(request.jobs.len())?;
        let now = self.clock.now();
        let BatchRequest { id, jobs, priority, .. } = request;
        let works: Vec<_> = jobs.iter().map(|(job, spec, _)| (*job, Work::of(spec))).collect();
        let budget = carlo_tenancy::NewBatch { id, cap: request.cap };
        self.tenancy.admit_jobs(caller, &works, Some(budget), now.wall)?;
        self.limit(caller.user.clone(), self.tenancy.limits(caller).jobs_at_once);
        let mut members = Vec::with_capacity(jobs.len());
        for (job, spec, custom_id) in jobs {
            let estimate = self.tenancy.charge(job).map_or(Money::ZERO, carlo_tenancy::Charge::estimate);
            let metadata = JobMetadata {
                batch: Some(id),
                custom_id,
                estimate_nanodollars: nanodollars(estimate),
                ..JobMetadata::default()
            };
            self.job_metadata.insert(job, metadata);
            let simulations = spec.simulations;
            let (state, owner) = (JobState::Queued, caller.user.clone());
            self.apply(Command::Submit { job, owner, spec, priority, blocked: true })
                .expect("there is room, the id is fresh and the priority is checked");
            members.push(Member { job, simulations, state, is_released: false, is_forgotten: false });
        }
        self.batches.insert(Batch::new(NewBatch {
            id,
            owner: caller.user.clone(),
            priority,
            fail_fast: request.fail_fast,
            parallel_jobs: request.parallel_jobs,
            metadata_json: request.metadata_json,
            created_at: now.wall,
            members,
        }));
        self.batches.unsaved.insert(id);
        tracing::info!(batch = %id, jobs = works.len(), "batch");
        self.advance_batches();
        Ok(self.show_batch(id).expect("it has just been submitted"))
    }

    /// Tells a job's batch what became of it.
    pub(super) fn note_in_batch(&mut self, job: &JobRecord) {
        let Some(id) = self.job_metadata.get(&job.id).and_then(|metadata| metadata.batch) else {
            return;
        };
        let Some(batch) = self.batches.all.get_mut(&id) else { return };
        let before = (batch.status(), batch.started_at, batch.ended_at, batch.error.clone());
        batch.note(job);
        let after = (batch.status(), batch.started_at, batch.ended_at, batch.error.clone());
        if before != after {
            self.batches.unsaved.insert(id);
            self.watchers.notify(Topic::Batch(id));
            tracing::info!(batch = %id, state = after.0.as_str_name(), error = after.3, "batch");
        }
        self.batches.dirty.insert(id);
    }

    /// A job is kept no longer; a batch without jobs isn't either.
    pub(super) fn forget_in_batch(&mut self, job: JobId, batch: BatchId) {
        let Some(kept) = self.batches.all.get_mut(&batch) else { return };
        if kept.forget(job) {
            self.batches.remove(batch);
            self.batches.unsaved.remove(&batch);
            // All of its jobs had ended, so its budget has no open one.
            self.tenancy.forget_batch(batch);
            self.writes.push(entries::batches::delete(batch));
            self.watchers.notify(Topic::Batch(batch));
        } else {
            // From now on only the batch knows what became of the job.
            self.batches.unsaved.insert(batch);
        }
    }

    /// Does what batches want to be done, until there is nothing but to wait.
    pub(super) fn advance_batches(&mut self) {
        while let Some(id) = self.batches.dirty.pop_first() {
            while let Some(step) = self.batches.all.get(&id).and_then(Batch::next) {
                self.take_step(id, step);
            }
        }
    }

    fn take_step(&mut self, id: BatchId, step: Step) {
        let command = match step {
            Step::Cancel(job) => Command::Cancel { job },
            Step::Release(job) => {
                let reserved = self.tenancy.reserve(job);
                let batch = self.batches.all.get_mut(&id).expect("it has just said what to do");
                if let Err(refusal) = reserved {
                    batch.exceed(&refusal.to_string());
                    self.batches.unsaved.insert(id);
                    return;
                }
                batch.release(job);
                Command::Release { job }
            }
        };
        let outcome = self.scheduler.apply(command, self.clock.now());
        self.take(outcome.expect("an open job of a batch can be released and cancelled"));
    }

    /// Writes down what has changed of batches.
    pub(super) fn save_batches(&mut self) {
        for id in std::mem::take(&mut self.batches.unsaved) {
            if let Some(batch) = self.batches.all.get(&id) {
                self.writes.push(entries::batches::write(batch));
            }
        }
    }

    /// One of the caller's batches.
    pub(crate) fn batch(&self, caller: &Caller, id: BatchId) -> Result<v1::Batch, Fault> {
        self.require_batch(caller, id)?;
        self.show_batch(id).ok_or_else(|| no_such_batch(id))
    }

    /// One of the caller's batches and those of its jobs that are kept, in the order of the request.
    pub(crate) fn batch_jobs(
        &self,
        caller: &Caller,
        id: BatchId,
    ) -> Result<(v1::Batch, Vec<JobSnapshot>), Fault> {
        let members = &self.require_batch(caller, id)?.members;
        // Without what each node did: a thousand jobs on thousands of nodes would not fit into a message.
        let jobs = members.iter().filter_map(|member| {
            let mut snapshot = self.snapshot(member.job)?;
            snapshot.view.nodes.clear();
            Some(snapshot)
        });
        let jobs = jobs.collect();
        Ok((self.batch(caller, id)?, jobs))
    }

    /// Those jobs of one of the caller's batches that have ended, in the order of the request.
    pub(crate) fn ended_jobs(&self, caller: &Caller, id: BatchId) -> Result<Vec<JobId>, Fault> {
        let members = self.require_batch(caller, id)?.members.iter();
        Ok(members.filter(|member| member.state.is_ended()).map(|member| member.job).collect())
    }

    /// How many of the caller's batches have the status, and a page of them, newest first.
    pub(crate) fn list_batches(
        &self,
        caller: &Caller,
        status: Option<v1::BatchStatus>,
        page: Page,
    ) -> (usize, Vec<v1::Batch>) {
        let matching = || {
            let batches = self.batches.of(&caller.user);
            batches.filter(move |batch| status.is_none_or(|status| batch.status() == status))
        };
        let shown = matching().skip(page.skip).take(page.take).filter_map(|batch| self.show_batch(batch.id));
        (matching().count(), shown.collect())
    }

    /// Cancels one of the caller's batches.
    pub(crate) fn cancel_batch(
        &mut self,
        caller: &Caller,
        id: BatchId,
        reason: &str,
        with_running: bool,
    ) -> Result<v1::Batch, Fault> {
        let batch = self.require_batch(caller, id)?;
        if batch.has_ended() {
            let message = format!("{id} has ended: it is {}", label(batch.status()));
            return Err(Fault::new(FaultCode::Conflict, message));
        }
        let batch = self.batches.all.get_mut(&id).expect("it was just found");
        batch.cancel(reason, with_running);
        self.batches.unsaved.insert(id);
        self.batches.dirty.insert(id);
        self.watchers.notify(Topic::Batch(id));
        tracing::info!(batch = %id, with_running, "batch cancelled");
        self.advance_batches();
        self.batch(caller, id)
    }

    /// All of the caller's batches together.
    pub(crate) fn batch_stats(&self, caller: &Caller) -> v1::BatchStats {
        let mut stats = v1::BatchStats::default();
        let (mut ended, mut duration_ms) = (0_u64, 0_u64);
        for batch in self.batches.of(&caller.user) {
            stats.total_batches += 1;
            stats.total_jobs += batch.members.len() as u64;
            if let Some(budget) = self.tenancy.budget(batch.id) {
                stats.total_cost_nanodollars += nanodollars(budget.spent);
                stats.total_tokens_used += budget.tokens;
            }
            if let Some(at) = batch.ended_at {
                ended += 1;
                duration_ms += at.0.saturating_sub(batch.created_at.0);
            }
            *match batch.status() {
                v1::BatchStatus::Unspecified | v1::BatchStatus::Pending => &mut stats.pending_batches,
                v1::BatchStatus::Running => &mut stats.running_batches,
                v1::BatchStatus::Partial => &mut stats.partial_batches,
                v1::BatchStatus::Completed => &mut stats.completed_batches,
                v1::BatchStatus::Failed => &mut stats.failed_batches,
                v1::BatchStatus::Cancelled => &mut stats.cancelled_batches,
            } += 1;
        }
        stats.average_jobs_per_batch = stats.total_jobs as f64 / stats.total_batches.max(1) as f64;
        stats.average_duration_seconds = duration_ms as f64 / 1_000.0 / ended.max(1) as f64;
        stats
    }

    /// Resolves once the batch's status has changed, or it is gone; `None` if it won't change any more.
    pub(crate) fn wait_for_batch(&mut self, id: BatchId) -> Option<oneshot::Receiver<()>> {
        let is_open = self.batches.all.get(&id).is_some_and(|batch| !batch.has_ended());
        is_open.then(|| self.watchers.wait(Topic::Batch(id)))
    }

    /// Why a job waits that its batch holds back.
    pub(super) fn held_back_by(&self, job: JobId) -> Option<String> {
        let charge = self.tenancy.charge(job).filter(|charge| !charge.reserved)?;
        Some(self.batches.all.get(&charge.batch?)?.waiting_for())
    }

    fn require_batch(&self, caller: &Caller, id: BatchId) -> Result<&Batch, Fault> {
        let batch = self.batches.all.get(&id).ok_or_else(|| no_such_batch(id))?;
        caller.require_owner(&batch.owner)?;
        Ok(batch)
    }

    /// A batch, whosever it is, as messages show it.
    pub(crate) fn show_batch(&self, id: BatchId) -> Option<v1::Batch> {
        let batch = self.batches.all.get(&id)?;
        let counts = batch.counts();
        let budget = self.tenancy.budget(id);
        let (mut done, mut expected) = (0, 0);
        for member in &batch.members {
            let progress = match member.state {
                JobState::Complete => None,
                _ => self.scheduler.progress(member.job),
            };
            let (job_done, job_expected) = progress.unwrap_or((member.simulations, member.simulations));
            done += u128::from(job_done);
            expected += u128::from(job_expected);
        }
        Some(v1::Batch {
            id: id.to_string(),
            owner: batch.owner.to_string(),
            status: batch.status().into(),
            priority: batch.priority.into(),
            fail_fast: batch.fail_fast,
            parallel_jobs: batch.parallel_jobs,
            created_at_ms: batch.created_at.0,
            started_at_ms: batch.started_at.map(|at| at.0),
            completed_at_ms: batch.ended_at.map(|at| at.0),
            total_jobs: u32::try_from(batch.members.len()).unwrap_or(u32::MAX),
            pending_jobs: counts.pending,
            running_jobs: counts.running,
            completed_jobs: counts.completed,
            failed_jobs: counts.failed,
            cancelled_jobs: counts.cancelled,
            progress_percent: 100.0 * done as f64 / expected.max(1) as f64,
            estimated_cost_nanodollars: budget.map_or(0, |budget| nanodollars(budget.estimated)),
            actual_cost_nanodollars: budget.map_or(0, |budget| nanodollars(budget.spent)),
            budget_cap_nanodollars: budget.and_then(|budget| budget.cap.map(nanodollars)),
            budget_remaining_nanodollars: budget.and_then(|budget| budget.remaining().map(nanodollars)),
            tokens_used: budget.map_or(0, |budget| budget.tokens),
            job_ids: batch.members.iter().map(|member| member.job.to_string()).collect(),
            error: batch.error.clone(),
            metadata_json: batch.metadata_json.clone(),
            cancel_reason: batch.cancel_reason.clone(),
        })
    }
}

/// The word of a status.
fn label(status: v1::BatchStatus) -> String {
    status.as_str_name().trim_start_matches("BATCH_STATUS_").to_ascii_lowercase()
}

/// What is said of a batch that isn't there.
pub(crate) fn no_such_batch(id: BatchId) -> Fault {
    Fault::new(FaultCode::NotFound, format!("there is no batch {id}"))
}
