//! The key of an entry. The coordinator decides what the parts of a key mean.

use std::borrow::Borrow;
use std::fmt;

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 256;

/// The key of a ledger's entry: 1 to [`KEY_BYTES_MAX`] bytes of printable ASCII without spaces,
/// such as `job/job_1f…`.
///
/// Keys are ordered by their bytes, so entries with a common prefix are adjacent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// Why a text is not a [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants and their fields")]
pub enum KeyError {
    #[error("a ledger key must not be empty")]
    Empty,
    #[error("a ledger key of {bytes} bytes is longer than {KEY_BYTES_MAX} bytes")]
    TooLong { bytes: usize },
    #[error(
        "the ledger key {key:?} has the character {character:?}: only printable ASCII without spaces is allowed"
    )]
    Unprintable { key: String, character: char },
}

impl Key {
    /// Checks the text.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyError> {
        let text = text.into();
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if text.len() > KEY_BYTES_MAX {
            return Err(KeyError::TooLong { bytes: text.len() });
        }
        match text.chars().find(|character| !character.is_ascii_graphic()) {
            Some(character) => Err(KeyError::Unprintable { key: text, character }),
            None => Ok(Self(text)),
        }
    }

    #[expect(missing_docs, reason = "the name says it")]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Key {
    type Error = KeyError;

    fn try_from(text: &str) -> Result<Self, KeyError> {
        Self::new(text)
    }
}

/// Keys and texts have the same order, so a map of keys can be searched by text.
impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_text() {
        let longest = "x".repeat(KEY_BYTES_MAX);
        for text in ["a", "job/job_1f", "!~", &longest] {
            assert_eq!(Key::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_no_key_is_refused_in_words() {
        let long = "x".repeat(KEY_BYTES_MAX + 1);
        for (text, words) in [
            ("", "must not be empty"),
            (&*long, "257 bytes is longer than 256"),
            ("a b", "the character ' '"),
            ("tab\t", "the character '\\t'"),
            ("grün", "the character 'ü'"),
        ] {
            let error = Key::new(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }
}
