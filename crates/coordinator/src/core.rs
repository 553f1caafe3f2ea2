//! The core: one task that owns the scheduler, the tenancy and all other state of a term.
//!
//! The core takes all queued requests, applies them, commits their records together, and only then
//! sends leases and replies. So everything that a caller or worker has been told is durable, and
//! requests that arrive during a commit share the next one. If a commit fails, the core ends: its
//! state may be ahead of the ledger, so it must be loaded from the ledger again.
//!
//! * `requests`: the handle for other tasks. `jobs`, `batches`: operations on jobs and batches.
//!   `search`: lists for which every job has to be looked at.
//! * `tenants`: authentication, and the counting and billing of calls and jobs.
//! * `sessions`: the streams of workers. `watchers`: callers that wait for changes. `streams`: the
//!   limit of streams and waiting calls of each user. `waited`: jobs that callers wait for.
//! * `idempotency`: requests with an idempotency key. `storage`: the size of each user's entries in
//!   the ledger.
//! * `audit`: the log of what administrators change.
//! * `verdicts`: nodes that compute wrongly, and the results that are doubtful because of them.
//! * `webhooks`: the events of jobs and batches, and where they are sent.
//! * `observations`: the cluster's history and events. `measure`: the state for the metrics.
//! * `compaction`: shrinking the ledger's file while nobody commits.

mod audit;
mod batches;
mod compaction;
mod idempotency;
mod jobs;
mod measure;
mod observations;
mod requests;
mod search;
mod sessions;
mod storage;
mod streams;
mod tenants;
mod verdicts;
mod waited;
mod watchers;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use carlo_kernel::Partial;
use carlo_schedule::{Command, Effect, Outcome, Record, Scheduler, SealKey, StoredJob};
use carlo_service::CancellationToken;
use carlo_store::{Ledger, LedgerError, Write};
use carlo_tenancy::Tenancy;
use carlo_types::{BatchId, Epoch, Fault, JobId, Timestamp};
use carlo_webhooks::{Reach, Webhooks};
use carlo_wire::v1::{AuditAction, ClusterEventKind};
use tokio::sync::{Notify, mpsc};
use tokio::time::MissedTickBehavior;

use crate::Error;
use crate::config::Settings;
use crate::entries::{self, EntryError, LoadedJob};
use crate::environment::{Clock, Environment};
use crate::hook_state::HookState;
use crate::idempotency::IdempotencyStore;
use crate::job_metadata::JobMetadata;
use crate::metrics::Instruments;
use crate::origin::{Origin, Origins};

use audit::AuditLog;
pub(crate) use batches::{BatchRequest, BatchWatch, no_such_batch};
use compaction::Idleness;
pub(crate) use idempotency::IdempotentOutcome;
pub(crate) use jobs::{JobChanges, NewJob, OwnerFilter, no_such_job};
use observations::Observations;
pub(crate) use requests::CoreHandle;
use requests::Request;
pub(crate) use search::{SearchPage, SearchWords, SortBy, SortOrder};
use sessions::Sessions;
pub(crate) use sessions::{Outbox, SessionId};
use storage::Storage;
#[cfg(test)]
pub(crate) use storage::result_bytes;
pub(crate) use streams::StreamPermit;
use streams::Streams;
use verdicts::Verdicts;
use waited::Waited;
pub(crate) use waited::WaitedRequest;
use watchers::Watchers;
pub(crate) use watchers::{Topic, Watch};
pub(crate) use webhooks::{Begun, DefaultView, DeliveryView, EndpointView, EventTarget};

/// Queued requests. If there are more, their senders wait.
const REQUESTS_MAX: usize = 4_096;
/// Requests that share a commit.
const BATCH_MAX: usize = 512;
/// A commit with this number of writes, or this size in bytes, takes no further requests.
/// So it stays within the ledger's limits.
const WRITES_FULL: usize = 2_048;
const BYTES_FULL: usize = 4 * 1024 * 1024;
/// The interval of [`Command::Tick`].
const TICK: Duration = Duration::from_millis(100);

/// A reply that is sent after the commit.
type Reply = Box<dyn FnOnce() + Send>;

/// The state of one term.
pub(crate) struct Core {
    scheduler: Scheduler<Partial>,
    tenancy: Tenancy,
    /// The metadata of the jobs that have any.
    job_metadata: BTreeMap<JobId, JobMetadata>,
    /// The hooks of all batches that have one.
    batch_hooks: BTreeMap<BatchId, HookState>,
    webhooks: Webhooks,
    /// Where webhooks may be sent.
    reach: Reach,
    /// Notified when deliveries have changed.
    deliveries_changed: Arc<Notify>,
    idempotency: IdempotencyStore,
    watchers: Watchers,
    observations: Observations,
    audit_log: AuditLog,
    origins: Origins,
    waited: Waited,
    streams: Streams,
    storage: Storage,
    idleness: Idleness,
    verdicts: Arc<Verdicts>,
    /// Whether callers need keys.
    needs_keys: bool,
    epoch: Epoch,
    /// When this term began.
    leading_since: Timestamp,
    environment: Arc<dyn Environment>,
    clock: Clock,
    ledger: Arc<dyn Ledger>,
    sessions: Sessions,
    instruments: Arc<Instruments>,
    waited_simulations_max: u64,
    requests: mpsc::Receiver<Request>,
    /// The writes of the next commit.
    writes: Vec<Write>,
    effects: Vec<Effect>,
    replies: Vec<Reply>,
}

impl Core {
    /// Becomes the ledger's only writer and loads its content.
    pub(crate) async fn load(
        settings: Settings,
        ledger: Arc<dyn Ledger>,
        environment: Arc<dyn Environment>,
        instruments: Arc<Instruments>,
    ) -> Result<(Self, CoreHandle), Error> {
        let clock = Clock::start(Arc::clone(&environment));
        let epoch = ledger.lead().await?;
        let stored = entries::load(ledger.as_ref()).await?;
        tracing::info!(%epoch, jobs = stored.jobs.len(), "ledger loaded");
        let tenancy = Tenancy::restore(settings.terms, stored.tenancy)
            .map_err(|error| EntryError::Contradiction(error.into()))?;
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        let seal_key = stored.seal_key.unwrap_or_else(|| environment.secret());
        let mut core = Self {
            scheduler: Scheduler::new(settings.scheduler, epoch, SealKey::new(seal_key)),
            tenancy,
            job_metadata: BTreeMap::new(),
            batch_hooks: BTreeMap::new(),
            webhooks: Webhooks::restore(stored.webhooks, clock.now().wall),
            reach: settings.webhook_reach,
            deliveries_changed: Arc::default(),
            idempotency: IdempotencyStore::restore(stored.idempotency),
            watchers: Watchers::default(),
            observations: Observations::default(),
            audit_log: AuditLog::restore(stored.audit),
            origins: Origins::default(),
            waited: Waited::default(),
            streams: Streams::default(),
            storage: Storage::default(),
            idleness: Idleness::default(),
            verdicts: Arc::default(),
            needs_keys: true,
            epoch,
            leading_since: clock.now().wall,
            environment,
            clock,
            ledger,
            sessions: Sessions::new(Arc::clone(&instruments)),
            instruments: Arc::clone(&instruments),
            waited_simulations_max: settings.waited_simulations_max,
            requests,
            writes: Vec::new(),
            effects: Vec::new(),
            replies: Vec::new(),
        };
        if stored.seal_key.is_none() {
            // The key is durable before the first lease is sent, because all effects wait for a
            // commit.
            core.writes.push(entries::write_seal_key(&seal_key));
        }
        core.ensure_access(&settings.access)?;
        core.ensure_terms(stored.terms, settings.replaces_terms);
        core.limit_owners();
        for name in &stored.drains {
            core.scheduler.restore_drain(name);
        }
        for (node, trust) in &stored.trust {
            core.scheduler.restore_trust(*node, trust);
        }
        for verdict in stored.verdicts {
            core.scheduler.restore_verdict(verdict);
        }
        core.publish_verdicts();
        for (job, error) in stored.unusable {
            core.drop_checkpoint(job, error);
        }
        for (key, error) in stored.unusable_idempotency {
            let error = anyhow::Error::from(error);
            tracing::warn!("an idempotency key is forgotten: {error:#}");
            core.writes.push(Write::Delete(key));
        }
        let detail = format!("{} jobs in the ledger", stored.jobs.len());
        for LoadedJob { job, metadata, origin, bytes } in stored.jobs {
            if let Some(origin) = origin {
                core.origins.restore(job.record.id, origin);
            }
            core.storage.put_job(&job.record, bytes);
            if metadata != JobMetadata::default() {
                core.job_metadata.insert(job.record.id, metadata);
            }
            core.restore(job)?;
        }
        for (batch, hook, bytes) in stored.batches {
            core.storage.put_batch(&batch, bytes);
            core.batch_hooks.extend(hook.map(|hook| (batch.id, hook)));
            let outcome = core.scheduler.restore_batch(batch, core.clock.now());
            core.take(outcome.map_err(|fault| EntryError::Contradiction(fault.into()))?);
        }
        core.note(ClusterEventKind::LeaderChanged, format!("epoch {epoch}"), detail, "");
        let verdicts = Arc::clone(&core.verdicts);
        Ok((core, CoreHandle::new(sender, instruments, verdicts)))
    }

    /// Restores a job. If its checkpoint can't be used, the job starts again without it.
    fn restore(&mut self, job: StoredJob<Partial>) -> Result<(), EntryError> {
        let now = self.clock.now();
        let without = StoredJob { record: job.record.clone(), checkpoint: None };
        let (id, has_checkpoint) = (job.record.id, job.checkpoint.is_some());
        let contradiction = |fault: Fault| EntryError::Contradiction(fault.into());
        let outcome = match self.scheduler.restore(job, now).map_err(contradiction) {
            Err(error) if has_checkpoint => {
                self.drop_checkpoint(id, error);
                self.scheduler.restore(without, now).map_err(contradiction)?
            }
            outcome => outcome?,
        };
        self.take(outcome);
        Ok(())
    }

    fn drop_checkpoint(&mut self, job: JobId, error: EntryError) {
        let error = anyhow::Error::from(error);
        tracing::warn!(%job, "its progress can't be used and is computed again: {error:#}");
        self.writes.push(entries::drop_checkpoint(job));
    }

    /// The most simulations of a job that a caller may wait for in one call.
    pub(crate) fn waited_simulations_max(&self) -> u64 {
        self.waited_simulations_max
    }

    /// Notified when deliveries to webhooks have changed, so that attempts may be due.
    pub(crate) fn deliveries_changed(&self) -> Arc<Notify> {
        Arc::clone(&self.deliveries_changed)
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Serves requests until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                received = self.requests.recv_many(&mut batch, BATCH_MAX) => {
                    if received == 0 {
                        return Ok(());
                    }
                    self.gather_requests(&mut batch).await;
                }
                _ = tick.tick() => self.tick(),
                () = stop.cancelled() => return Ok(()),
            }
            let (mut counted, mut bytes) = (0, 0);
            for request in batch.drain(..) {
                request(&mut self);
                bytes += self.writes[counted..].iter().map(Write::bytes).sum::<usize>();
                counted = self.writes.len();
                if counted >= WRITES_FULL || bytes >= BYTES_FULL {
                    self.commit().await?;
                    (counted, bytes) = (0, 0);
                }
            }
            self.commit().await?;
        }
    }

    /// Yields once, so that tasks that are ready to send a request share this commit, and adds the
    /// requests that have been queued meanwhile. On an idle machine this takes hardly any time.
    async fn gather_requests(&mut self, batch: &mut Vec<Request>) {
        tokio::task::yield_now().await;
        while batch.len() < BATCH_MAX
            && let Ok(request) = self.requests.try_recv()
        {
            batch.push(request);
        }
    }

    fn tick(&mut self) {
        // The scheduler never refuses a tick. If it did, the next tick would make up for it.
        if let Err(fault) = self.apply(Command::Tick) {
            tracing::error!(%fault, "the scheduler refused a tick");
        }
        self.observe();
        self.expire_keys();
        self.expire_idempotency_keys();
        self.webhooks.expire(self.clock.now().wall);
        self.watchers.sweep(self.clock.now().elapsed);
        self.waited.sweep(self.clock.now().elapsed);
        self.compact_when_idle();
    }

    /// Carries out a part of a call. What happens meanwhile happens because of this request.
    pub(crate) fn serve_as<T>(&mut self, origin: Option<Origin>, serve: impl FnOnce(&mut Self) -> T) -> T {
        self.origins.set_call(origin);
        let answer = serve(self);
        self.origins.set_call(None);
        answer
    }

    /// Applies a command, and keeps its records and effects for the next commit.
    fn apply(&mut self, command: Command<Partial>) -> Result<(), Fault> {
        let outcome = self.scheduler.apply(command, self.clock.now())?;
        self.take(outcome);
        Ok(())
    }

    fn take(&mut self, Outcome { records, effects }: Outcome<Partial>) {
        for record in records {
            match &record {
                Record::Job(job) => {
                    self.origins.log(job);
                    self.instruments.job(job);
                    self.observations.job_ended(job.state);
                    self.settle(job);
                    self.record_job_event(job);
                    self.watchers.notify(Topic::Job(job.id));
                    if let Some(batch) = job.batch {
                        self.watchers.notify_batch(batch);
                    }
                }
                Record::Forget { job, owner } => {
                    self.job_metadata.remove(job);
                    self.storage.forget_job(owner, *job);
                }
                Record::ForgetBatch { batch, owner } => {
                    // All jobs of the batch have ended, so no money is reserved for it.
                    self.tenancy.forget_batch(*batch);
                    self.forget_batch_hook(*batch);
                    self.storage.forget_batch(owner, *batch);
                }
                Record::Batch(batch) => self.record_batch_event(batch),
                _ => {}
            }
            let written = self.writes.len();
            let known = entries::Known {
                metadata: &self.job_metadata,
                hooks: &self.batch_hooks,
                origins: &self.origins,
            };
            entries::write(&record, known, &mut self.writes);
            let bytes = self.writes.get(written).map_or(0, Write::bytes);
            match &record {
                Record::Job(job) => self.storage.put_job(job, bytes),
                Record::Batch(batch) => self.storage.put_batch(batch, bytes),
                _ => {}
            }
        }
        for effect in &effects {
            match effect {
                Effect::BatchChanged { batch } => self.watchers.notify_batch(*batch),
                Effect::Quarantined { name, reason } => {
                    self.audit_own(AuditAction::NodeQuarantined, name.clone(), reason.clone());
                }
                _ => {}
            }
        }
        self.effects.extend(effects);
    }

    /// Commits all writes, then sends the effects and replies.
    async fn commit(&mut self) -> Result<(), Error> {
        for change in self.tenancy.take_changes() {
            entries::tenancy::write(&change, &mut self.writes);
        }
        let deliveries = self.webhooks.take_changes();
        self.writes.extend(deliveries.iter().map(entries::webhooks::write));
        if self.writes.is_empty() {
            // Without a write the ledger doesn't check the epoch, but only the leader may grant
            // leases.
            if !self.ledger.holds(self.epoch) {
                return Err(LedgerError::Fenced { current: Epoch(0) }.into());
            }
        } else {
            let writes = std::mem::take(&mut self.writes);
            self.ledger.commit(self.epoch, writes).await?;
            self.idleness.written(self.clock.now().elapsed);
        }
        for effect in std::mem::take(&mut self.effects) {
            match &effect {
                Effect::Changed { job } | Effect::Ended { job } => {
                    self.watchers.change(*job);
                    if let Some(batch) = self.scheduler.batch_of(*job) {
                        self.watchers.notify(Topic::BatchProgress(batch));
                    }
                }
                Effect::Disconnect { node, why } => self.note_loss(*node, why),
                Effect::Contested { job, range, names } => self.note_contest(*job, *range, names),
                Effect::Quarantined { name, reason } => self.note_quarantine(name, reason),
                _ => {}
            }
            self.sessions.carry_out(effect, self.epoch, &mut self.origins);
        }
        if !deliveries.is_empty() {
            self.deliveries_changed.notify_one();
        }
        self.publish();
        for answer in self.replies.drain(..) {
            answer();
        }
        self.environment.audit(&self.scheduler);
        Ok(())
    }
}
