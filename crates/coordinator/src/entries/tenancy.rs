//! Conversion of the tenancy's records to entries of the ledger, and back. Amounts of money are
//! decimal text there, which is exact for any amount.

use std::collections::BTreeSet;

use bytes::Bytes;
use carlo_store::{Key, Ledger, Write};
use carlo_tenancy::{
    Budget, Change, Charge, JoinToken, Key as ApiKey, KeyHash, Record, RecordId, Role, Tier, Usage,
};
use carlo_types::{Bill, JobId, Money, OwnerId, Timestamp, Work};
use carlo_wire::v1;

use super::read::{EntryError, decode, unreadable};
use super::{put, scan};

const KEY: &str = "key/";
const USAGE: &str = "usage/";
const CHARGE: &str = "charge/";
const BUDGET: &str = "budget/";
const JOIN_TOKEN: &str = "token/";

/// Adds the writes for `change` to `writes`.
pub(crate) fn write(change: &Change, writes: &mut Vec<Write>) {
    writes.push(match change {
        Change::Put(record) => put_record(key(&record.id()), record),
        Change::Delete(id) => Write::Delete(key(id)),
    });
}

fn key(id: &RecordId) -> Key {
    let text = match id {
        RecordId::Key(id) => format!("{KEY}{id}"),
        RecordId::Usage(user, period) => format!("{USAGE}{user}/{period}"),
        RecordId::Charge(job) => format!("{CHARGE}{job}"),
        RecordId::Budget(batch) => format!("{BUDGET}{batch}"),
        RecordId::JoinToken(id) => format!("{JOIN_TOKEN}{id}"),
    };
    Key::new(text).expect("ids and the names of users are short and printable")
}

fn put_record(key: Key, record: &Record) -> Write {
    match record {
        Record::Key(record) => put(
            key,
            &v1::KeyEntry {
                id: record.id.to_string(),
                hash: record.hash.as_bytes().to_vec(),
                user: record.user.to_string(),
                tier: record.tier.to_string(),
                role: record.role.to_string(),
                created_at_ms: record.created_at.0,
                revoked_at_ms: record.revoked_at.map(|at| at.0),
                note: record.note.clone(),
                expires_at_ms: record.expires_at.map(|at| at.0),
            },
        ),
        Record::Usage(user, period, usage) => put(
            key,
            &v1::UsageEntry {
                user: user.to_string(),
                period: period.to_string(),
                calls: usage.calls,
                jobs: usage.jobs,
                completed: usage.completed,
                failed: usage.failed,
                cancelled: usage.cancelled,
                tokens: usage.tokens,
                cost: usage.cost.to_string(),
            },
        ),
        Record::Charge(charge) => put(
            key,
            &v1::ChargeEntry {
                job_id: charge.job.to_string(),
                user: charge.user.to_string(),
                batch_id: charge.batch.map(|batch| batch.to_string()),
                period: charge.period.to_string(),
                simulations: charge.work.simulations,
                months: charge.work.months,
                price: charge.price.to_string(),
                reserved: false,
                preview: charge.is_preview,
            },
        ),
        Record::JoinToken(token) => put(
            key,
            &v1::JoinTokenEntry {
                id: token.id.to_string(),
                hash: token.hash.as_bytes().to_vec(),
                note: token.note.clone(),
                created_at_ms: token.created_at.0,
                expires_at_ms: token.expires_at.map(|at| at.0),
                last_used_at_ms: token.last_used_at.map(|at| at.0),
                revoked_at_ms: token.revoked_at.map(|at| at.0),
            },
        ),
        Record::Budget(budget) => put(
            key,
            &v1::BudgetEntry {
                batch_id: budget.batch.to_string(),
                user: budget.user.to_string(),
                period: budget.period.to_string(),
                cap: budget.cap.map(|cap| cap.to_string()),
                estimated: budget.estimated.to_string(),
                spent: budget.spent.cost.to_string(),
                tokens: budget.spent.tokens,
            },
        ),
    }
}

/// The tenancy's content of the ledger.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) records: Vec<Record>,
    /// The jobs that may run according to charges of earlier releases.
    pub(super) reserved: BTreeSet<JobId>,
}

/// Reads all records of the tenancy.
pub(crate) async fn load(ledger: &dyn Ledger) -> Result<Loaded, EntryError> {
    let mut loaded = Loaded::default();
    for (key, value) in scan(ledger, KEY).await? {
        loaded.records.push(read_key(&key, &value)?);
    }
    for (key, value) in scan(ledger, JOIN_TOKEN).await? {
        loaded.records.push(read_join_token(&key, &value)?);
    }
    for (key, value) in scan(ledger, USAGE).await? {
        loaded.records.push(read_usage(&key, &value)?);
    }
    for (key, value) in scan(ledger, CHARGE).await? {
        let (charge, reserved) = read_charge(&key, &value)?;
        loaded.reserved.extend(reserved.then_some(charge.job));
        loaded.records.push(Record::Charge(charge));
    }
    for (key, value) in scan(ledger, BUDGET).await? {
        loaded.records.push(read_budget(&key, &value)?);
    }
    Ok(loaded)
}

fn read_key(key: &Key, value: &Bytes) -> Result<Record, EntryError> {
    let entry: v1::KeyEntry = decode(key, value)?;
    let hash = entry.hash.try_into().map_err(|_| unreadable(key, "its hash has not 32 bytes"))?;
    Ok(Record::Key(ApiKey {
        id: entry.id.parse().map_err(|error| unreadable(key, error))?,
        hash: KeyHash::from_bytes(hash),
        user: OwnerId::new(entry.user),
        tier: Tier::parse(&entry.tier).ok_or_else(|| unreadable(key, "its tier is none"))?,
        role: Role::parse(&entry.role).ok_or_else(|| unreadable(key, "its role is none"))?,
        created_at: Timestamp(entry.created_at_ms),
        note: entry.note,
        expires_at: entry.expires_at_ms.map(Timestamp),
        revoked_at: entry.revoked_at_ms.map(Timestamp),
    }))
}

fn read_join_token(key: &Key, value: &Bytes) -> Result<Record, EntryError> {
    let entry: v1::JoinTokenEntry = decode(key, value)?;
    let hash = entry.hash.try_into().map_err(|_| unreadable(key, "its hash has not 32 bytes"))?;
    Ok(Record::JoinToken(JoinToken {
        id: entry.id.parse().map_err(|error| unreadable(key, error))?,
        hash: KeyHash::from_bytes(hash),
        note: entry.note,
        created_at: Timestamp(entry.created_at_ms),
        expires_at: entry.expires_at_ms.map(Timestamp),
        last_used_at: entry.last_used_at_ms.map(Timestamp),
        revoked_at: entry.revoked_at_ms.map(Timestamp),
    }))
}

fn read_usage(key: &Key, value: &Bytes) -> Result<Record, EntryError> {
    let entry: v1::UsageEntry = decode(key, value)?;
    let usage = Usage {
        calls: entry.calls,
        jobs: entry.jobs,
        completed: entry.completed,
        failed: entry.failed,
        cancelled: entry.cancelled,
        tokens: entry.tokens,
        cost: money(key, &entry.cost)?,
    };
    let period = entry.period.parse().map_err(|error| unreadable(key, error))?;
    Ok(Record::Usage(OwnerId::new(entry.user), period, usage))
}

/// Reads a charge, and whether the job may run, which earlier releases stored here.
fn read_charge(key: &Key, value: &Bytes) -> Result<(Charge, bool), EntryError> {
    let entry: v1::ChargeEntry = decode(key, value)?;
    let batch = entry.batch_id.map(|batch| batch.parse()).transpose();
    let charge = Charge {
        job: entry.job_id.parse().map_err(|error| unreadable(key, error))?,
        user: OwnerId::new(entry.user),
        batch: batch.map_err(|error| unreadable(key, error))?,
        period: entry.period.parse().map_err(|error| unreadable(key, error))?,
        work: Work { simulations: entry.simulations, months: entry.months },
        price: money(key, &entry.price)?,
        is_preview: entry.preview,
    };
    Ok((charge, entry.reserved))
}

fn read_budget(key: &Key, value: &Bytes) -> Result<Record, EntryError> {
    let entry: v1::BudgetEntry = decode(key, value)?;
    Ok(Record::Budget(Budget {
        batch: entry.batch_id.parse().map_err(|error| unreadable(key, error))?,
        user: OwnerId::new(entry.user),
        period: entry.period.parse().map_err(|error| unreadable(key, error))?,
        cap: entry.cap.map(|cap| money(key, &cap)).transpose()?,
        estimated: money(key, &entry.estimated)?,
        spent: Bill { tokens: entry.tokens, cost: money(key, &entry.spent)? },
        // The sums over the batch's open jobs are restored from their charges.
        open: Money::ZERO,
        open_jobs: 0,
    }))
}

pub(super) fn money(key: &Key, text: &str) -> Result<Money, EntryError> {
    text.parse().map_err(|_| unreadable(key, format!("{text:?} is no amount of dollars")))
}

#[cfg(test)]
mod tests {
    use carlo_store::MemoryLedger;
    use carlo_tenancy::{Caller, KeyId, NewBatch, NewKey, Secret, Tenancy, Terms};
    use carlo_types::{BatchId, Now};

    use super::*;

    #[tokio::test]
    async fn a_tenancy_restored_from_the_ledger_is_the_same() {
        let mut tenancy = Tenancy::new(Terms::default());
        let new = |id: u128| NewKey {
            id: KeyId::from_random(id),
            user: OwnerId::new("ada@example.org"),
            tier: Tier::Pro,
            role: Role::Admin,
            note: Some("for tests".to_owned()),
            expires_at: Some(Timestamp(9)),
        };
        let secret = Secret::from_random([1; 32]);
        tenancy.create_key(new(1), &secret, Timestamp(5)).unwrap();
        tenancy.create_key(new(2), &Secret::from_random([2; 32]), Timestamp(6)).unwrap();
        tenancy.revoke_key(KeyId::from_random(2), Timestamp(7)).unwrap();
        let caller = tenancy.authenticate(&secret.reveal(), Timestamp(8)).unwrap();
        tenancy.admit_call(&caller, Now::default()).admitted.unwrap();
        let work = Work { simulations: 1_000_001, months: 12 };
        let jobs: Vec<_> = (0..3).map(|id| (JobId::from_random(id), work)).collect();
        let batch = NewBatch { id: BatchId::from_random(4), cap: Some(Money::from_micros(2_600)) };
        tenancy.admit_jobs(&caller, &jobs, Some(batch), Timestamp(8)).unwrap();
        let bill = work.bill(1_000_001, tenancy.terms().price_per_token);
        assert!(tenancy.settle(jobs[0].0, carlo_tenancy::Ended::Completed, bill));
        tenancy.admit_jobs(&Caller::local(), &[(JobId::from_random(9), work)], None, Timestamp(8)).unwrap();

        let ledger = MemoryLedger::new();
        let epoch = ledger.lead().await.unwrap();
        let mut writes = Vec::new();
        for change in tenancy.take_changes() {
            write(&change, &mut writes);
        }
        ledger.commit(epoch, writes).await.unwrap();
        let restored = Tenancy::restore(Terms::default(), load(&ledger).await.unwrap().records).unwrap();
        assert_eq!(restored.keys().collect::<Vec<_>>(), tenancy.keys().collect::<Vec<_>>());
        assert_eq!(restored.charges().collect::<Vec<_>>(), tenancy.charges().collect::<Vec<_>>());
        assert_eq!(restored.budget(batch.id), tenancy.budget(batch.id));
        for caller in [caller, Caller::local()] {
            assert_eq!(restored.usage(&caller, Timestamp(8)), tenancy.usage(&caller, Timestamp(8)));
        }
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_is_named() {
        let ledger = MemoryLedger::new();
        let epoch = ledger.lead().await.unwrap();
        let write = Write::Put(Key::new("usage/ada/2026-01").unwrap(), Bytes::from_static(b""));
        ledger.commit(epoch, vec![write]).await.unwrap();
        let error = load(&ledger).await.unwrap_err();
        assert!(error.to_string().contains("entry usage/ada/2026-01"), "{error}");
    }
}
