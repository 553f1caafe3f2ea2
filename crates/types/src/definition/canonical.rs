//! The bytes of a request that a digest covers.
//!
//! They contain all fields that differ from their fixed defaults, with their names, in the order of
//! the definition. So a new input changes no digest as long as it has its default. Values with
//! defaults that depend on other fields are always contained.

use super::Name;

/// A buffer of these bytes.
#[derive(Debug, Default)]
pub struct Canonical(Vec<u8>);

impl Canonical {
    /// A field and its value.
    pub(crate) fn entry(&mut self, name: &Name, kind: u8, value: &[u8]) {
        self.text(name.snake());
        self.0.push(kind);
        self.0.extend((value.len() as u64).to_le_bytes());
        self.0.extend(value);
    }

    /// Adds a field with fields of its own. It is left out if these are all at their defaults,
    /// unless `always` is set because its presence has a meaning.
    pub(crate) fn nested(&mut self, name: &Name, always: bool, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        if always || !inner.0.is_empty() {
            self.entry(name, b'{', &inner.0);
        }
    }

    /// An entry of a list.
    pub(crate) fn item(&mut self, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        self.0.extend((inner.0.len() as u64).to_le_bytes());
        self.0.extend(inner.0);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.0.extend((text.len() as u64).to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}
