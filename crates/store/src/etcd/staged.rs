//! Commits. Most are a single transaction. etcd takes 128 operations and 1.5 MiB at once, so a
//! larger commit is staged:
//!
//! 1. Every write is put under `staged/`, beside the entries, by as many transactions as it takes.
//! 2. One transaction puts `staged/whole`. **Here the commit happens.**
//! 3. The writes are applied to the entries, by as many transactions as it takes.
//! 4. One transaction removes everything staged.
//!
//! Each of these transactions is guarded by the term's key. The next leader looks for
//! `staged/whole`. If it is missing, nothing of the commit happened, and the leader removes what is
//! staged. If it is there, the leader does steps 3 and 4, and all of the commit happened. Both
//! steps may be repeated after a crash, because they put and delete whole entries. No entry is read
//! before that, so nobody ever sees half of a commit. A leader whose large commit fails midway
//! can't tell which of its transactions will still be executed, so it reads and writes nothing more
//! in this term.

use std::collections::BTreeMap;

use bytes::Bytes;
use etcd_client::{DeleteOptions, GetOptions, TxnOp};

use super::term::{Term, in_time};
use super::{ANSWER_BYTES_MAX, ANSWER_TIMEOUT, PAGE};
use crate::key::{KEY_BYTES_MAX, Key};
use crate::ledger::{LedgerError, Write};

/// Operations in one transaction: etcd's default `--max-txn-ops`.
const OPERATIONS_MAX: usize = 128;
/// Bytes in one transaction. etcd's default `--max-request-bytes` is half a mebibyte more.
const BYTES_MAX: usize = 1024 * 1024;
/// The most that a key, its prefix and the encoding add to the value.
const OVERHEAD_BYTES: usize = 2 * KEY_BYTES_MAX;

/// The final value of each key, or `None` where it is deleted. A transaction of etcd may touch a
/// key only once, so only the last write of each key is kept.
type Changes = BTreeMap<Key, Option<Bytes>>;

/// Applies all of `writes` or none.
pub(super) async fn commit(term: &Term, writes: Vec<Write>) -> Result<(), LedgerError> {
    let changes: Changes = writes
        .into_iter()
        .map(|write| match write {
            Write::Put(key, value) => (key, Some(value)),
            Write::Delete(key) => (key, None),
        })
        .collect();
    let batches = cut(changes);
    match batches.as_slice() {
        [] => term.guarded(Vec::new()).await,
        [only] => {
            let _shared = term.shared().await?;
            term.guarded(applied(term, only)).await
        }
        several => Box::pin(term.alone(in_steps(term, several))).await,
    }
}

async fn in_steps(term: &Term, batches: &[Vec<(Key, Option<Bytes>)>]) -> Result<(), LedgerError> {
    for batch in batches {
        term.guarded(staged(term, batch)).await?;
    }
    term.guarded(vec![TxnOp::put(term.layout.staged_whole(), "", None)]).await?;
    for batch in batches {
        term.guarded(applied(term, batch)).await?;
    }
    clear(term).await
}

/// Completes the commit that an earlier term staged in full, or removes what an earlier term staged
/// in part.
pub(super) async fn finish(term: &Term) -> Result<(), LedgerError> {
    let mut client = term.client();
    let whole =
        in_time(ANSWER_TIMEOUT, "read from etcd", client.get(term.layout.staged_whole(), None)).await?;
    if !whole.kvs().is_empty() {
        let writes = read(term, term.layout.staged_puts()).await?.into_iter();
        let mut changes: Changes = writes.map(|(key, value)| (key, Some(value))).collect();
        changes
            .extend(read(term, term.layout.staged_deletes()).await?.into_iter().map(|(key, _)| (key, None)));
        tracing::info!(writes = changes.len(), "finishing the commit of an earlier leader");
        for batch in cut(changes) {
            term.guarded(applied(term, &batch)).await?;
        }
    }
    clear(term).await
}

async fn clear(term: &Term) -> Result<(), LedgerError> {
    let options = DeleteOptions::new().with_prefix();
    term.guarded(vec![TxnOp::delete(term.layout.staged(), Some(options))]).await
}

/// Splits the changes into batches that each fit into a transaction.
fn cut(changes: Changes) -> Vec<Vec<(Key, Option<Bytes>)>> {
    let mut batches: Vec<Vec<_>> = Vec::new();
    let mut bytes = BYTES_MAX;
    for (key, value) in changes {
        let size = OVERHEAD_BYTES + value.as_ref().map_or(0, Bytes::len);
        match batches.last_mut() {
            Some(batch) if batch.len() < OPERATIONS_MAX && bytes + size <= BYTES_MAX => {
                bytes += size;
                batch.push((key, value));
            }
            _ => {
                bytes = size;
                batches.push(vec![(key, value)]);
            }
        }
    }
    batches
}

/// The operations that apply a batch to the entries.
fn applied(term: &Term, batch: &[(Key, Option<Bytes>)]) -> Vec<TxnOp> {
    let operation = |(key, value): &(Key, Option<Bytes>)| {
        let key = term.layout.entry(key.as_str());
        match value {
            Some(value) => TxnOp::put(key, value.as_ref(), None),
            None => TxnOp::delete(key, None),
        }
    };
    batch.iter().map(operation).collect()
}

/// The operations that stage a batch.
fn staged(term: &Term, batch: &[(Key, Option<Bytes>)]) -> Vec<TxnOp> {
    let operation = |(key, value): &(Key, Option<Bytes>)| {
        let (prefix, value) = match value {
            Some(value) => (term.layout.staged_puts(), value.as_ref()),
            None => (term.layout.staged_deletes(), &[][..]),
        };
        TxnOp::put([&prefix, key.as_str().as_bytes()].concat(), value, None)
    };
    batch.iter().map(operation).collect()
}

/// The staged writes whose keys begin with `prefix`. Nobody else writes them.
async fn read(term: &Term, prefix: Vec<u8>) -> Result<Vec<(Key, Bytes)>, LedgerError> {
    let end = super::layout::end_of(prefix.clone());
    let mut client = term.client().kv_client().max_decoding_message_size(ANSWER_BYTES_MAX);
    let (mut start, mut writes) = (prefix.clone(), Vec::new());
    loop {
        let page = i64::try_from(PAGE).expect("a page is small");
        let options = GetOptions::new().with_range(end.clone()).with_limit(page);
        let mut found = in_time(ANSWER_TIMEOUT, "read from etcd", client.get(start, Some(options))).await?;
        for write in found.take_kvs() {
            let (key, value) = write.into_key_value();
            let text = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            let key = Key::new(text).map_err(|error| LedgerError::storage("read a staged write", error))?;
            writes.push((key, Bytes::from(value)));
        }
        match writes.last() {
            Some((last, _)) if found.more() => start = [&prefix, last.as_str().as_bytes(), &[0]].concat(),
            _ => return Ok(writes),
        }
    }
}
