//! Seals of leases. A report for an earlier epoch's lease counts only if some leader of this ledger
//! granted that lease to that node, and that leader may be gone. So every lease carries a code that
//! only leaders can make.

use carlo_types::{Epoch, Lease, LeaseId, NodeId, Seal};
use sha2::{Digest, Sha256};

/// The secret for sealing leases, the same in all epochs of a ledger.
#[derive(Clone, Copy)]
pub struct SealKey([u8; 32]);

impl SealKey {
    /// The key with these bytes, which must come from the system's random source.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The seal of a lease that is granted to this node. Ignores the seal that the lease contains.
    ///
    /// SHA-256 over the key and the fields. All fields have a fixed length, and each kind of id has
    /// texts of one length, so no two leases have the same input. Half of the hash is left out, so
    /// a seal can't be extended to that of a longer input.
    pub(crate) fn seal(&self, node: NodeId, lease: &Lease) -> Seal {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(node.to_string());
        hash.update(lease.job.to_string());
        for number in
            [lease.epoch.0, lease.id.0, lease.attempt.into(), lease.range.start(), lease.range.end()]
        {
            hash.update(number.to_be_bytes());
        }
        let hash: [u8; 32] = hash.finalize().into();
        let mut seal = Seal::default();
        seal.0.copy_from_slice(&hash[..16]);
        seal
    }

    /// A number from 0 to 1, exclusive, for the lease with this id. Nodes can't predict it, and it
    /// is the same for everyone with this key. The input has another length than those of seals.
    pub(crate) fn draw(&self, epoch: Epoch, lease: LeaseId) -> f64 {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update("spot check");
        hash.update(epoch.0.to_be_bytes());
        hash.update(lease.0.to_be_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        let bits = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }

    /// Whether a leader with this key granted the lease to this node. Compares in constant time.
    pub(crate) fn fits(&self, node: NodeId, lease: &Lease) -> bool {
        let seal = self.seal(node, lease);
        seal.0.iter().zip(lease.seal.0).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(…)")
    }
}
