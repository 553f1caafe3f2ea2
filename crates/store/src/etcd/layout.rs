//! The keys in etcd.
//!
//! | key | value |
//! |---|---|
//! | `<prefix>/schema` | the version of this layout, in decimal |
//! | `<prefix>/leader/<lease>` | a candidate's address; the oldest one leads |
//! | `<prefix>/standby/<lease>` | what that candidate says about itself, see `Ledger::introduce` |
//! | `<prefix>/entry/<key>` | an entry |
//! | `<prefix>/staged/put/<key>`, `<prefix>/staged/delete/<key>` | a write of a commit that is larger than one transaction |
//! | `<prefix>/staged/whole` | exists once all writes of that commit are staged |

use bytes::Bytes;
use etcd_client::KeyValue;

use crate::key::Key;
use crate::ledger::LedgerError;

/// Makes the keys.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    prefix: String,
}

impl Layout {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    fn key(&self, rest: &str) -> Vec<u8> {
        format!("{}/{rest}", self.prefix).into_bytes()
    }

    pub(super) fn schema(&self) -> Vec<u8> {
        self.key("schema")
    }

    /// The prefix of all candidates' keys.
    pub(super) fn candidates(&self) -> Vec<u8> {
        self.key("leader/")
    }

    pub(super) fn candidate(&self, lease: i64) -> Vec<u8> {
        self.key(&format!("leader/{lease:x}"))
    }

    /// The prefix of what candidates say about themselves.
    pub(super) fn introductions(&self) -> Vec<u8> {
        self.key("standby/")
    }

    pub(super) fn introduction(&self, lease: i64) -> Vec<u8> {
        self.key(&format!("standby/{lease:x}"))
    }

    /// The key of the entry `text`, or the prefix of all entries whose keys begin with `text`.
    pub(super) fn entry(&self, text: &str) -> Vec<u8> {
        self.key(&format!("entry/{text}"))
    }

    /// The prefix of all staged writes.
    pub(super) fn staged(&self) -> Vec<u8> {
        self.key("staged/")
    }

    pub(super) fn staged_puts(&self) -> Vec<u8> {
        self.key("staged/put/")
    }

    pub(super) fn staged_deletes(&self) -> Vec<u8> {
        self.key("staged/delete/")
    }

    pub(super) fn staged_whole(&self) -> Vec<u8> {
        self.key("staged/whole")
    }

    /// Converts a key and value of etcd back to an entry.
    pub(super) fn read(&self, found: KeyValue) -> Result<(Key, Bytes), LedgerError> {
        let (key, value) = found.into_key_value();
        let text =
            key.strip_prefix(self.entry("").as_slice()).and_then(|text| std::str::from_utf8(text).ok());
        let key = Key::new(text.unwrap_or_default())
            .map_err(|error| LedgerError::storage("read a key of etcd", error))?;
        Ok((key, Bytes::from(value)))
    }
}

/// The end of the range of keys that begin with `prefix`: the first key after them.
pub(super) fn end_of(mut prefix: Vec<u8>) -> Vec<u8> {
    // Keys are ASCII, so the last byte can be incremented.
    if let Some(last) = prefix.last_mut() {
        *last += 1;
    }
    prefix
}
