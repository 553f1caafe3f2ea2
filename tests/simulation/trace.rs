//! The history of a run, line by line, with a hash: two runs of the same seed must agree.

use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A run's history. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    hash: DefaultHasher,
    text: Vec<String>,
}

impl Trace {
    /// Adds a line, inside a simulated host.
    pub(crate) fn note(&self, line: impl Display) {
        self.note_at(turmoil::sim_elapsed().unwrap_or_default(), line);
    }

    /// Adds a line.
    pub(crate) fn note_at(&self, at: Duration, line: impl Display) {
        let line = format!("{:>10.3} {line}", at.as_secs_f64());
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        line.hash(&mut lines.hash);
        lines.text.push(line);
    }

    /// The hash of all lines so far.
    pub(crate) fn hash(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).hash.finish()
    }

    /// All lines so far.
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).text.join("\n")
    }
}

/// A short fingerprint of bytes.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    let mut hash = DefaultHasher::new();
    bytes.hash(&mut hash);
    format!("{:08x}", hash.finish() >> 32)
}
