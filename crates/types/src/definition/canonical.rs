//! The bytes of a request that a digest covers.
//!
//! Every field that isn't at its fixed default counts, with its name, in the order of the
//! definition. So an input that is added later, and left alone, changes no digest. Values that
//! other fields imply always count: the default that they came from may depend on anything.

use super::Name;

/// The bytes, as they are collected.
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

    /// A field that holds fields, unless it says nothing; `always` where being there says
    /// something.
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

    /// What was collected.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}
