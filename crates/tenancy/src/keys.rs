//! API keys identify a caller and a role.
//!
//! A secret is 256 random bits, shown once as `carlo_` and 64 hexadecimal digits. Only its SHA-256
//! is stored. Salting and stretching are unnecessary, because nobody can guess 256 random bits.
//!
//! A key is looked up by its hash in an ordered map. The time of a lookup may reveal how many
//! leading bits of the *hash* of a guess match a stored hash. That doesn't help to find the secret:
//! an attacker who can choose guesses by the first bits of their hash still needs all 256 bits, and
//! SHA-256 gives no way to derive them. So the lookup needs no constant-time comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use carlo_types::limits::NAME_BYTES_MAX;
use carlo_types::{FieldFault, OwnerId, Timestamp};
use sha2::{Digest, Sha256};

use crate::refusal::{Refusal, Unauthenticated};
use crate::tiers::Tier;

/// The most keys that are stored, including revoked ones.
pub const KEYS_MAX: usize = 10_000;

const SECRET_PREFIX: &str = "carlo_";
const KEY_ID_PREFIX: &str = "key_";

/// A caller's secret. Only [`Secret::reveal`] prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// The secret with these bits, which must come from the system's random source.
    pub fn from_random(bits: [u8; 32]) -> Self {
        Self(bits)
    }

    /// The secret as text, to be shown once, to its new owner.
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", hex(&self.0))
    }

    /// The SHA-256 that is stored.
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Parses the text of [`Secret::reveal`]. The error doesn't repeat the text.
impl FromStr for Secret {
    type Err = Unauthenticated;

    fn from_str(text: &str) -> Result<Self, Unauthenticated> {
        let digits = text.strip_prefix(SECRET_PREFIX).ok_or(Unauthenticated::Malformed)?;
        unhex(digits).map(Self).ok_or(Unauthenticated::Malformed)
    }
}

/// The SHA-256 of a secret's 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash with these bytes, from a record.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a record.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// The id of a key, which is not secret: `key_` and 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u128);

impl KeyId {
    /// The id with these random bits. They must not be bits of a secret.
    pub fn from_random(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KEY_ID_PREFIX}{:032x}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not the id of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key id: expected \"key_\" and 32 hexadecimal digits")]
pub struct ParseKeyIdError;

impl FromStr for KeyId {
    type Err = ParseKeyIdError;

    fn from_str(text: &str) -> Result<Self, ParseKeyIdError> {
        let digits = text.strip_prefix(KEY_ID_PREFIX).and_then(unhex::<16>).ok_or(ParseKeyIdError)?;
        Ok(Self(u128::from_be_bytes(digits)))
    }
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Role {
    /// The user's own jobs and batches.
    #[default]
    User,
    /// The cluster's nodes and everybody's keys, in addition.
    Admin,
}

impl Role {
    /// Its name in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    /// The role with this name.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::User, Self::Admin].into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Key {
    pub id: KeyId,
    /// The hash of its secret.
    pub hash: KeyHash,
    /// The user that it identifies. All keys of a user share the user's jobs, usage and rate
    /// limits.
    pub user: OwnerId,
    /// The tier whose limits apply to calls with it.
    pub tier: Tier,
    pub role: Role,
    pub created_at: Timestamp,
    /// What its maker says of it.
    pub note: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked. A revocation is permanent.
    pub revoked_at: Option<Timestamp>,
}

impl Key {
    /// Why calls with it are refused.
    pub fn refusal(&self, wall: Timestamp) -> Option<Unauthenticated> {
        if self.revoked_at.is_some() {
            return Some(Unauthenticated::Revoked);
        }
        self.expires_at.is_some_and(|at| at <= wall).then_some(Unauthenticated::Expired)
    }

    /// Whether it lets somebody make admin calls for good.
    fn is_lasting_admin(&self) -> bool {
        self.role == Role::Admin && self.revoked_at.is_none() && self.expires_at.is_none()
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Caller {
    pub user: OwnerId,
    pub tier: Tier,
    pub role: Role,
    /// The key that was used; `None` if authentication is off. Then there is no rate limit either.
    pub key: Option<KeyId>,
}

impl Caller {
    /// The caller of every request if authentication is off.
    pub fn local() -> Self {
        Self { user: OwnerId::local(), tier: Tier::Enterprise, role: Role::Admin, key: None }
    }

    /// Refuses callers that aren't administrators.
    pub fn require_admin(&self) -> Result<(), Refusal> {
        let refusal = Refusal::Forbidden("this call needs a key with the role admin");
        if self.role == Role::Admin { Ok(()) } else { Err(refusal) }
    }

    /// Whether what belongs to `owner` is another's.
    pub fn is_other(&self, owner: &OwnerId) -> bool {
        self.user != *owner
    }

    /// Refuses callers that are neither `owner` nor administrators.
    pub fn require_owner(&self, owner: &OwnerId) -> Result<(), Refusal> {
        if self.user == *owner || self.role == Role::Admin {
            Ok(())
        } else {
            Err(Refusal::Forbidden("it belongs to another user"))
        }
    }
}

/// Checks a user's name: 1 to 128 ASCII letters, digits and `. _ - @ +`, so that it can be part of
/// a record's key and of a log line.
pub fn parse_user(name: &str) -> Result<OwnerId, FieldFault> {
    let fits = |character: char| character.is_ascii_alphanumeric() || "._-@+".contains(character);
    if !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(fits) {
        Ok(OwnerId::new(name))
    } else {
        let message = format!("must be 1 to {NAME_BYTES_MAX} letters, digits or any of . _ - @ +");
        Err(FieldFault::new("/user_id", message))
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    by_id: BTreeMap<KeyId, Key>,
    by_hash: BTreeMap<KeyHash, KeyId>,
    /// Keys that will expire, by when.
    expiring: BTreeSet<(Timestamp, KeyId)>,
}

impl Keys {
    /// Adds a key. At the limit the key that has been of no use for longest is removed and
    /// returned.
    pub(crate) fn insert(&mut self, key: Key) -> Result<Option<KeyId>, Refusal> {
        if self.by_id.contains_key(&key.id) || self.by_hash.contains_key(&key.hash) {
            return Err(Refusal::KeyExists);
        }
        let mut forgotten = None;
        if self.by_id.len() >= KEYS_MAX {
            let useless = self.by_id.values().filter_map(|other| {
                other.refusal(key.created_at)?;
                let since = [other.revoked_at, other.expires_at].into_iter().flatten().min();
                Some((since, other.id))
            });
            let (_, id) =
                useless.min().ok_or(Refusal::Full("the maximum number of keys is reached: revoke some"))?;
            self.remove(id);
            forgotten = Some(id);
        }
        self.by_hash.insert(key.hash, key.id);
        self.expiring.extend(key.expires_at.map(|at| (at, key.id)));
        self.by_id.insert(key.id, key);
        Ok(forgotten)
    }

    pub(crate) fn remove(&mut self, id: KeyId) {
        if let Some(key) = self.by_id.remove(&id) {
            self.by_hash.remove(&key.hash);
        }
    }

    /// Revokes a key. Does nothing if it is revoked already.
    ///
    /// The last key of the role admin that doesn't expire stays: without it nobody could make
    /// another.
    pub(crate) fn revoke(&mut self, id: KeyId, at: Timestamp) -> Result<&Key, Refusal> {
        let is_lasting_admin = self.get(id).is_some_and(Key::is_lasting_admin);
        if is_lasting_admin && !self.has_other_admin(Some(id)) {
            return Err(Refusal::LastAdminKey);
        }
        let key = self.by_id.get_mut(&id).ok_or(Refusal::NoSuchKey)?;
        key.revoked_at.get_or_insert(at);
        Ok(key)
    }

    /// The caller whose key this text is.
    pub(crate) fn authenticate(&self, text: &str, wall: Timestamp) -> Result<Caller, Unauthenticated> {
        let secret: Secret = text.parse()?;
        let id = self.by_hash.get(&secret.hash()).ok_or(Unauthenticated::Unknown)?;
        let key = self.by_id.get(id).expect("every hash leads to a key");
        if let Some(refusal) = key.refusal(wall) {
            return Err(refusal);
        }
        Ok(Caller { user: key.user.clone(), tier: key.tier, role: key.role, key: Some(key.id) })
    }

    /// Whether a key of the role admin other than this one is of use for good.
    pub(crate) fn has_other_admin(&self, id: Option<KeyId>) -> bool {
        let mut others = self.by_id.values().filter(|key| Some(key.id) != id);
        others.any(Key::is_lasting_admin)
    }

    /// A key that has expired since the last call, if there is one.
    pub(crate) fn next_expired(&mut self, wall: Timestamp) -> Option<&Key> {
        while self.expiring.first().is_some_and(|(at, _)| *at <= wall) {
            let (_, id) = self.expiring.pop_first()?;
            // It may have made room for another.
            if self.by_id.contains_key(&id) {
                return self.by_id.get(&id);
            }
        }
        None
    }

    pub(crate) fn get(&self, id: KeyId) -> Option<&Key> {
        self.by_id.get(&id)
    }

    /// All keys, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.by_id.values()
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}

/// Decodes exactly `N` bytes from lower-case hexadecimal digits.
pub(crate) fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
