//! The scheduler's records as entries of the ledger, and back.
//!
//! | key | value | written |
//! |---|---|---|
//! | `job/<id>` | `JobEntry` | at every change of the job's state |
//! | `checkpoint/<id>` | `CheckpointEntry` | while the job runs |
//! | `result/<id>` | `ResultEntry` | in the commit that completes the job |
//! | `secret/leases` | `SecretEntry` | once, at the first start |
//! | `node/<name>` | `DrainEntry` | while an operator wants the node idle |
//! | `trust/<node id>` | `TrustEntry` | when a worker joins or a spot check agrees with it |
//! | `verdict/<number>` | `VerdictEntry` | when a node is quarantined, and when that is lifted |
//! | `key/<id>` | `KeyEntry` | when a key is created or revoked |
//! | `token/<id>` | `JoinTokenEntry` | when a join token is created, used or revoked |
//! | `settings/terms` | `TermsEntry` | when an operator changes the tiers |
//! | `audit/<number>` | `AuditEntry` | when an administrator changes something |
//! | `usage/<user>/<period>` | `UsageEntry` | with every counted call and job |
//! | `charge/<job>` | `ChargeEntry` | while the job is open |
//! | `budget/<batch>` | `BudgetEntry` | until the batch is forgotten |
//! | `batch/<id>` | `BatchEntry` | when the batch is created, starts, is cancelled or ends, and
//! when one of its jobs is forgotten |
//! | `webhook/<id>` | `EndpointEntry` | when a webhook is made, fails or is enabled |
//! | `webhook-default/<key>` | `DefaultHookEntry` | when a key is given a webhook |
//! | `delivery/<number>` | `DeliveryEntry` | with the change that it tells of, and with each attempt |
//! | `idempotency/<user>/<hash>` | `IdempotencyEntry` | with the first response, for a day |
//!
//! The messages are in `proto/carlo/v1/ledger.proto`. If an entry can't be read, the coordinator
//! doesn't start, because a job would be lost without it. Two kinds of entries are dropped instead.
//! An unusable checkpoint: its progress is computed again. It contains what workers reported, and
//! the reports of a broken worker may not add up to a valid partial result. And an idempotency
//! entry: a client that repeats this one request makes it anew.

pub(crate) mod audit;
pub(crate) mod batches;
pub(crate) mod idempotency;
mod numbers;
mod packed;
mod read;
pub(crate) mod tenancy;
mod verdicts;
pub(crate) mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use carlo_kernel::{MODEL_VERSION, Partial};
use carlo_schedule::{
    BatchRecord, Checkpoint, JobRecord, JobState, Record, ResultRecord, Share, StoredJob, Trust, Verdict,
};
use carlo_store::portable::{self, PortableError};
use carlo_store::{Key, Ledger, LedgerError, Write};
use carlo_tenancy::Terms;
use carlo_types::{BatchId, BlockRange, JobId, JobSpec, NodeId, Work};
use carlo_wire::v1;
use prost::Message;

use crate::hook_state::HookState;
use crate::job_metadata::JobMetadata;
use crate::origin::{Origin, Origins};
use crate::to_proto;
use crate::to_proto::nanodollars;
pub(crate) use read::EntryError;

/// The number of entries that are read at once.
const PAGE: usize = 1_000;
const JOB: &str = "job/";
const NODE: &str = "node/";
/// The key of the secret with which leases are sealed.
const SEAL: &str = "secret/leases";
/// The key of the terms, once an operator has set some.
const TERMS: &str = "settings/terms";

fn key(prefix: &str, id: JobId) -> Key {
    Key::new(format!("{prefix}{id}")).expect("an id is short and printable")
}

fn job_key(id: JobId) -> Key {
    key(JOB, id)
}

fn checkpoint_key(id: JobId) -> Key {
    key("checkpoint/", id)
}

fn result_key(id: JobId) -> Key {
    key("result/", id)
}

fn put(key: Key, message: &impl Message) -> Write {
    Write::Put(key, Bytes::from(message.encode_to_vec()))
}

/// What the core knows of jobs and batches beyond the scheduler's records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) metadata: &'a BTreeMap<JobId, JobMetadata>,
    pub(crate) hooks: &'a BTreeMap<BatchId, HookState>,
    pub(crate) origins: &'a Origins,
}

/// Adds the writes for `record` to `writes`, with its job's metadata and, while the job is open,
/// the request that it came from, or with its batch's hook.
pub(crate) fn write(
    record: &Record<Partial>,
    Known { metadata, hooks, origins }: Known<'_>,
    writes: &mut Vec<Write>,
) {
    match record {
        Record::Job(job) => {
            let metadata = metadata.get(&job.id).cloned().unwrap_or_default();
            let entry = job_entry(job, metadata, origins.of(job.id).filter(|_| !job.state.is_ended()));
            writes.push(put(job_key(job.id), &entry));
            if job.state.is_ended() {
                writes.push(Write::Delete(checkpoint_key(job.id)));
            }
        }
        Record::Checkpoint { job, checkpoint } => {
            writes.push(put(checkpoint_key(*job), &checkpoint_entry(checkpoint)));
        }
        Record::Result(result) => writes.push(put(result_key(result.job), &result_entry(result))),
        Record::Forget { job, .. } => {
            writes.extend([job_key(*job), checkpoint_key(*job), result_key(*job)].map(Write::Delete));
        }
        Record::Batch(batch) => writes.push(batches::write(batch, hooks.get(&batch.id))),
        Record::ForgetBatch { batch, .. } => writes.push(batches::delete(*batch)),
        Record::Drain { name, draining } => {
            // Workers with a name that can't be part of a key are refused when they join.
            let key = Key::new(format!("{NODE}{name}")).expect("a node's name is short and printable");
            writes.push(if *draining { put(key, &v1::DrainEntry {}) } else { Write::Delete(key) });
        }
        Record::Trust { node, trust } => writes.push(verdicts::write_trust(*node, trust.as_ref())),
        Record::Verdict(verdict) => writes.push(verdicts::write(verdict)),
        Record::ForgetVerdict { number } => writes.push(verdicts::delete(*number)),
    }
}

fn job_entry(job: &JobRecord, metadata: JobMetadata, origin: Option<&Origin>) -> v1::JobEntry {
    let (request_id, traceparent) = origin.map(Origin::to_store).unwrap_or_default();
    v1::JobEntry {
        id: job.id.to_string(),
        owner: job.owner.to_string(),
        priority: job.priority.into(),
        status: to_proto::job_status(job.state).into(),
        specification: Some(job.spec.to_draft().into()),
        created_at_ms: job.created_at.0,
        started_at_ms: job.started_at.map(|at| at.0),
        ended_at_ms: job.ended_at.map(|at| at.0),
        error: job.error.clone().filter(|_| job.state == JobState::Failed),
        simulations_done: job.simulations_done,
        stopped_early: job.stopped_early,
        workers_used: job.workers_used,
        batch_id: job.batch.map(|batch| batch.to_string()),
        custom_id: metadata.custom_id,
        name: metadata.name,
        estimated_cost_nanodollars: nanodollars(job.price * Work::of(&job.spec).tokens()),
        cost_nanodollars: job.bill.map(|bill| nanodollars(bill.cost)),
        tokens_used: job.bill.map(|bill| bill.tokens),
        cancel_reason: job.error.clone().filter(|_| job.state == JobState::Cancelled),
        blocked: Some(job.is_blocked),
        price_nanodollars: Some(nanodollars(job.price)),
        preview: job.is_preview,
        request_id,
        traceparent,
        webhook: metadata.hook.as_ref().map(webhooks::hook_entry),
    }
}

fn checkpoint_entry(checkpoint: &Checkpoint<Partial>) -> v1::CheckpointEntry {
    let span = |range: BlockRange| v1::BlockSpan { start: range.start(), end: range.end() };
    v1::CheckpointEntry {
        model_version: MODEL_VERSION,
        done: checkpoint.done.iter().copied().map(span).collect(),
        parts: checkpoint
            .parts
            .iter()
            .map(|part| v1::PartEntry { range: Some(span(part.range)), partial: part.partial.encode() })
            .collect(),
        shares: checkpoint.shares.iter().map(share_entry).collect(),
    }
}

fn share_entry(share: &Share) -> v1::ShareEntry {
    v1::ShareEntry {
        node_id: share.node.to_string(),
        simulations: share.simulations,
        ahead: share.ahead,
        mark: Some(verdicts::mark_entry(share.mark)),
    }
}

fn result_entry(result: &ResultRecord<Partial>) -> v1::ResultEntry {
    let results = carlo_kernel::results(&result.spec, &result.fold);
    let sentences = |sensitivity| carlo_kernel::recommendations(&result.spec, sensitivity);
    let recommendations = results.sensitivity.as_ref().map(sentences).unwrap_or_default();
    let completed = v1::CompletedResults {
        results: Some((&results).into()),
        recommendations,
        // The job's entry has them.
        assumptions: None,
        stopped_early: result.stopped_early,
        workers_used: u32::try_from(result.shares.len()).unwrap_or(u32::MAX),
        // They follow from the shares and the verdicts whenever the results are read.
        doubts: Vec::new(),
    };
    v1::ResultEntry {
        results: None,
        packed: packed::pack(completed),
        shares: result.shares.iter().map(share_entry).collect(),
    }
}

/// The content of a ledger without results.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// The names of the nodes that an operator has drained.
    pub(crate) drains: Vec<String>,
    /// What is known about worker processes.
    pub(crate) trust: Vec<(NodeId, Trust)>,
    pub(crate) verdicts: Vec<Verdict>,
    /// All jobs in the order of their submission, which is also the order of the queue.
    pub(crate) jobs: Vec<LoadedJob>,
    /// Jobs with a checkpoint that can't be read, and the errors.
    pub(crate) unusable: Vec<(JobId, EntryError)>,
    /// Keys, join tokens, usage, charges and budgets.
    pub(crate) tenancy: Vec<carlo_tenancy::Record>,
    pub(crate) idempotency: Vec<idempotency::Stored>,
    /// The keys of idempotency entries that can't be read, and the errors.
    pub(crate) unusable_idempotency: Vec<(Key, EntryError)>,
    /// The secret with which leases are sealed; `None` before the first start.
    pub(crate) seal_key: Option<[u8; 32]>,
    /// The terms, once an operator has set some.
    pub(crate) terms: Option<Terms>,
    /// What administrators have changed, the oldest first.
    pub(crate) audit: Vec<v1::AuditRecord>,
    /// All batches, each with its hook and the size of its entry in bytes.
    pub(crate) batches: Vec<(BatchRecord, Option<HookState>, usize)>,
    /// Endpoints, default webhooks and deliveries.
    pub(crate) webhooks: Vec<carlo_webhooks::Record>,
}

/// A job with what only its entry knows.
#[derive(Debug)]
pub(crate) struct LoadedJob {
    pub(crate) job: StoredJob<Partial>,
    pub(crate) metadata: JobMetadata,
    /// The request that an open job came from, if it is known.
    pub(crate) origin: Option<Origin>,
    /// The size of the entry.
    pub(crate) bytes: usize,
}

/// Reads the ledger.
pub(crate) async fn load(ledger: &dyn Ledger) -> Result<Stored, EntryError> {
    portable::require_whole(ledger).await.map_err(|error| match error {
        // Whether another attempt may succeed is decided as for all errors of the ledger.
        PortableError::Ledger(error) => EntryError::Ledger(error),
        error => EntryError::Contradiction(error.into()),
    })?;
    let tenancy = tenancy::load(ledger).await?;
    let (idempotency, unusable) = idempotency::load(ledger).await?;
    let mut stored = Stored { idempotency, unusable_idempotency: unusable, ..Stored::default() };
    let key = Key::new(SEAL).expect("a constant that is short and printable");
    if let Some(value) = ledger.get(&key).await? {
        stored.seal_key = Some(read::seal_key(&key, &value)?);
    }
    let key = Key::new(TERMS).expect("a constant that is short and printable");
    if let Some(value) = ledger.get(&key).await? {
        stored.terms = Some(read::terms(&key, &value)?);
    }
    stored.audit = audit::load(ledger).await?;
    stored.webhooks = webhooks::load(ledger).await?;
    for (key, _) in scan(ledger, NODE).await? {
        stored.drains.push(key.as_str()[NODE.len()..].to_owned());
    }
    (stored.trust, stored.verdicts) = verdicts::load(ledger).await?;
    let mut jobs = Vec::new();
    for (key, value) in scan(ledger, JOB).await? {
        let (record, metadata, origin) = read::job(&key, &value, &tenancy.reserved)?;
        jobs.push((record, metadata, origin, key.as_str().len() + value.len()));
    }
    jobs.sort_by_key(|(record, ..)| (record.created_at, record.id));
    for (record, metadata, origin, bytes) in jobs {
        let checkpoint = match checkpoint(ledger, &record).await {
            Err(EntryError::Ledger(error)) => return Err(error.into()),
            Err(error) => {
                stored.unusable.push((record.id, error));
                None
            }
            Ok(checkpoint) => checkpoint,
        };
        stored.jobs.push(LoadedJob { job: StoredJob { record, checkpoint }, metadata, origin, bytes });
    }
    let known = stored.jobs.iter().map(|LoadedJob { job, .. }| (job.record.id, &job.record)).collect();
    stored.batches = batches::load(ledger, &known, &tenancy.records).await?;
    stored.tenancy = tenancy.records;
    Ok(stored)
}

/// The write that stores the secret with which leases are sealed.
pub(crate) fn write_seal_key(secret: &[u8; 32]) -> Write {
    let key = Key::new(SEAL).expect("a constant that is short and printable");
    put(key, &v1::SecretEntry { secret: secret.to_vec() })
}

/// The write that stores the terms.
pub(crate) fn write_terms(terms: &Terms) -> Write {
    let key = Key::new(TERMS).expect("a constant that is short and printable");
    put(key, &v1::TermsEntry { json: terms.to_json() })
}

/// The write that deletes a checkpoint.
pub(crate) fn drop_checkpoint(id: JobId) -> Write {
    Write::Delete(checkpoint_key(id))
}

/// All entries whose keys begin with `prefix`.
async fn scan(ledger: &dyn Ledger, prefix: &str) -> Result<Vec<(Key, Bytes)>, LedgerError> {
    let mut entries: Vec<(Key, Bytes)> = Vec::new();
    loop {
        let after = entries.last().map(|(key, _)| key);
        let page = ledger.scan(prefix, after, PAGE).await?;
        let is_last = page.len() < PAGE;
        entries.extend(page);
        if is_last {
            return Ok(entries);
        }
    }
}

async fn checkpoint(ledger: &dyn Ledger, job: &JobRecord) -> Result<Option<Checkpoint<Partial>>, EntryError> {
    // Only running jobs have checkpoints. To look one up for each of a hundred thousand queued jobs
    // would take seconds.
    if job.state != JobState::Running {
        return Ok(None);
    }
    let key = checkpoint_key(job.id);
    let value = ledger.get(&key).await?;
    value.map(|value| read::checkpoint(&key, &value)).transpose()
}

/// The specification of a job; `None` if the job is unknown.
pub(crate) async fn spec(ledger: &dyn Ledger, id: JobId) -> Result<Option<Arc<JobSpec>>, EntryError> {
    let key = job_key(id);
    let value: Result<_, LedgerError> = ledger.get(&key).await;
    value?.map(|value| read::job(&key, &value, &BTreeSet::new()).map(|(record, ..)| record.spec)).transpose()
}

/// The results of a job, unpacked, if there are any.
pub(crate) async fn result(ledger: &dyn Ledger, id: JobId) -> Result<Option<v1::ResultEntry>, EntryError> {
    let key = result_key(id);
    let value: Result<_, LedgerError> = ledger.get(&key).await;
    let Some(value) = value? else { return Ok(None) };
    let mut entry = read::result(&key, &value)?;
    if !entry.packed.is_empty() {
        let key_of_job = job_key(id);
        let job: Result<_, LedgerError> = ledger.get(&key_of_job).await;
        // It is forgotten together with its results.
        let Some(job) = job? else { return Ok(None) };
        let assumptions = read::decode::<v1::JobEntry>(&key_of_job, &job)?.specification;
        let packed = std::mem::take(&mut entry.packed);
        let results = packed::unpack(&packed, assumptions);
        entry.results = Some(results.map_err(|reason| read::unreadable(&key, reason))?);
    }
    Ok(Some(entry))
}

/// The contributions to a stored result.
pub(crate) fn shares(result: &v1::ResultEntry) -> Vec<Share> {
    result.shares.iter().filter_map(|share| read::share(share).ok()).collect()
}

/// Adds the contributions of nodes, which are stored with the result, to `job`.
pub(crate) fn add_shares(job: &mut v1::Job, result: &v1::ResultEntry) {
    for share in &result.shares {
        let progress = v1::NodeProgress {
            simulations: share.simulations,
            simulations_per_second: 0.0,
            state: "idle".to_owned(),
        };
        job.node_progress.entry(share.node_id.clone()).or_insert(progress);
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
