//! Leases of ranges of a job.

use crate::blocks::BlockRange;
use crate::ids::{Epoch, JobId, LeaseId};

/// A range of a job that is granted to one node. Reports contain the whole lease, so that any later
/// leader can check them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Unique within `epoch`.
    pub id: LeaseId,
    /// The epoch of the leader that granted it.
    pub epoch: Epoch,
    /// The number of the attempt at this range, from 1.
    pub attempt: u32,
    /// The job.
    pub job: JobId,
    /// The blocks.
    pub range: BlockRange,
    /// Proves to a later leader that this lease was granted, and to which node.
    pub seal: Seal,
}

/// A message authentication code over a lease and its node. Only leaders with the same ledger can
/// make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seal(pub [u8; 16]);
