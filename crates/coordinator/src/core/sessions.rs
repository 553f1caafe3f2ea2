//! The core's side of the workers' streams: an outbox for each node, and what its worker already
//! knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use carlo_schedule::Effect;
use carlo_service::trace::{Kind, Span, TraceContext};
use carlo_types::{Epoch, Fault, FaultCode, JobId, JobSpec, Lease, LeaseId, NodeId};
use carlo_wire::v1::coordinator_message::Message;
use carlo_wire::{status, v1};
use tokio::sync::mpsc;
use tonic::Status;

use crate::metrics::{Instruments, whole};
use crate::origin::Origins;

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
    /// The node's leases.
    leases: BTreeMap<LeaseId, GrantedLease>,
    instruments: Arc<Instruments>,
}

/// A lease that a node holds.
#[derive(Debug)]
struct GrantedLease {
    sent: Instant,
    span: Span,
    report: Option<Report>,
}

/// A report, from its arrival to the commit.
#[derive(Debug)]
struct Report {
    arrived: Instant,
    _span: Span,
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
    pub(super) fn carry_out(&mut self, effect: Effect, epoch: Epoch, origins: &mut Origins) {
        match effect {
            Effect::Grant { node, lease, spec } => self.grant(node, &lease, &spec, origins),
            Effect::Revoke { node, lease: LeaseId(lease_id) } => {
                self.end_lease(node, LeaseId(lease_id));
                self.send(node, Message::Revoke(v1::Revoke { epoch: epoch.0, lease_id }));
            }
            Effect::Acknowledge { node, lease: LeaseId(lease_id), epoch, accepted } => {
                if let Some(lease) = self.end_lease(node, LeaseId(lease_id)) {
                    self.instruments.lease_duration.observe(lease.sent.elapsed().as_secs_f64());
                    if let Some(report) = &lease.report {
                        self.instruments.report_seconds.observe(report.arrived.elapsed().as_secs_f64());
                    }
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
            Effect::Changed { .. }
            | Effect::BatchChanged { .. }
            | Effect::Drained { .. }
            | Effect::Contested { .. }
            | Effect::Quarantined { .. } => {}
        }
    }

    fn grant(&mut self, node: NodeId, lease: &Lease, spec: &Arc<JobSpec>, origins: &mut Origins) {
        let Some(session) = self.open.get_mut(&node) else { return };
        let span = origins.begin_lease(node, lease);
        let specification = session.known.insert(lease.job).then(|| spec.to_draft().into());
        let mut grant = v1::Grant { lease: Some(lease.into()), specification, ..v1::Grant::default() };
        if let Some(origin) = origins.of(lease.job).filter(|_| grant.specification.is_some()) {
            grant.request_id = origin.request_id.to_string();
            grant.traceparent = origin.trace.as_ref().map(ToString::to_string).unwrap_or_default();
        }
        if let Some(context) = span.context().filter(|_| span.is_recorded()) {
            grant.traceparent = context.to_string();
        }
        session.leases.insert(lease.id, GrantedLease { sent: Instant::now(), span, report: None });
        self.instruments.leases_granted.inc();
        self.instruments.leases_in_flight.inc();
        self.send(node, Message::Grant(grant));
    }

    /// A lease's report has arrived. `computed` is the span of the computation, if it was recorded.
    pub(super) fn begin_report(&mut self, node: NodeId, lease: LeaseId, computed: Option<TraceContext>) {
        let held = self.open.get_mut(&node).and_then(|session| session.leases.get_mut(&lease));
        let Some(held) = held else { return };
        // A worker can't add to traces that its lease is no part of.
        let trace_id = held.span.context().filter(|_| held.span.is_recorded()).map(|own| own.trace_id());
        let computed = computed.filter(|computed| trace_id == Some(computed.trace_id()));
        let span = computed.map_or_else(Span::none, |_| Span::begin("report", Kind::Consumer, computed));
        held.report = Some(Report { arrived: Instant::now(), _span: span });
    }

    /// Removes a lease of the node.
    fn end_lease(&mut self, node: NodeId, lease: LeaseId) -> Option<GrantedLease> {
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
