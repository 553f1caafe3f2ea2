//! Leases, and the facts that workers report about themselves.

use std::fmt;

use carlo_types::limits::NAME_BYTES_MAX;
use carlo_types::{BlockRange, Epoch, Lease, LeaseId, NodeFacts, NodeId, Seal};
use sha2::{Digest, Sha256};

use super::{FieldError, id};
use crate::v1;

impl From<&Lease> for v1::Lease {
    fn from(lease: &Lease) -> Self {
        Self {
            id: lease.id.0,
            epoch: lease.epoch.0,
            attempt: lease.attempt,
            job_id: lease.job.to_string(),
            start_block: lease.range.start(),
            end_block: lease.range.end(),
            seal: lease.seal.0.to_vec(),
        }
    }
}

impl TryFrom<&v1::Lease> for Lease {
    type Error = FieldError;

    fn try_from(lease: &v1::Lease) -> Result<Self, FieldError> {
        Ok(Self {
            id: LeaseId(lease.id),
            epoch: Epoch(lease.epoch),
            attempt: lease.attempt,
            job: id("lease.job_id", &lease.job_id)?,
            range: BlockRange::new(lease.start_block, lease.end_block)
                .ok_or_else(|| FieldError::new("lease.end_block", "must be above lease.start_block"))?,
            // A seal of another length is invalid.
            seal: Seal(lease.seal.as_slice().try_into().unwrap_or_default()),
        })
    }
}

/// Converts the lease of a message.
pub fn lease(lease: Option<&v1::Lease>) -> Result<Lease, FieldError> {
    lease.ok_or_else(|| FieldError::missing("lease"))?.try_into()
}

/// The proof of a node's id: 32 random bytes. The id is their hash.
#[derive(Clone, Copy)]
pub struct NodeSecret([u8; 32]);

impl NodeSecret {
    /// The secret with these random bytes.
    pub fn from_random(high: u128, low: u128) -> Self {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&high.to_be_bytes());
        bytes[16..].copy_from_slice(&low.to_be_bytes());
        Self(bytes)
    }

    /// The id of the node with this secret.
    pub fn node(&self) -> NodeId {
        let [bits, _] = *Sha256::digest(self.0).as_chunks::<16>().0 else {
            unreachable!("a SHA-256 has 32 bytes")
        };
        NodeId::from_random(u128::from_be_bytes(bits))
    }
}

impl fmt::Debug for NodeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeSecret(…)")
    }
}

/// The first message of the node with this secret and these facts.
pub fn hello(secret: &NodeSecret, facts: &NodeFacts) -> v1::Hello {
    v1::Hello {
        node_id: secret.node().to_string(),
        secret: secret.0.to_vec(),
        hostname: facts.hostname.clone(),
        name: facts.name.clone(),
        threads: facts.threads,
        instruction_set: facts.instruction_set.clone(),
        version: facts.version.clone(),
        model_version: facts.model_version,
        protocol_version: facts.protocol_version,
    }
}

/// The id and the facts of the node that joins, if its secret fits the id.
pub fn node(hello: v1::Hello) -> Result<(NodeId, NodeFacts), FieldError> {
    let node = id("hello.node_id", &hello.node_id)?;
    let secret = hello.secret.as_slice().try_into().map(NodeSecret);
    let secret = secret.map_err(|_| FieldError::new("hello.secret", "must have 32 bytes"))?;
    if secret.node() != node {
        return Err(FieldError::new("hello.secret", "is not the secret of hello.node_id"));
    }
    let facts = NodeFacts {
        hostname: name("hello.hostname", hello.hostname)?,
        name: name("hello.name", hello.name)?,
        threads: hello.threads.max(1),
        instruction_set: name("hello.instruction_set", hello.instruction_set)?,
        version: name("hello.version", hello.version)?,
        model_version: hello.model_version,
        protocol_version: hello.protocol_version,
    };
    Ok((node, facts))
}

fn name(field: &'static str, name: String) -> Result<String, FieldError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        let problem = format!("must have 1 to {NAME_BYTES_MAX} printable ASCII characters without spaces");
        return Err(FieldError::new(field, problem));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use carlo_types::JobId;

    #[test]
    fn a_lease_survives_the_wire() {
        let original = Lease {
            id: LeaseId(7),
            epoch: Epoch(3),
            attempt: 2,
            job: JobId::from_random(9),
            range: BlockRange::new(4, 8).expect("4 is below 8"),
            seal: Seal([7; 16]),
        };
        assert_eq!(lease(Some(&v1::Lease::from(&original))), Ok(original));
    }

    #[test]
    fn a_lease_that_is_none_is_refused_by_field() {
        assert_eq!(lease(None).unwrap_err().to_string(), "lease is missing");
        let empty = v1::Lease { job_id: JobId::from_random(9).to_string(), ..Default::default() };
        assert!(lease(Some(&empty)).unwrap_err().to_string().starts_with("lease.end_block must"));
        assert!(lease(Some(&v1::Lease::default())).unwrap_err().to_string().starts_with("lease.job_id"));
    }

    #[test]
    fn a_nameless_node_is_refused_by_field() {
        let secret = NodeSecret::from_random(1, 2);
        let hello =
            v1::Hello { node_id: secret.node().to_string(), secret: secret.0.to_vec(), ..Default::default() };
        assert!(node(hello).unwrap_err().to_string().starts_with("hello.hostname must"));
    }

    #[test]
    fn a_node_s_id_is_of_no_use_without_its_secret() {
        let node_id = NodeSecret::from_random(1, 2).node().to_string();
        for secret in [vec![], vec![0; 32], NodeSecret::from_random(2, 1).0.to_vec()] {
            let hello = v1::Hello { node_id: node_id.clone(), secret, ..Default::default() };
            assert!(node(hello).unwrap_err().to_string().starts_with("hello.secret"));
        }
    }
}
