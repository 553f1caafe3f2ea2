//! What spot checks have shown: which contributions of a worker process are trusted, and which
//! nodes compute wrongly.

use carlo_schedule::{Mark, Trust, Verdict};
use carlo_store::{Key, Ledger, Write};
use carlo_types::{Epoch, NodeId, Timestamp};
use carlo_wire::{FieldError, convert, v1};

use super::read::{EntryError, decode, unreadable};
use super::{put, scan};

const TRUST: &str = "trust/";
const VERDICT: &str = "verdict/";

pub(super) fn mark_entry(mark: Mark) -> v1::MarkEntry {
    v1::MarkEntry { epoch: mark.epoch.0, number: mark.number }
}

pub(super) fn mark(entry: v1::MarkEntry) -> Mark {
    Mark { epoch: Epoch(entry.epoch), number: entry.number }
}

fn trust_key(node: NodeId) -> Key {
    Key::new(format!("{TRUST}{node}")).expect("an id is short and printable")
}

fn verdict_key(number: u64) -> Key {
    Key::new(format!("{VERDICT}{number:020}")).expect("a number is short and printable")
}

pub(super) fn write_trust(node: NodeId, trust: Option<&Trust>) -> Write {
    let Some(Trust { name, until }) = trust else { return Write::Delete(trust_key(node)) };
    put(trust_key(node), &v1::TrustEntry { name: name.clone(), until: until.map(mark_entry) })
}

pub(super) fn write(verdict: &Verdict) -> Write {
    let Verdict { number, name, at, reason, nodes, until, lifted_at } = verdict;
    let node = |(node, trusted): &(NodeId, Option<Mark>)| v1::VerdictNodeEntry {
        node_id: node.to_string(),
        trusted: trusted.map(mark_entry),
    };
    let entry = v1::VerdictEntry {
        number: *number,
        name: name.clone(),
        at_ms: at.0,
        reason: reason.clone(),
        nodes: nodes.iter().map(node).collect(),
        until: Some(mark_entry(*until)),
        lifted_at_ms: lifted_at.map(|at| at.0),
    };
    put(verdict_key(*number), &entry)
}

pub(super) fn delete(number: u64) -> Write {
    Write::Delete(verdict_key(number))
}

/// All entries. The verdicts are in the order of their numbers.
pub(super) async fn load(ledger: &dyn Ledger) -> Result<(Vec<(NodeId, Trust)>, Vec<Verdict>), EntryError> {
    let (mut nodes, mut verdicts) = (Vec::new(), Vec::new());
    for (key, value) in scan(ledger, TRUST).await? {
        let v1::TrustEntry { name, until } = decode(&key, &value)?;
        let node = convert::id("node_id", &key.as_str()[TRUST.len()..]);
        let node = node.map_err(|error| unreadable(&key, error))?;
        nodes.push((node, Trust { name, until: until.map(mark) }));
    }
    for (key, value) in scan(ledger, VERDICT).await? {
        let verdict = verdict(decode(&key, &value)?);
        verdicts.push(verdict.map_err(|error| unreadable(&key, error))?);
    }
    Ok((nodes, verdicts))
}

fn verdict(entry: v1::VerdictEntry) -> Result<Verdict, FieldError> {
    let node = |v1::VerdictNodeEntry { node_id, trusted }| {
        Ok((convert::id("nodes.node_id", &node_id)?, trusted.map(mark)))
    };
    Ok(Verdict {
        number: entry.number,
        name: entry.name,
        at: Timestamp(entry.at_ms),
        reason: entry.reason,
        nodes: entry.nodes.into_iter().map(node).collect::<Result<_, FieldError>>()?,
        until: entry.until.map(mark).ok_or_else(|| FieldError::new("until", "is missing"))?,
        lifted_at: entry.lifted_at_ms.map(Timestamp),
    })
}
