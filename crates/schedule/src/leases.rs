//! The active leases, and the reports that were accepted recently.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use carlo_types::{BlockRange, Epoch, Lease, LeaseId, NodeId};

use crate::job::JobKey;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ActiveLease {
    pub(crate) node: NodeId,
    pub(crate) job: JobKey,
    pub(crate) range: BlockRange,
    pub(crate) attempt: u32,
    pub(crate) granted: Duration,
    /// The number of finished simulations in the worker's last heartbeat.
    pub(crate) progress: u64,
}

/// All active leases of this epoch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leases {
    active: BTreeMap<LeaseId, ActiveLease>,
    /// The leases that are the only one of their range, oldest first, except checks.
    single: BTreeSet<LeaseId>,
    /// The leases of ranges that were reported before.
    checks: BTreeSet<LeaseId>,
    next: u64,
    accepted: BTreeMap<(Epoch, LeaseId), Lease>,
    accepted_order: VecDeque<(Epoch, LeaseId)>,
}

impl Leases {
    /// A new id, larger than all ids before it.
    pub(crate) fn next_id(&mut self) -> LeaseId {
        self.next += 1;
        LeaseId(self.next)
    }

    pub(crate) fn get(&self, lease: LeaseId) -> Option<&ActiveLease> {
        self.active.get(&lease)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LeaseId, &ActiveLease)> {
        self.active.iter().map(|(id, lease)| (*id, lease))
    }

    pub(crate) fn insert(&mut self, id: LeaseId, lease: ActiveLease) {
        self.active.insert(id, lease);
    }

    pub(crate) fn remove(&mut self, lease: LeaseId) -> Option<ActiveLease> {
        self.single.remove(&lease);
        self.checks.remove(&lease);
        self.active.remove(&lease)
    }

    /// The number of leases whose range is leased twice.
    pub(crate) fn shared(&self) -> usize {
        self.active.len() - self.single.len() - self.checks.len()
    }

    /// Takes note of all leases of one range, so that single ones can be found.
    pub(crate) fn set_holders(&mut self, holders: &[LeaseId]) {
        for lease in holders {
            self.single.remove(lease);
        }
        if let [only] = holders {
            self.single.insert(*only);
        }
    }

    /// Takes note of whether the only lease of a range is a check. No second lease is granted for
    /// the range of a check, because not every node may have it.
    pub(crate) fn set_check(&mut self, lease: LeaseId, is_check: bool) {
        if is_check {
            self.single.remove(&lease);
            self.checks.insert(lease);
        } else {
            self.checks.remove(&lease);
            self.single.insert(lease);
        }
    }

    /// The oldest lease that is the only one of its range, except checks.
    pub(crate) fn oldest_single(&self) -> Option<(LeaseId, &ActiveLease)> {
        let lease = self.single.first()?;
        Some((*lease, self.active.get(lease)?))
    }

    /// Updates a lease's progress, in simulations. Returns the job and the increase; `None` unless
    /// the lease is the node's.
    pub(crate) fn advance(
        &mut self,
        lease: LeaseId,
        node: NodeId,
        simulations: u64,
    ) -> Option<(JobKey, u64)> {
        let lease = self.active.get_mut(&lease).filter(|lease| lease.node == node)?;
        let more = simulations.saturating_sub(lease.progress);
        lease.progress += more;
        Some((lease.job, more))
    }

    /// Remembers an accepted report. If more than `most` are remembered, forgets the oldest ones.
    pub(crate) fn accept(&mut self, claim: Lease, most: usize) {
        let key = (claim.epoch, claim.id);
        if self.accepted.insert(key, claim).is_none() {
            self.accepted_order.push_back(key);
        }
        while self.accepted_order.len() > most
            && let Some(oldest) = self.accepted_order.pop_front()
        {
            self.accepted.remove(&oldest);
        }
    }

    /// Whether exactly this report was accepted before.
    pub(crate) fn was_accepted(&self, claim: &Lease) -> bool {
        self.accepted.get(&(claim.epoch, claim.id)) == Some(claim)
    }

    pub(crate) fn verify(
        &self,
        accepted_max: usize,
        singles: &BTreeSet<LeaseId>,
        checks: &BTreeSet<LeaseId>,
    ) {
        assert_eq!(&self.single, singles, "leases that are the only one of their range");
        assert_eq!(&self.checks, checks, "leases of ranges that were reported before");
        assert_eq!(self.accepted.len(), self.accepted_order.len(), "accepted reports");
        assert!(self.accepted.len() <= accepted_max, "accepted reports are bounded");
        assert!(self.active.keys().next_back().is_none_or(|last| last.0 <= self.next), "lease ids only grow");
    }
}
