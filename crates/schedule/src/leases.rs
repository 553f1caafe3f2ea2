//! The active leases, and recently accepted reports.

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
    /// Simulations that the worker has reported as done.
    pub(crate) progress: u64,
}

/// All active leases of this epoch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leases {
    held: BTreeMap<LeaseId, ActiveLease>,
    /// Leases whose range no other node has, oldest first.
    single: BTreeSet<LeaseId>,
    next: u64,
    accepted: BTreeMap<(Epoch, LeaseId), Lease>,
    accepted_order: VecDeque<(Epoch, LeaseId)>,
}

impl Leases {
    /// The id of the next lease.
    pub(crate) fn next_id(&mut self) -> LeaseId {
        self.next += 1;
        LeaseId(self.next)
    }

    pub(crate) fn get(&self, lease: LeaseId) -> Option<&ActiveLease> {
        self.held.get(&lease)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LeaseId, &ActiveLease)> {
        self.held.iter().map(|(id, held)| (*id, held))
    }

    pub(crate) fn insert(&mut self, lease: LeaseId, held: ActiveLease) {
        self.held.insert(lease, held);
    }

    pub(crate) fn remove(&mut self, lease: LeaseId) -> Option<ActiveLease> {
        self.single.remove(&lease);
        self.held.remove(&lease)
    }

    /// The number of leases whose range another node has, too.
    pub(crate) fn shared(&self) -> usize {
        self.held.len() - self.single.len()
    }

    /// Sets the leases of a range.
    pub(crate) fn set_holders(&mut self, holders: &[LeaseId]) {
        for lease in holders {
            self.single.remove(lease);
        }
        if let [only] = holders {
            self.single.insert(*only);
        }
    }

    /// The oldest lease whose range no other node has.
    pub(crate) fn oldest_single(&self) -> Option<(LeaseId, &ActiveLease)> {
        let lease = self.single.first()?;
        Some((*lease, self.held.get(lease)?))
    }

    /// Updates a lease's progress, in simulations. Returns the increase.
    pub(crate) fn advance(
        &mut self,
        lease: LeaseId,
        node: NodeId,
        simulations: u64,
    ) -> Option<(JobKey, u64)> {
        let held = self.held.get_mut(&lease).filter(|held| held.node == node)?;
        let more = simulations.saturating_sub(held.progress);
        held.progress += more;
        Some((held.job, more))
    }

    /// Remembers an accepted report, and forgets the oldest one beyond `most`.
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

    pub(crate) fn verify(&self, answers_max: usize, singles: &BTreeSet<LeaseId>) {
        assert_eq!(&self.single, singles, "leases whose range nobody else holds");
        assert_eq!(self.accepted.len(), self.accepted_order.len(), "accepted reports");
        assert!(self.accepted.len() <= answers_max, "accepted reports are bounded");
        assert!(self.held.keys().next_back().is_none_or(|last| last.0 <= self.next), "lease ids only grow");
    }
}
