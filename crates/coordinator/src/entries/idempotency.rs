//! Ledger entries with the first responses to requests with an idempotency key, for their
//! repetitions.

use bytes::Bytes;
use carlo_store::{Key, Ledger, LedgerError, Write};
use carlo_types::{OwnerId, Timestamp};
use carlo_wire::v1;

use super::read::{EntryError, decode, unreadable};
use super::{PAGE, put};

const IDEMPOTENCY: &str = "idempotency/";

/// A SHA-256.
pub(crate) type Hash = [u8; 32];

/// The identity of a request: its user, and the hash of its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IdempotencyId {
    pub(crate) user: OwnerId,
    /// The hash of the key. Keys may be longer than a ledger's, and need not be stored.
    pub(crate) key: Hash,
}

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) id: IdempotencyId,
    /// Hash of the request's content.
    pub(crate) fingerprint: Hash,
    /// When it was answered.
    pub(crate) at: Timestamp,
}

fn key(id: &IdempotencyId) -> Key {
    let (high, low) = id.key.split_at(16);
    let number = |half: &[u8]| u128::from_be_bytes(half.try_into().expect("half of 32 bytes is 16"));
    let digits = format!("{:032x}{:032x}", number(high), number(low));
    Key::new(format!("{IDEMPOTENCY}{}/{digits}", id.user)).expect("a user's name is short and printable")
}

/// The write that stores a response.
pub(crate) fn write(stored: &Stored, answer: Vec<u8>) -> Write {
    let entry =
        v1::IdempotencyEntry { fingerprint: stored.fingerprint.to_vec(), answer, created_at_ms: stored.at.0 };
    put(key(&stored.id), &entry)
}

/// The write that deletes a response.
pub(crate) fn delete(id: &IdempotencyId) -> Write {
    Write::Delete(key(id))
}

/// The first response, if it is still stored.
pub(crate) async fn answer(ledger: &dyn Ledger, id: &IdempotencyId) -> Result<Option<Vec<u8>>, EntryError> {
    let key = key(id);
    let Some(value) = ledger.get(&key).await? else { return Ok(None) };
    Ok(Some(decode::<v1::IdempotencyEntry>(&key, &value)?.answer))
}

/// All answered requests, without the responses, and the entries that can't be read.
pub(super) async fn load(ledger: &dyn Ledger) -> Result<(Vec<Stored>, Vec<(Key, EntryError)>), LedgerError> {
    let (mut all, mut unusable, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        // Page by page, because all responses together may not fit in memory.
        let page = ledger.scan(IDEMPOTENCY, after.as_ref(), PAGE).await?;
        for (key, value) in &page {
            match read(key, value) {
                Ok(stored) => all.push(stored),
                Err(error) => unusable.push((key.clone(), error)),
            }
        }
        match page.into_iter().last() {
            Some((key, _)) => after = Some(key),
            None => return Ok((all, unusable)),
        }
    }
}

fn read(key: &Key, value: &Bytes) -> Result<Stored, EntryError> {
    let entry: v1::IdempotencyEntry = decode(key, value)?;
    let parts = key.as_str()[IDEMPOTENCY.len()..].rsplit_once('/');
    let (user, digits) = parts.ok_or_else(|| unreadable(key, "it names no user"))?;
    Ok(Stored {
        id: IdempotencyId {
            user: OwnerId::new(user),
            key: unhex(digits).ok_or_else(|| unreadable(key, "it names no key"))?,
        },
        fingerprint: entry
            .fingerprint
            .try_into()
            .map_err(|_| unreadable(key, "its fingerprint has not 32 bytes"))?,
        at: Timestamp(entry.created_at_ms),
    })
}

fn unhex(digits: &str) -> Option<Hash> {
    let byte = |index: usize| u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok();
    let mut bytes = [0; 32];
    for (index, slot) in bytes.iter_mut().enumerate() {
        *slot = byte(index)?;
    }
    (digits.len() == 64).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use carlo_store::MemoryLedger;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_read_back_until_it_is_forgotten() {
        let ledger = MemoryLedger::new();
        let epoch = ledger.lead().await.unwrap();
        let id = IdempotencyId {
            user: OwnerId::new("ada"),
            key: *b"0123456789abcdef\0\x01\x02\x03\xff\xfe\xfd\xfcxxxxxxxx",
        };
        let stored = Stored { id: id.clone(), fingerprint: [9; 32], at: Timestamp(5) };
        ledger.commit(epoch, vec![write(&stored, b"yes".to_vec())]).await.unwrap();
        let (found, unusable) = load(&ledger).await.unwrap();
        assert_eq!((found, unusable.len()), (vec![stored], 0));
        assert_eq!(answer(&ledger, &id).await.unwrap().as_deref(), Some(&b"yes"[..]));
        ledger.commit(epoch, vec![delete(&id)]).await.unwrap();
        assert_eq!(answer(&ledger, &id).await.unwrap(), None);
    }
}
