//! Batches as entries of the ledger, and back. What became of a job is in its own entry, as long as that is kept.

use std::collections::BTreeMap;

use bytes::Bytes;
use carlo_schedule::{JobRecord, JobState};
use carlo_store::{Key, Ledger, Write};
use carlo_types::{BatchId, JobId, OwnerId, Timestamp};
use carlo_wire::{convert, v1};

use super::read::{EntryError, decode, unreadable};
use super::{put, scan};
use crate::batch::{Batch, Member, NewBatch};
use crate::to_proto;

const BATCH: &str = "batch/";

fn key(id: BatchId) -> Key {
    Key::new(format!("{BATCH}{id}")).expect("an id is short and printable")
}

/// What makes a batch durable.
pub(crate) fn write(batch: &Batch) -> Write {
    let job = |member: &Member| v1::BatchJobEntry {
        job_id: member.job.to_string(),
        status: to_proto::job_status(member.state).into(),
        simulations: member.simulations,
    };
    let entry = v1::BatchEntry {
        id: batch.id.to_string(),
        owner: batch.owner.to_string(),
        priority: batch.priority.into(),
        fail_fast: batch.fail_fast,
        parallel_jobs: batch.parallel_jobs,
        created_at_ms: batch.created_at.0,
        started_at_ms: batch.started_at.map(|at| at.0),
        ended_at_ms: batch.ended_at.map(|at| at.0),
        metadata_json: batch.metadata_json.clone(),
        jobs: batch.members.iter().map(job).collect(),
        error: batch.error.clone(),
        cancelled: batch.is_cancelled,
        cancel_reason: batch.cancel_reason.clone(),
    };
    put(key(batch.id), &entry)
}

/// What forgets a batch.
pub(crate) fn delete(id: BatchId) -> Write {
    Write::Delete(key(id))
}

/// A job as its own entry says it is: its state, and whether it is held back.
pub(crate) type Known<'a> = BTreeMap<JobId, (&'a JobRecord, bool)>;

/// Every batch, its jobs as they are known.
pub(crate) async fn load(ledger: &dyn Ledger, known: &Known<'_>) -> Result<Vec<Batch>, EntryError> {
    let entries = scan(ledger, BATCH).await?;
    entries.iter().map(|(key, value)| read(key, value, known)).collect()
}

fn read(key: &Key, value: &Bytes, known: &Known<'_>) -> Result<Batch, EntryError> {
    let entry: v1::BatchEntry = decode(key, value)?;
    let member = |job: &v1::BatchJobEntry| {
        let id = convert::id("job_id", &job.job_id).map_err(|error| unreadable(key, error))?;
        let state =
            to_proto::job_state(job.status()).ok_or_else(|| unreadable(key, "a job has no status"))?;
        let known = known.get(&id);
        let state = known.map_or(state, |(record, _)| record.state);
        Ok(Member {
            job: id,
            simulations: job.simulations,
            state,
            is_released: state != JobState::Queued || known.is_some_and(|(_, blocked)| !blocked),
            is_forgotten: known.is_none(),
        })
    };
    let members: Vec<Member> = entry.jobs.iter().map(member).collect::<Result<_, EntryError>>()?;
    if members.iter().any(|member| member.is_forgotten && !member.state.is_ended()) {
        return Err(unreadable(key, "an open job of it is not there"));
    }
    let first_start = members.iter().filter_map(|member| known.get(&member.job)?.0.started_at).min();
    let mut batch = Batch::new(NewBatch {
        id: convert::id("id", &entry.id).map_err(|error| unreadable(key, error))?,
        owner: OwnerId::new(entry.owner),
        priority: u8::try_from(entry.priority).map_err(|error| unreadable(key, error))?,
        fail_fast: entry.fail_fast,
        parallel_jobs: entry.parallel_jobs,
        metadata_json: entry.metadata_json,
        created_at: Timestamp(entry.created_at_ms),
        members,
    });
    batch.started_at = entry.started_at_ms.map(Timestamp).or(first_start);
    batch.ended_at = entry.ended_at_ms.map(Timestamp);
    batch.error = entry.error;
    batch.is_cancelled = entry.cancelled;
    batch.cancel_reason = entry.cancel_reason;
    Ok(batch)
}
