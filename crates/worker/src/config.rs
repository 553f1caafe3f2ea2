//! What a worker is told.

use std::num::NonZeroUsize;

use carlo_wire::Trust;
use tonic::metadata::AsciiMetadataValue;

/// The configuration of a worker.
#[derive(Debug, Clone)]
pub struct Config {
    /// URLs of the coordinators of one cluster.
    pub coordinators: Vec<String>,
    /// Who is believed to be one of them at an `https` URL.
    pub trust: Trust,
    /// Threads that compute; as many as the machine has where absent.
    pub threads: Option<NonZeroUsize>,
    /// A name for people; the machine's where absent.
    pub name: Option<String>,
    /// What it joins with; none for a cluster that is open to everybody.
    pub join_token: Option<JoinToken>,
}

/// The secret that a worker joins with. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken(AsciiMetadataValue);

impl JoinToken {
    /// The token of this text; `None` unless it is visible ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let is_visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let mut value = AsciiMetadataValue::try_from(text).ok().filter(|_| is_visible)?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    /// As a call's metadata carries it.
    pub(crate) fn to_metadata(&self) -> AsciiMetadataValue {
        self.0.clone()
    }
}

impl std::fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JoinToken(…)")
    }
}

impl Config {
    /// A worker of these coordinators that uses the whole machine.
    pub fn new(coordinators: Vec<String>) -> Self {
        Self { coordinators, trust: Trust::default(), threads: None, name: None, join_token: None }
    }

    /// Threads that compute.
    pub(crate) fn threads(&self) -> usize {
        self.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
    }
}
