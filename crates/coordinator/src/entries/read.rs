//! Reading of entries. Their content is not trusted: an entry that can't be read is an error that
//! names the entry's key.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use carlo_kernel::{MODEL_VERSION, Partial};
use carlo_schedule::{Checkpoint, JobRecord, JobState, Part, Share};
use carlo_store::{Key, LedgerError};
use carlo_tenancy::Terms;
use carlo_types::{Bill, BlockRange, Draft, JobId, Money, OwnerId, Timestamp, Work};
use carlo_wire::{FieldError, convert, v1};
use prost::Message;

use super::{verdicts, webhooks};
use crate::job_metadata::JobMetadata;
use crate::origin::Origin;
use crate::to_proto;

/// An error in the ledger's entries.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The ledger can't be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An entry can't be decoded, or has invalid content.
    #[error("failed to read the ledger's entry {key}: {reason}")]
    Unreadable { key: Key, reason: String },
    /// The entries can be read, but contradict each other.
    #[error("failed to take up the ledger")]
    Contradiction(#[source] Box<dyn std::error::Error + Send + Sync>),
}

pub(super) fn unreadable(key: &Key, reason: impl std::fmt::Display) -> EntryError {
    EntryError::Unreadable { key: key.clone(), reason: reason.to_string() }
}

pub(super) fn decode<M: Message + Default>(key: &Key, value: &Bytes) -> Result<M, EntryError> {
    M::decode(value.as_ref()).map_err(|error| unreadable(key, error))
}

/// Reads a job's entry. `reserved` are the jobs that may run according to charges of earlier
/// releases, which stored it there.
pub(super) fn job(
    key: &Key,
    value: &Bytes,
    reserved: &BTreeSet<JobId>,
) -> Result<(JobRecord, JobMetadata, Option<Origin>), EntryError> {
    let entry: v1::JobEntry = decode(key, value)?;
    let id = convert::id("id", &entry.id).map_err(|error| unreadable(key, error))?;
    let batch = entry.batch_id.as_deref().map(|id| convert::id("batch_id", id)).transpose();
    let batch = batch.map_err(|error| unreadable(key, error))?;
    let state = to_proto::job_state(entry.status()).ok_or_else(|| unreadable(key, "it has no status"))?;
    let spec = Draft::from(entry.specification.unwrap_or_default()).check(0).map_err(|fault| {
        let faults: Vec<_> = fault.fields.iter().map(ToString::to_string).collect();
        unreadable(key, faults.join("; "))
    })?;
    let price = entry.price_nanodollars.unwrap_or_else(|| {
        // The estimate is the price times the tokens.
        entry.estimated_cost_nanodollars / Work::of(&spec).tokens().max(1)
    });
    let bill = entry.tokens_used.zip(entry.cost_nanodollars);
    let is_blocked = entry.blocked.unwrap_or_else(|| batch.is_some() && !reserved.contains(&id));
    let record = JobRecord {
        id,
        owner: OwnerId::new(entry.owner),
        spec: Arc::new(spec),
        priority: u8::try_from(entry.priority).map_err(|error| unreadable(key, error))?,
        state,
        error: entry.error.or(entry.cancel_reason),
        created_at: Timestamp(entry.created_at_ms),
        started_at: entry.started_at_ms.map(Timestamp),
        ended_at: entry.ended_at_ms.map(Timestamp),
        simulations_done: entry.simulations_done,
        stopped_early: entry.stopped_early,
        workers_used: entry.workers_used,
        batch,
        is_blocked: is_blocked && state == JobState::Queued,
        price: Money::from_nanos(price.into()),
        bill: bill.map(|(tokens, cost)| Bill { tokens, cost: Money::from_nanos(cost.into()) }),
        is_preview: entry.preview,
    };
    let origin = Origin::stored(&entry.request_id, &entry.traceparent);
    let hook = entry.webhook.map(|hook| webhooks::hook_state(key, &hook)).transpose()?;
    Ok((record, JobMetadata { custom_id: entry.custom_id, name: entry.name, hook }, origin))
}

pub(super) fn checkpoint(key: &Key, value: &Bytes) -> Result<Checkpoint<Partial>, EntryError> {
    let entry: v1::CheckpointEntry = decode(key, value)?;
    // Partial results of another model version can't be merged with those of this release's
    // workers.
    if entry.model_version != MODEL_VERSION {
        let version = match entry.model_version {
            0 => "3 or older".to_owned(),
            version => version.to_string(),
        };
        return Err(unreadable(key, format!("it is of model version {version}, this is {MODEL_VERSION}")));
    }
    let span = |span: &v1::BlockSpan| {
        BlockRange::new(span.start, span.end).ok_or_else(|| FieldError::new("span", "is empty"))
    };
    let read = || -> Result<Checkpoint<Partial>, Box<dyn std::error::Error>> {
        Ok(Checkpoint {
            done: entry.done.iter().map(span).collect::<Result<_, _>>()?,
            parts: entry
                .parts
                .iter()
                .map(|part| {
                    let range = span(part.range.as_ref().unwrap_or(&v1::BlockSpan::default()))?;
                    Ok(Part { range, partial: Partial::decode(&part.partial)? })
                })
                .collect::<Result<_, Box<dyn std::error::Error>>>()?,
            shares: entry.shares.iter().map(share).collect::<Result<_, FieldError>>()?,
        })
    };
    read().map_err(|error| unreadable(key, error))
}

pub(super) fn share(share: &v1::ShareEntry) -> Result<Share, FieldError> {
    Ok(Share {
        node: convert::id("node_id", &share.node_id)?,
        simulations: share.simulations,
        ahead: share.ahead.min(share.simulations),
        // Earlier releases didn't store it: at any check, such a contribution was made before.
        mark: share.mark.map(verdicts::mark).unwrap_or_default(),
    })
}

pub(super) fn result(key: &Key, value: &Bytes) -> Result<v1::ResultEntry, EntryError> {
    decode(key, value)
}

pub(super) fn seal_key(key: &Key, value: &Bytes) -> Result<[u8; 32], EntryError> {
    let entry: v1::SecretEntry = decode(key, value)?;
    entry.secret.try_into().map_err(|_| unreadable(key, "its secret has not 32 bytes"))
}

pub(super) fn terms(key: &Key, value: &Bytes) -> Result<Terms, EntryError> {
    let entry: v1::TermsEntry = decode(key, value)?;
    Terms::parse(&entry.json).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        unreadable(key, faults.join("; "))
    })
}
