//! Records of what administrators change as entries of the ledger, and back.

use carlo_store::{Key, Ledger, Write};
use carlo_wire::v1;

use super::read::{EntryError, decode, unreadable};
use super::{put, scan};

const AUDIT: &str = "audit/";

/// Keys in the order of their numbers.
fn key(number: u64) -> Key {
    Key::new(format!("{AUDIT}{number:020}")).expect("a number is short and printable")
}

/// What makes a record durable.
pub(crate) fn write(record: v1::AuditRecord) -> Write {
    put(key(record.number), &v1::AuditEntry { record: Some(record) })
}

/// What deletes the record of this number.
pub(crate) fn delete(number: u64) -> Write {
    Write::Delete(key(number))
}

/// Every record, the oldest first.
pub(super) async fn load(ledger: &dyn Ledger) -> Result<Vec<v1::AuditRecord>, EntryError> {
    let mut records = Vec::new();
    for (key, value) in scan(ledger, AUDIT).await? {
        let entry: v1::AuditEntry = decode(&key, &value)?;
        records.push(entry.record.ok_or_else(|| unreadable(&key, "it is empty"))?);
    }
    records.sort_by_key(|record| record.number);
    Ok(records)
}
