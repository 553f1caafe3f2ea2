//! The idempotency keys of requests that have been answered. The responses themselves are in the
//! ledger.
//!
//! A key is valid for a day. At most 10,000 keys per user and 200,000 in all are kept; the oldest
//! ones make room for new ones.

use std::collections::{BTreeMap, BTreeSet};

use carlo_types::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use carlo_types::{Fault, FaultCode, FieldFault, OwnerId, Timestamp};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::entries::idempotency::{Hash, IdempotencyId, Stored};

/// How long a key is valid.
const KEPT_MS: u64 = 24 * 60 * 60 * 1_000;
/// The most keys of one user.
const PER_USER_MAX: usize = 10_000;
/// The most keys of all users.
const KEYS_MAX: usize = 200_000;
/// The most keys that are forgotten in one tick.
const FORGOTTEN_PER_TICK_MAX: usize = 1_000;

/// A request with an idempotency key: the hash of the key and that of the request's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdempotencyKey {
    key: Hash,
    fingerprint: Hash,
}

impl IdempotencyKey {
    /// Hashes a request to this method, from which `key` must have been removed. `None` if `key` is
    /// empty.
    pub(crate) fn new(key: &str, method: &str, request: &impl Message) -> Result<Option<Self>, Fault> {
        if key.is_empty() {
            return Ok(None);
        }
        if key.len() > IDEMPOTENCY_KEY_BYTES_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("must be 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters");
            return Err(Fault::invalid(vec![FieldFault::new("/idempotency_key", message)]));
        }
        let fingerprint = fingerprint(method, request);
        Ok(Some(Self { key: Sha256::digest(key.as_bytes()).into(), fingerprint }))
    }

    /// The identity of the request if this user sends it.
    pub(crate) fn id(&self, user: &OwnerId) -> IdempotencyId {
        IdempotencyId { user: user.clone(), key: self.key }
    }
}

/// The hash of a request to this method.
pub(crate) fn fingerprint(method: &str, request: &impl Message) -> Hash {
    let mut fingerprint = Sha256::new();
    fingerprint.update(method.as_bytes());
    fingerprint.update([0]);
    fingerprint.update(request.encode_to_vec());
    fingerprint.finalize().into()
}

/// All valid keys.
#[derive(Debug, Default)]
pub(crate) struct IdempotencyStore {
    users: BTreeMap<OwnerId, User>,
    by_age: BTreeSet<(Timestamp, IdempotencyId)>,
    /// The keys of requests that are in progress.
    in_use: BTreeSet<IdempotencyId>,
}

#[derive(Debug, Default)]
struct User {
    requests: BTreeMap<Hash, (Hash, Timestamp)>,
    by_age: BTreeSet<(Timestamp, Hash)>,
}

impl IdempotencyStore {
    /// Restores the stored keys.
    pub(crate) fn restore(stored: Vec<Stored>) -> Self {
        let mut store = Self::default();
        for stored in stored {
            store.insert(stored);
        }
        store
    }

    /// Whether the request was answered already.
    ///
    /// # Errors
    ///
    /// If the key was used for another request, or the first request is still in progress.
    pub(crate) fn is_answered(
        &self,
        user: &OwnerId,
        request: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let found = self.users.get(user).and_then(|user| user.requests.get(&request.key));
        let found = found.filter(|(_, at)| now.0.saturating_sub(at.0) < KEPT_MS);
        if found.is_some_and(|(fingerprint, _)| *fingerprint != request.fingerprint) {
            let message = "this idempotency key has been used with another request";
            return Err(Fault::new(FaultCode::KeyReused, message));
        }
        if self.in_use.contains(&request.id(user)) {
            let message = "the first request with this idempotency key is still being handled";
            return Err(Fault { retry_after_seconds: Some(1), ..Fault::new(FaultCode::KeyInUse, message) });
        }
        Ok(found.is_some())
    }

    /// Records that the request was answered. Returns the entry to be stored, and the keys that
    /// were removed to make room for it.
    pub(crate) fn answered(
        &mut self,
        user: &OwnerId,
        request: &IdempotencyKey,
        now: Timestamp,
    ) -> (Stored, Vec<IdempotencyId>) {
        let stored = Stored { id: request.id(user), fingerprint: request.fingerprint, at: now };
        self.remove(&stored.id);
        let mut forgotten = Vec::new();
        if self.by_age.len() >= KEYS_MAX
            && let Some((_, oldest)) = self.by_age.first().cloned()
        {
            forgotten.push(oldest);
        }
        let full = self.users.get(user).filter(|user| user.by_age.len() >= PER_USER_MAX);
        if let Some((_, key)) = full.and_then(|user| user.by_age.first()) {
            forgotten.push(IdempotencyId { user: user.clone(), key: *key });
        }
        for id in &forgotten {
            self.remove(id);
        }
        self.insert(stored.clone());
        (stored, forgotten)
    }

    /// Forgets a key, so that the same request is carried out again.
    pub(crate) fn remove(&mut self, id: &IdempotencyId) {
        let Some(user) = self.users.get_mut(&id.user) else { return };
        let Some((_, at)) = user.requests.remove(&id.key) else { return };
        user.by_age.remove(&(at, id.key));
        if user.requests.is_empty() {
            self.users.remove(&id.user);
        }
        self.by_age.remove(&(at, id.clone()));
    }

    /// Forgets expired keys. Returns them.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Vec<IdempotencyId> {
        let is_over = |(at, _): &&(Timestamp, IdempotencyId)| now.0.saturating_sub(at.0) >= KEPT_MS;
        let over = self.by_age.iter().take_while(is_over).take(FORGOTTEN_PER_TICK_MAX);
        let over: Vec<IdempotencyId> = over.map(|(_, id)| id.clone()).collect();
        for id in &over {
            self.remove(id);
        }
        over
    }

    /// Marks an answered request as in progress. This is for requests whose response is stored
    /// before they are finished.
    pub(crate) fn begin(&mut self, id: IdempotencyId) {
        self.in_use.insert(id);
    }

    /// Removes the mark.
    pub(crate) fn end(&mut self, id: &IdempotencyId) {
        self.in_use.remove(id);
    }

    fn insert(&mut self, stored: Stored) {
        let Stored { id, fingerprint, at } = stored;
        let user = self.users.entry(id.user.clone()).or_default();
        user.requests.insert(id.key, (fingerprint, at));
        user.by_age.insert((at, id.key));
        self.by_age.insert((at, id));
    }
}

#[cfg(test)]
mod tests {
    use carlo_wire::v1;

    use super::*;

    fn request(key: &str, id: &str) -> IdempotencyKey {
        let message = v1::GetJobRequest { id: id.to_owned(), wait_ms: 0, with_points: false };
        IdempotencyKey::new(key, "Get", &message).unwrap().unwrap()
    }

    fn code(answered: Result<bool, Fault>) -> FaultCode {
        answered.unwrap_err().code
    }

    #[test]
    fn a_key_holds_for_a_day_for_its_user_and_its_request() {
        let mut store = IdempotencyStore::default();
        let (ada, bob) = (OwnerId::new("ada"), OwnerId::new("bob"));
        let (first, other) = (request("k", "1"), request("k", "2"));
        assert_eq!(store.is_answered(&ada, &first, Timestamp(0)), Ok(false));
        let (stored, forgotten) = store.answered(&ada, &first, Timestamp(0));
        assert!(forgotten.is_empty());
        let mut store = IdempotencyStore::restore(vec![stored]);
        assert_eq!(store.is_answered(&ada, &first, Timestamp(KEPT_MS - 1)), Ok(true));
        assert_eq!(code(store.is_answered(&ada, &other, Timestamp(1))), FaultCode::KeyReused);
        assert_eq!(store.is_answered(&bob, &other, Timestamp(1)), Ok(false));
        assert!(store.expire(Timestamp(KEPT_MS - 1)).is_empty());
        assert_eq!(store.is_answered(&ada, &other, Timestamp(KEPT_MS)), Ok(false));
        assert_eq!(store.expire(Timestamp(KEPT_MS)), [first.id(&ada)]);
        assert!(store.users.is_empty() && store.by_age.is_empty());
    }

    #[test]
    fn a_key_is_in_use_while_its_request_is_handled() {
        let mut store = IdempotencyStore::default();
        let (ada, first) = (OwnerId::new("ada"), request("k", "1"));
        store.begin(first.id(&ada));
        assert_eq!(code(store.is_answered(&ada, &first, Timestamp(0))), FaultCode::KeyInUse);
        store.end(&first.id(&ada));
        assert_eq!(store.is_answered(&ada, &first, Timestamp(0)), Ok(false));
    }

    #[test]
    fn the_oldest_key_of_a_user_makes_room() {
        let mut store = IdempotencyStore::default();
        let (ada, bob) = (OwnerId::new("ada"), OwnerId::new("bob"));
        store.answered(&bob, &request("first", ""), Timestamp(0));
        for number in 0..PER_USER_MAX as u64 {
            let (_, forgotten) = store.answered(&ada, &request(&number.to_string(), ""), Timestamp(number));
            assert!(forgotten.is_empty());
        }
        let (_, forgotten) = store.answered(&ada, &request("more", ""), Timestamp(u64::MAX));
        assert_eq!(forgotten, [request("0", "").id(&ada)]);
    }

    #[test]
    fn a_key_is_short_and_visible() {
        let message = v1::GetJobRequest::default();
        assert_eq!(IdempotencyKey::new("", "Get", &message), Ok(None));
        for key in ["a b", "ü", &"x".repeat(256)] {
            let fault = IdempotencyKey::new(key, "Get", &message).unwrap_err();
            assert_eq!(fault.fields[0].pointer, "/idempotency_key");
        }
    }
}
