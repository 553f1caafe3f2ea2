//! A lease: the right and the duty to simulate a range of one job.

use crate::blocks::BlockRange;
use crate::ids::{Epoch, JobId, LeaseId};

/// A range of a job, granted to one node. The whole of it comes back in every report, so that a
/// report can be judged by whoever leads when it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Unique within `epoch`.
    pub id: LeaseId,
    /// The leader's term that granted it.
    pub epoch: Epoch,
    /// The how-manieth attempt at this range it is, from 1.
    pub attempt: u32,
    /// The job.
    pub job: JobId,
    /// The blocks.
    pub range: BlockRange,
    /// By which a later leader knows that this lease was granted, and to whom.
    pub seal: Seal,
}

/// A message authentication code over a lease and its node. Only leaders of one ledger can make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seal(pub [u8; 16]);
