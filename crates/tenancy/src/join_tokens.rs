//! Join tokens, with which workers join a cluster. Several can be valid at once, so that a token
//! can
//! be replaced while workers still use the old one.
//!
//! As for keys, only the hash of a token's text is kept. A generated token is 256 random bits; a
//! token from an operator's file may be any text whose length is in [`TEXT_BYTES`].

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use carlo_types::Timestamp;
use sha2::{Digest, Sha256};

use crate::keys::{KeyHash, unhex};
use crate::refusal::{Refusal, Unauthenticated};

/// The minimum and maximum length of a token's text in bytes.
pub const TEXT_BYTES: std::ops::RangeInclusive<usize> = 16..=1_024;
/// The maximum number of tokens, including expired and revoked ones.
pub const JOIN_TOKENS_MAX: usize = 1_000;
/// The minimum time between two updates of a token's last use.
const USE_NOTED_EVERY_MS: u64 = 60_000;

const ID_PREFIX: &str = "token_";

/// The id of a join token, which is not secret: `token_` and 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JoinTokenId(u128);

impl JoinTokenId {
    /// The id with these random bits. They must not be bits of a token.
    pub fn from_random(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for JoinTokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ID_PREFIX}{:032x}", self.0)
    }
}

/// The text is not the id of a join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a join token: expected \"token_\" and 32 hexadecimal digits")]
pub struct ParseJoinTokenIdError;

impl FromStr for JoinTokenId {
    type Err = ParseJoinTokenIdError;

    fn from_str(text: &str) -> Result<Self, ParseJoinTokenIdError> {
        let digits = text.strip_prefix(ID_PREFIX).and_then(unhex::<16>).ok_or(ParseJoinTokenIdError)?;
        Ok(Self(u128::from_be_bytes(digits)))
    }
}

/// The hash of a token's text; `None` if the text is too short, too long or not visible ASCII.
pub fn hash(text: &str) -> Option<KeyHash> {
    let fits = TEXT_BYTES.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| KeyHash::from_bytes(Sha256::digest(text.as_bytes()).into()))
}

/// A join token without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// The id.
    pub id: JoinTokenId,
    /// The hash of the text.
    pub hash: KeyHash,
    /// An operator's note on it.
    pub note: Option<String>,
    /// When it was created or read from a file.
    pub created_at: Timestamp,
    /// After this time no worker can join with it.
    pub expires_at: Option<Timestamp>,
    /// When a worker last joined with it, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked. This can't be undone.
    pub revoked_at: Option<Timestamp>,
}

impl JoinToken {
    /// Why workers can't join with it; `None` if they can.
    fn refusal(&self, wall: Timestamp) -> Option<Unauthenticated> {
        if self.revoked_at.is_some() {
            return Some(Unauthenticated::JoinTokenRevoked);
        }
        self.expires_at.is_some_and(|at| at <= wall).then_some(Unauthenticated::JoinTokenExpired)
    }
}

/// All join tokens.
#[derive(Debug, Clone, Default)]
pub(crate) struct JoinTokens {
    by_id: BTreeMap<JoinTokenId, JoinToken>,
    by_hash: BTreeMap<KeyHash, JoinTokenId>,
}

impl JoinTokens {
    /// Adds a token. If there are already [`JOIN_TOKENS_MAX`], removes and returns the oldest one
    /// that
    /// is expired or revoked.
    pub(crate) fn insert(
        &mut self,
        token: JoinToken,
        wall: Timestamp,
    ) -> Result<Option<JoinTokenId>, Refusal> {
        if self.by_id.contains_key(&token.id) || self.by_hash.contains_key(&token.hash) {
            return Err(Refusal::JoinTokenExists);
        }
        let mut forgotten = None;
        if self.by_id.len() >= JOIN_TOKENS_MAX {
            let useless = self.by_id.values().filter(|token| token.refusal(wall).is_some());
            let (_, id, hash) = useless
                .map(|token| (token.created_at, token.id, token.hash))
                .min()
                .ok_or(Refusal::Full("the maximum number of join tokens is reached: revoke some"))?;
            self.by_id.remove(&id);
            self.by_hash.remove(&hash);
            forgotten = Some(id);
        }
        self.by_hash.insert(token.hash, token.id);
        self.by_id.insert(token.id, token);
        Ok(forgotten)
    }

    /// Revokes a token. Workers that have joined with it continue.
    pub(crate) fn revoke(&mut self, id: JoinTokenId, wall: Timestamp) -> Result<&JoinToken, Refusal> {
        let token = self.by_id.get_mut(&id).ok_or(Refusal::NoSuchJoinToken)?;
        token.revoked_at.get_or_insert(wall);
        Ok(token)
    }

    /// The token with this text, or why workers can't join with it.
    pub(crate) fn find(&self, text: Option<&str>, wall: Timestamp) -> Result<JoinTokenId, Unauthenticated> {
        let text = text.ok_or(Unauthenticated::JoinTokenMissing)?;
        let id = hash(text).and_then(|hash| self.by_hash.get(&hash));
        let id = *id.ok_or(Unauthenticated::JoinTokenUnknown)?;
        self.by_id[&id].refusal(wall).map_or(Ok(id), Err)
    }

    /// Records that a worker has joined with a token. Returns whether this changes the record.
    pub(crate) fn note_use(&mut self, id: JoinTokenId, wall: Timestamp) -> bool {
        let Some(token) = self.by_id.get_mut(&id) else { return false };
        let is_old = token.last_used_at.is_none_or(|at| wall.0.saturating_sub(at.0) >= USE_NOTED_EVERY_MS);
        if is_old {
            token.last_used_at = Some(wall);
        }
        is_old
    }

    pub(crate) fn get(&self, id: JoinTokenId) -> Option<&JoinToken> {
        self.by_id.get(&id)
    }

    /// All tokens, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &JoinToken> {
        self.by_id.values()
    }

    /// Whether any token is valid.
    pub(crate) fn has_valid(&self, wall: Timestamp) -> bool {
        self.by_id.values().any(|token| token.refusal(wall).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a-token-of-sixteen";

    fn token(id: u128, text: &str) -> JoinToken {
        JoinToken {
            id: JoinTokenId::from_random(id),
            hash: hash(text).unwrap(),
            note: None,
            created_at: Timestamp(u64::try_from(id).unwrap()),
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn several_are_valid_at_once_until_they_expire_or_are_revoked() {
        let mut tokens = JoinTokens::default();
        let now = Timestamp(10);
        assert!(!tokens.has_valid(now));
        tokens.insert(token(1, TEXT), now).unwrap();
        let other = "another-token-of-sixteen";
        tokens.insert(JoinToken { expires_at: Some(Timestamp(20)), ..token(2, other) }, now).unwrap();
        assert_eq!(tokens.insert(token(3, TEXT), now), Err(Refusal::JoinTokenExists));
        assert_eq!(tokens.find(Some(TEXT), now), Ok(JoinTokenId::from_random(1)));
        assert_eq!(tokens.find(Some(other), Timestamp(19)), Ok(JoinTokenId::from_random(2)));
        assert_eq!(tokens.find(Some(other), Timestamp(20)), Err(Unauthenticated::JoinTokenExpired));
        tokens.revoke(JoinTokenId::from_random(1), now).unwrap();
        assert_eq!(tokens.find(Some(TEXT), now), Err(Unauthenticated::JoinTokenRevoked));
        assert!(tokens.has_valid(Timestamp(19)) && !tokens.has_valid(Timestamp(20)));
        for (text, refusal) in [
            (None, Unauthenticated::JoinTokenMissing),
            (Some("short"), Unauthenticated::JoinTokenUnknown),
            (Some("a-third-token-of-sixteen"), Unauthenticated::JoinTokenUnknown),
        ] {
            assert_eq!(tokens.find(text, now), Err(refusal));
        }
    }

    #[test]
    fn a_use_is_noted_once_a_minute() {
        let mut tokens = JoinTokens::default();
        tokens.insert(token(1, TEXT), Timestamp(0)).unwrap();
        let id = JoinTokenId::from_random(1);
        let noted = [0, 1, 59_999, 60_000, 60_001].map(|at| tokens.note_use(id, Timestamp(at)));
        assert_eq!(noted, [true, false, false, true, false]);
    }

    #[test]
    fn the_oldest_useless_token_makes_room() {
        let mut tokens = JoinTokens::default();
        for id in 0..JOIN_TOKENS_MAX as u128 {
            tokens.insert(token(id, &format!("token-number-{id:08}")), Timestamp(0)).unwrap();
        }
        let more = || token(JOIN_TOKENS_MAX as u128, TEXT);
        assert!(matches!(tokens.insert(more(), Timestamp(0)), Err(Refusal::Full(_))));
        for id in [7, 3] {
            tokens.revoke(JoinTokenId::from_random(id), Timestamp(0)).unwrap();
        }
        assert_eq!(tokens.insert(more(), Timestamp(0)), Ok(Some(JoinTokenId::from_random(3))));
    }

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = JoinTokenId::from_random(255);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("key_00".parse::<JoinTokenId>(), Err(ParseJoinTokenIdError));
    }
}
