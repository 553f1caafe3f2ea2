//! The core's side of the workers' streams: an outbox for each node, and what its worker already
//! knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use carlo_schedule::Effect;
use carlo_types::{Epoch, Fault, FaultCode, JobId, JobSpec, Lease, LeaseId, NodeId};
use carlo_wire::v1::coordinator_message::Message;
use carlo_wire::{status, v1};
use tokio::sync::mpsc;
use tonic::Status;

use crate::metrics::{Instruments, whole};

/// The channel for a worker's messages. It is bounded: a worker that doesn't read is disconnected.
pub(crate) type Outbox = mpsc::Sender<Result<v1::CoordinatorMessage, Status>>;

/// A stream of a node. A node that joins again has a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionId {
    node: NodeId,
    number: u64,
}

impl SessionId {
    pub(crate) fn node(self) -> NodeId {
        self.node
    }
}

#[derive(Debug)]
pub(super) struct Sessions {
    open: BTreeMap<NodeId, Session>,
    opened: u64,
    instruments: Arc<Instruments>,
}

#[derive(Debug)]
struct Session {
    number: u64,
    /// The node's name.
    name: String,
    outbox: Outbox,
    /// Jobs whose specification was sent.
    known: BTreeSet<JobId>,
    /// The node's leases, and when each was sent.
    leases: BTreeMap<LeaseId, Instant>,
    instruments: Arc<Instruments>,
}

impl Drop for Session {
    /// The node's remaining leases are given to others.
    fn drop(&mut self) {
        self.instruments.leases_expired.inc_by(self.leases.len() as u64);
        self.instruments.leases_in_flight.dec_by(whole(self.leases.len() as u64));
    }
}

impl Sessions {
    /// No sessions. `instruments` counts what happens in them.
    pub(super) fn new(instruments: Arc<Instruments>) -> Self {
        Self { open: BTreeMap::new(), opened: 0, instruments }
    }

    /// Opens a session and welcomes its worker. It replaces an older session of the node, whose
    /// stream ends.
    pub(super) fn open(&mut self, node: NodeId, name: String, outbox: Outbox, epoch: Epoch) -> SessionId {
        self.opened += 1;
        let instruments = Arc::clone(&self.instruments);
        let (known, leases) = (BTreeSet::new(), BTreeMap::new());
        let session = Session { number: self.opened, name, outbox, known, leases, instruments };
        self.open.insert(node, session);
        self.send(node, Message::Welcome(v1::Welcome { epoch: epoch.0 }));
        SessionId { node, number: self.opened }
    }

    /// Whether the session is open and no newer one has replaced it.
    pub(super) fn is_current(&self, id: SessionId) -> bool {
        self.open.get(&id.node).is_some_and(|session| session.number == id.number)
    }

    /// Forgets a session whose stream has ended.
    pub(super) fn close(&mut self, id: SessionId) {
        if self.is_current(id) {
            self.open.remove(&id.node);
        }
    }

    /// Ends a node's session, and its stream with the reason.
    pub(super) fn disconnect(&mut self, node: NodeId, reason: &Fault) {
        if let Some(session) = self.open.remove(&node) {
            // If the outbox is full, the worker doesn't read, and won't miss the reason.
            let _ = session.outbox.try_send(Err(status::from_fault(reason)));
        }
    }

    /// The name that the operator gave the node, while its session is open.
    pub(super) fn name(&self, node: NodeId) -> Option<&str> {
        self.open.get(&node).map(|session| session.name.as_str())
    }

    /// Logs that a node is lost, by the name that its operator gave it.
    pub(super) fn warn_of_loss(&self, node: NodeId, why: &str) {
        tracing::warn!(%node, name = self.name(node), why, "node lost: its leases go to others");
    }

    /// Sends the scheduler's decisions to the workers.
    pub(super) fn carry_out(&mut self, effect: Effect, epoch: Epoch) {
        match effect {
            Effect::Grant { node, lease, spec } => self.grant(node, &lease, &spec),
            Effect::Revoke { node, lease: LeaseId(lease_id) } => {
                self.end_lease(node, LeaseId(lease_id));
                self.send(node, Message::Revoke(v1::Revoke { epoch: epoch.0, lease_id }));
            }
            Effect::Acknowledge { node, lease: LeaseId(lease_id), epoch, accepted } => {
                if let Some(granted) = self.end_lease(node, LeaseId(lease_id)) {
                    self.instruments.lease_duration.observe(granted.elapsed().as_secs_f64());
                }
                self.instruments.report(accepted);
                let acknowledge = v1::Acknowledge { epoch: epoch.0, lease_id, accepted };
                self.send(node, Message::Acknowledge(acknowledge));
            }
            Effect::Ended { job } => {
                let knowing = self
                    .open
                    .iter_mut()
                    .filter_map(|(node, session)| session.known.remove(&job).then_some(*node));
                for node in knowing.collect::<Vec<_>>() {
                    self.send(node, Message::Forget(v1::Forget { job_id: job.to_string() }));
                }
            }
            Effect::Disconnect { node, why } => {
                self.warn_of_loss(node, &why);
                self.disconnect(node, &Fault::new(FaultCode::Unavailable, why));
            }
            // No stream reports these yet: callers poll or wait.
            Effect::Changed { .. } | Effect::BatchChanged { .. } | Effect::Drained { .. } => {}
        }
    }

    fn grant(&mut self, node: NodeId, lease: &Lease, spec: &Arc<JobSpec>) {
        let Some(session) = self.open.get_mut(&node) else { return };
        session.leases.insert(lease.id, Instant::now());
        self.instruments.leases_granted.inc();
        self.instruments.leases_in_flight.inc();
        let specification = session.known.insert(lease.job).then(|| spec.to_draft().into());
        self.send(node, Message::Grant(v1::Grant { lease: Some(lease.into()), specification }));
    }

    /// Removes a lease of the node. Returns when it was sent.
    fn end_lease(&mut self, node: NodeId, lease: LeaseId) -> Option<Instant> {
        let granted = self.open.get_mut(&node)?.leases.remove(&lease)?;
        self.instruments.leases_in_flight.dec();
        Some(granted)
    }

    /// Queues a message. A worker with a full outbox doesn't read: its session ends here, and its
    /// further messages are ignored. So the scheduler finds it silent and gives its leases to
    /// others.
    fn send(&mut self, node: NodeId, message: Message) {
        let Some(session) = self.open.get(&node) else { return };
        if let Err(error) = session.outbox.try_send(Ok(v1::CoordinatorMessage { message: Some(message) })) {
            tracing::warn!(%node, %error, "a worker's stream takes nothing more; its session ends");
            self.open.remove(&node);
        }
    }
}
