//! Identifiers. Each kind is a type of its own, so that they can't be confused:
//!
//! ```compile_fail
//! # use carlo_types::{JobId, NodeId};
//! fn cancel(_: JobId) {}
//! cancel(NodeId::from_random(7));
//! ```
//!
//! Identifiers are made from random bits that the caller passes in.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use uuid::Uuid;

/// The text is not an identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {kind} id: expected {prefix:?} and 32 hexadecimal digits")]
pub struct ParseIdError {
    text: String,
    kind: &'static str,
    prefix: &'static str,
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with these 128 random bits (of which 122 are kept, as RFC 9562 version 4
            /// says).
            pub fn from_random(bits: u128) -> Self {
                Self(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let error = || ParseIdError {
                    // The text is input from outside, so it is shortened in messages.
                    text: text.chars().take(64).collect(),
                    kind: $kind,
                    prefix: $prefix,
                };
                let digits = text.strip_prefix($prefix).filter(|digits| digits.len() == 32).ok_or_else(error)?;
                Uuid::try_parse(digits).map(Self).map_err(|_| error())
            }
        }
    };
}

random_id!(
    /// A job: `job_` and 32 hexadecimal digits.
    JobId, "job", "job_"
);
random_id!(
    /// A batch of jobs: `batch_` and 32 hexadecimal digits.
    BatchId, "batch", "batch_"
);
random_id!(
    /// A worker process: `node_` and 32 hexadecimal digits. A restarted worker has a new id.
    NodeId, "node", "node_"
);

random_id!(
    /// A URL to which a user's webhooks are sent: `hook_` and 32 hexadecimal digits.
    EndpointId, "webhook", "hook_"
);
random_id!(
    /// An event that is sent to a webhook: `msg_` and 32 hexadecimal digits.
    DeliveryId, "delivery", "msg_"
);

/// The owner of a job: the user of the key with which it was submitted. Clones share the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(Arc<str>);

impl OwnerId {
    /// The user of a cluster without authentication.
    pub fn local() -> Self {
        static LOCAL: LazyLock<OwnerId> = LazyLock::new(|| OwnerId::new("local"));
        LOCAL.clone()
    }

    /// The owner with this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The term of a leader. It grows by at least one with each change of the leader and each restart,
/// so that writes and leases of earlier terms can be recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lease, unique within its [`Epoch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_prints() {
        let id = JobId::from_random(0x1234_5678_9abc_def0_0fed_cba9_8765_4321);
        assert_eq!(id.to_string().parse::<JobId>(), Ok(id));
        assert!(id.to_string().starts_with("job_"));
    }

    #[test]
    fn what_is_no_id_is_refused_in_words() {
        let node = NodeId::from_random(1).to_string();
        for text in ["", "job_", "job_xyz", &node, "job_{00000000000000000000000000000}", "job_ä"] {
            let error = text.parse::<JobId>().unwrap_err();
            assert!(error.to_string().contains("is not a job id"), "{error}");
        }
    }
}
