//! Conversion of batches to entries of the ledger, and back. The entry of a job, if it still
//! exists, takes precedence over the job's part in the batch's entry.

use std::collections::BTreeMap;

use bytes::Bytes;
use carlo_schedule::{BatchJob, BatchRecord, JobRecord};
use carlo_store::{Key, Ledger, Write};
use carlo_types::{BatchId, Bill, JobId, Money, OwnerId, Timestamp, Work};
use carlo_wire::{convert, v1};

use super::read::{EntryError, decode, unreadable};
use super::tenancy::money;
use super::{put, scan, webhooks};
use crate::hook_state::HookState;
use crate::to_proto;

const BATCH: &str = "batch/";

fn key(id: BatchId) -> Key {
    Key::new(format!("{BATCH}{id}")).expect("an id is short and printable")
}

/// The write that stores a batch.
pub(super) fn write(batch: &BatchRecord, hook: Option<&HookState>) -> Write {
    let job = |member: &BatchJob| v1::BatchJobEntry {
        job_id: member.job.to_string(),
        status: to_proto::job_status(member.state).into(),
        simulations: member.simulations,
        estimate: Some(member.estimate.to_string()),
        cost: member.bill.map(|bill| bill.cost.to_string()),
        tokens: member.bill.map(|bill| bill.tokens),
    };
    let unattributed = Some(batch.unattributed).filter(|bill| *bill != Bill::default());
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
        jobs: batch.jobs.iter().map(job).collect(),
        error: batch.error.clone(),
        cancelled: batch.is_cancelled,
        cancel_reason: batch.cancel_reason.clone(),
        budget_cap: batch.budget_cap.map(|cap| cap.to_string()),
        unattributed_cost: unattributed.map(|bill| bill.cost.to_string()),
        unattributed_tokens: unattributed.map_or(0, |bill| bill.tokens),
        webhook: hook.map(webhooks::hook_entry),
    };
    put(key(batch.id), &entry)
}

/// The write that deletes a batch.
pub(super) fn delete(id: BatchId) -> Write {
    Write::Delete(key(id))
}

/// All batches. Entries of old releases have no amounts of money; these are taken from the budgets
/// among `records`.
pub(super) async fn load(
    ledger: &dyn Ledger,
    jobs: &BTreeMap<JobId, &JobRecord>,
    records: &[carlo_tenancy::Record],
) -> Result<Vec<(BatchRecord, Option<HookState>, usize)>, EntryError> {
    let budgets: BTreeMap<BatchId, &carlo_tenancy::Budget> = records
        .iter()
        .filter_map(|record| match record {
            carlo_tenancy::Record::Budget(budget) => Some((budget.batch, budget)),
            _ => None,
        })
        .collect();
    let entries = scan(ledger, BATCH).await?;
    let read = |(key, value): &(Key, Bytes)| {
        let (batch, hook) = read(key, value, jobs, &budgets)?;
        Ok((batch, hook, key.as_str().len() + value.len()))
    };
    entries.iter().map(read).collect()
}

fn read(
    key: &Key,
    value: &Bytes,
    jobs: &BTreeMap<JobId, &JobRecord>,
    budgets: &BTreeMap<BatchId, &carlo_tenancy::Budget>,
) -> Result<(BatchRecord, Option<HookState>), EntryError> {
    let entry: v1::BatchEntry = decode(key, value)?;
    let has_money = entry.jobs.iter().all(|job| job.estimate.is_some());
    let read_money =
        |text: Option<&String>| text.map(|text| money(key, text)).transpose().map(Option::unwrap_or_default);
    let member = |entry: &v1::BatchJobEntry| {
        let job = convert::id("job_id", &entry.job_id).map_err(|error| unreadable(key, error))?;
        let state =
            to_proto::job_state(entry.status()).ok_or_else(|| unreadable(key, "a job has no status"))?;
        let mut member = BatchJob {
            job,
            simulations: entry.simulations,
            estimate: read_money(entry.estimate.as_ref())?,
            state,
            is_blocked: false,
            bill: match entry.tokens {
                Some(tokens) => Some(Bill { tokens, cost: read_money(entry.cost.as_ref())? }),
                None => None,
            },
            simulations_done: 0,
            is_forgotten: true,
        };
        if let Some(record) = jobs.get(&job) {
            member.state = record.state;
            member.estimate = record.price * Work::of(&record.spec).tokens();
            (member.is_blocked, member.bill, member.is_forgotten) = (record.is_blocked, record.bill, false);
            member.simulations_done = if record.state.is_ended() { record.simulations_done } else { 0 };
        }
        Ok(member)
    };
    let hook = entry.webhook.as_ref().map(|hook| webhooks::hook_state(key, hook)).transpose()?;
    let mut batch = BatchRecord {
        id: convert::id("id", &entry.id).map_err(|error| unreadable(key, error))?,
        owner: OwnerId::new(entry.owner),
        priority: u8::try_from(entry.priority).map_err(|error| unreadable(key, error))?,
        fail_fast: entry.fail_fast,
        parallel_jobs: entry.parallel_jobs,
        budget_cap: entry.budget_cap.as_ref().map(|text| money(key, text)).transpose()?,
        metadata_json: entry.metadata_json,
        created_at: Timestamp(entry.created_at_ms),
        started_at: entry.started_at_ms.map(Timestamp),
        ended_at: entry.ended_at_ms.map(Timestamp),
        jobs: entry.jobs.iter().map(member).collect::<Result<_, EntryError>>()?,
        error: entry.error,
        is_cancelled: entry.cancelled,
        cancel_reason: entry.cancel_reason,
        unattributed: Bill {
            tokens: entry.unattributed_tokens,
            cost: read_money(entry.unattributed_cost.as_ref())?,
        },
    };
    if let Some(budget) = budgets.get(&batch.id).filter(|_| !has_money) {
        let known = batch.jobs.iter().filter_map(|job| job.bill).fold(Bill::default(), Bill::plus);
        batch.budget_cap = budget.cap;
        batch.unattributed = Bill {
            tokens: budget.spent.tokens.saturating_sub(known.tokens),
            cost: Money::less(budget.spent.cost, known.cost),
        };
    }
    Ok((batch, hook))
}
