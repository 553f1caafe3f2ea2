//! The scheduler's records as entries of the ledger, and back.
//!
//! | key | value | written |
//! |---|---|---|
//! | `job/<id>` | `JobEntry` | at every change of the job's state |
//! | `checkpoint/<id>` | `CheckpointEntry` | while the job runs |
//! | `result/<id>` | `ResultEntry` | in the commit that completes the job |
//! | `secret/leases` | `SecretEntry` | once, at the first start |
//! | `node/<name>` | `DrainEntry` | while an operator wants the node idle |
//! | `key/<id>` | `KeyEntry` | when a key is made or taken back |
//! | `token/<id>` | `JoinTokenEntry` | when a join token is made, used or taken back |
//! | `settings/terms` | `TermsEntry` | when an operator changes the tiers |
//! | `usage/<user>/<period>` | `UsageEntry` | with every call and every job that counts |
//! | `charge/<job>` | `ChargeEntry` | while the job is open |
//! | `budget/<batch>` | `BudgetEntry` | while the batch is kept |
//! | `batch/<id>` | `BatchEntry` | when it is made, starts, is given up, ends, and loses a job |
//! | `idempotency/<user>/<hash>` | `IdempotencyEntry` | with the first answer, for a day |
//!
//! The messages are in `proto/carlo/v1/ledger.proto`. An entry that can't be read stops the
//! coordinator from starting: going on without it would lose a job. Only a checkpoint is dropped
//! and its progress computed again: what broken workers report ends up in one, and their sum may be
//! something that no simulations add up to.

pub(crate) mod batches;
pub(crate) mod idempotency;
mod read;
pub(crate) mod tenancy;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use carlo_kernel::{MODEL_VERSION, Partial};
use carlo_schedule::{BatchRecord, Checkpoint, JobRecord, JobState, Record, ResultRecord, Share, StoredJob};
use carlo_store::portable::{self, PortableError};
use carlo_store::{Key, Ledger, LedgerError, Write};
use carlo_tenancy::Terms;
use carlo_types::{BlockRange, JobId, JobSpec, Work};
use carlo_wire::v1;
use prost::Message;

use crate::job_metadata::JobMetadata;
use crate::to_proto;
use crate::to_proto::nanodollars;
pub(crate) use read::EntryError;

/// Entries that are read at once.
const PAGE: usize = 1_000;
const JOB: &str = "job/";
const NODE: &str = "node/";
/// The secret that leases are sealed with.
const SEAL: &str = "secret/leases";
/// What each tier may do, where an operator has said so.
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

/// Adds what makes `record` durable to `writes`; of its job's `metadata` too.
pub(crate) fn write(
    record: &Record<Partial>,
    metadata: &BTreeMap<JobId, JobMetadata>,
    writes: &mut Vec<Write>,
) {
    match record {
        Record::Job(job) => {
            let entry = job_entry(job, metadata.get(&job.id).cloned().unwrap_or_default());
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
        Record::Batch(batch) => writes.push(batches::write(batch)),
        Record::ForgetBatch { batch, .. } => writes.push(batches::delete(*batch)),
        Record::Drain { name, draining } => {
            // The door admits only names that are fit for a key.
            let key = Key::new(format!("{NODE}{name}")).expect("a node's name is short and printable");
            writes.push(if *draining { put(key, &v1::DrainEntry {}) } else { Write::Delete(key) });
        }
    }
}

fn job_entry(job: &JobRecord, metadata: JobMetadata) -> v1::JobEntry {
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
    v1::ShareEntry { node_id: share.node.to_string(), simulations: share.simulations, ahead: share.ahead }
}

fn result_entry(result: &ResultRecord<Partial>) -> v1::ResultEntry {
    let results = carlo_kernel::results(&result.spec, &result.fold);
    let sentences = |sensitivity| carlo_kernel::recommendations(&result.spec, sensitivity);
    let recommendations = results.sensitivity.as_ref().map(sentences).unwrap_or_default();
    v1::ResultEntry {
        results: Some(v1::CompletedResults {
            results: Some((&results).into()),
            recommendations,
            assumptions: Some(result.spec.to_draft().into()),
            stopped_early: result.stopped_early,
            workers_used: u32::try_from(result.shares.len()).unwrap_or(u32::MAX),
        }),
        shares: result
            .shares
            .iter()
            .map(|&(node, simulations)| share_entry(&Share { node, simulations, ahead: 0 }))
            .collect(),
    }
}

/// Everything in a ledger but results.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// The names of the nodes that an operator wants idle.
    pub(crate) drains: Vec<String>,
    /// Every job with the bytes of its entry, in the order of submission, which is that of the
    /// queue.
    pub(crate) jobs: Vec<(StoredJob<Partial>, JobMetadata, usize)>,
    /// Jobs of which the checkpoint can't be read, and why.
    pub(crate) unusable: Vec<(JobId, EntryError)>,
    /// Keys, usage, charges, budgets.
    pub(crate) tenancy: Vec<carlo_tenancy::Record>,
    /// Requests that were answered and may come again.
    pub(crate) idempotency: Vec<idempotency::Stored>,
    /// What leases are sealed with, once it has been drawn.
    pub(crate) seal_key: Option<[u8; 32]>,
    /// The terms that hold, once an operator has set some.
    pub(crate) terms: Option<Terms>,
    /// Every batch with the bytes of its entry.
    pub(crate) batches: Vec<(BatchRecord, usize)>,
}

/// Reads the ledger.
pub(crate) async fn load(ledger: &dyn Ledger) -> Result<Stored, EntryError> {
    portable::require_whole(ledger).await.map_err(|error| match error {
        // Another attempt may succeed, which is decided as for any other read.
        PortableError::Ledger(error) => EntryError::Ledger(error),
        error => EntryError::Contradiction(error.into()),
    })?;
    let tenancy = tenancy::load(ledger).await?;
    let mut stored = Stored { idempotency: idempotency::load(ledger).await?, ..Stored::default() };
    let key = Key::new(SEAL).expect("it is short and printable");
    if let Some(value) = ledger.get(&key).await? {
        stored.seal_key = Some(read::seal_key(&key, &value)?);
    }
    let key = Key::new(TERMS).expect("it is short and printable");
    if let Some(value) = ledger.get(&key).await? {
        stored.terms = Some(read::terms(&key, &value)?);
    }
    for (key, _) in scan(ledger, NODE).await? {
        stored.drains.push(key.as_str()[NODE.len()..].to_owned());
    }
    let mut jobs = Vec::new();
    for (key, value) in scan(ledger, JOB).await? {
        let (record, metadata) = read::job(&key, &value, &tenancy.reserved)?;
        jobs.push((record, metadata, key.as_str().len() + value.len()));
    }
    jobs.sort_by_key(|(record, ..)| (record.created_at, record.id));
    for (record, metadata, bytes) in jobs {
        let checkpoint = match checkpoint(ledger, &record).await {
            Err(EntryError::Ledger(error)) => return Err(error.into()),
            Err(error) => {
                stored.unusable.push((record.id, error));
                None
            }
            Ok(checkpoint) => checkpoint,
        };
        stored.jobs.push((StoredJob { record, checkpoint }, metadata, bytes));
    }
    let known = stored.jobs.iter().map(|(job, ..)| (job.record.id, &job.record)).collect();
    stored.batches = batches::load(ledger, &known, &tenancy.records).await?;
    stored.tenancy = tenancy.records;
    Ok(stored)
}

/// What makes the secret durable that leases are sealed with.
pub(crate) fn write_seal_key(secret: &[u8; 32]) -> Write {
    let key = Key::new(SEAL).expect("it is short and printable");
    put(key, &v1::SecretEntry { secret: secret.to_vec() })
}

/// What makes the terms durable.
pub(crate) fn write_terms(terms: &Terms) -> Write {
    let key = Key::new(TERMS).expect("it is short and printable");
    put(key, &v1::TermsEntry { json: terms.to_json() })
}

/// What deletes a checkpoint that can't be used.
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
    // Only what runs has one: a look for each of a hundred thousand queued jobs would take seconds.
    if job.state != JobState::Running {
        return Ok(None);
    }
    let key = checkpoint_key(job.id);
    let value = ledger.get(&key).await?;
    value.map(|value| read::checkpoint(&key, &value)).transpose()
}

/// What a job asks, while it is known.
pub(crate) async fn spec(ledger: &dyn Ledger, id: JobId) -> Result<Option<Arc<JobSpec>>, EntryError> {
    let key = job_key(id);
    let value: Result<_, LedgerError> = ledger.get(&key).await;
    value?.map(|value| read::job(&key, &value, &BTreeSet::new()).map(|(record, _)| record.spec)).transpose()
}

/// The results of a job, where it has any.
pub(crate) async fn result(ledger: &dyn Ledger, id: JobId) -> Result<Option<v1::ResultEntry>, EntryError> {
    let key = result_key(id);
    let value: Result<_, LedgerError> = ledger.get(&key).await;
    value?.map(|value| read::result(&key, &value)).transpose()
}

/// Says in `job` what each node did for it, as its result remembers.
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
