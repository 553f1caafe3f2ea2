//! Requests to the core: closures that run in its task. A reply is sent after the commit of the
//! request's changes.

use std::sync::Arc;

use carlo_kernel::Partial;
use carlo_schedule::{ClusterView, Command, NodeState, NodeView};
use carlo_service::trace::TraceContext;
use carlo_tenancy::Caller;
use carlo_types::{Epoch, Fault, FaultCode, NodeFacts, NodeId};
use carlo_wire::v1::{AuditAction, ClusterEventKind};
use tokio::sync::{mpsc, oneshot};

use super::verdicts::Verdicts;
use super::{Core, Outbox, SessionId};
use crate::metrics::Instruments;

/// One request to the core.
pub(crate) type Request = Box<dyn FnOnce(&mut Core) + Send>;

/// A command of a worker's session. The response goes to the session's stream.
pub(crate) type WorkerRequest = Command<Partial>;

/// A handle of the core. Every call waits while too many requests are queued, and fails once the
/// core has ended.
#[derive(Debug, Clone)]
pub(crate) struct CoreHandle {
    requests: mpsc::Sender<Request>,
    instruments: Arc<Instruments>,
    verdicts: Arc<Verdicts>,
}

impl CoreHandle {
    pub(super) fn new(
        requests: mpsc::Sender<Request>,
        instruments: Arc<Instruments>,
        verdicts: Arc<Verdicts>,
    ) -> Self {
        Self { requests, instruments, verdicts }
    }

    /// The committed verdicts on nodes.
    pub(crate) fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    /// The instruments that count events of its calls.
    pub(crate) fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// Runs `ask` in the core, and returns its result once all of its changes are durable.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Core) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let (reply, answer) = oneshot::channel();
        let request: Request = Box::new(move |core| {
            let answer = ask(core);
            // The caller may be gone.
            core.replies.push(Box::new(move || drop(reply.send(answer))));
        });
        self.requests.send(request).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())
    }

    /// Admits a node, whose messages are sent to `outbox` from now on.
    pub(crate) async fn join(
        &self,
        node: NodeId,
        facts: NodeFacts,
        outbox: Outbox,
    ) -> Result<(SessionId, Epoch), Fault> {
        self.ask(move |core| core.join(node, facts, outbox)).await?
    }

    /// Passes on a command of a worker's session.
    pub(crate) async fn worker(&self, session: SessionId, request: WorkerRequest) -> Result<(), Fault> {
        self.traced_worker(session, request, None).await
    }

    /// The same for a report whose computation is a span of a trace.
    pub(crate) async fn traced_worker(
        &self,
        session: SessionId,
        request: WorkerRequest,
        computed: Option<TraceContext>,
    ) -> Result<(), Fault> {
        let request = Box::new(request);
        let pass_on = move |core: &mut Core| core.worker(session, *request, computed);
        self.requests.send(Box::new(pass_on)).await.map_err(|_| ended())
    }
}

/// The fault of a call to a core that has ended.
pub(crate) fn ended() -> Fault {
    Fault::new(
        FaultCode::Unavailable,
        "this coordinator has just ended its term; whether the call was carried out is not known",
    )
}

impl Core {
    pub(crate) fn cluster(&self) -> ClusterView {
        self.scheduler.cluster(self.clock.now())
    }

    /// Drains a node, or ends its drain.
    pub(crate) fn drain(&mut self, caller: &Caller, node: NodeId, draining: bool) -> Result<NodeView, Fault> {
        self.apply(if draining { Command::Drain { node } } else { Command::Undrain { node } })?;
        let view = self.scheduler.node(node, self.clock.now()).expect("it was just found");
        let action = if draining { AuditAction::NodeDrained } else { AuditAction::NodeUndrained };
        self.audit(caller, action, view.facts.name.clone(), "");
        Ok(view)
    }

    /// Ends the drain of a name. Returns a node with this name, if one is listed.
    pub(crate) fn undrain_name(&mut self, caller: &Caller, name: &str) -> Result<Option<NodeView>, Fault> {
        self.apply(Command::UndrainName { name: name.to_owned() })?;
        self.audit(caller, AuditAction::NodeUndrained, name, "");
        let nodes = self.cluster().nodes;
        Ok(nodes.into_iter().find(|node| node.facts.name == name))
    }

    fn join(&mut self, node: NodeId, facts: NodeFacts, outbox: Outbox) -> Result<(SessionId, Epoch), Fault> {
        tracing::info!(%node, name = facts.name, threads = facts.threads, "node joins");
        let name = facts.name.clone();
        let threads = if facts.threads == 1 { "thread" } else { "threads" };
        let (count, kernel, host) = (facts.threads, &facts.instruction_set, &facts.hostname);
        let detail = format!("{count} {threads}, {kernel} kernel, on {host}");
        if let Err(fault) = self.apply(Command::Join { node, facts }) {
            self.note(ClusterEventKind::Refused, name, fault.message.clone(), "");
            return Err(fault);
        }
        self.note(ClusterEventKind::Joined, name.clone(), detail, "");
        Ok((self.sessions.open(node, name, outbox, self.epoch), self.epoch))
    }

    /// Logs that a node was lost, by its name if it is known.
    pub(super) fn note_loss(&mut self, node: NodeId, why: &str) {
        let name = self.sessions.name(node).map_or_else(|| node.to_string(), str::to_owned);
        self.note(ClusterEventKind::Lost, name, why, "");
    }

    /// Applies a session's command, unless a newer session of the same node has replaced it.
    fn worker(&mut self, session: SessionId, request: WorkerRequest, computed: Option<TraceContext>) {
        if !self.sessions.is_current(session) {
            return;
        }
        if let Command::Lose { node, why } = &request {
            match self.scheduler.node(*node, self.clock.now()) {
                Some(view) if view.state == NodeState::Drained => {
                    tracing::info!(%node, name = view.facts.name, why, "node left");
                    self.note(ClusterEventKind::Left, view.facts.name, why.clone(), "");
                }
                _ => {
                    self.sessions.warn_of_loss(*node, why);
                    self.note_loss(*node, why);
                }
            }
            self.sessions.close(session);
        }
        let node = session.node();
        if let Command::Report { lease, .. } = &request {
            self.sessions.begin_report(node, lease.id, computed);
        }
        if let Err(fault) = self.apply(request) {
            tracing::warn!(%node, %fault, "a worker's message was refused; its session ends");
            self.sessions.disconnect(node, &fault);
            // If the scheduler doesn't know the node any more, there is nothing to lose.
            let _ = self.apply(Command::Lose { node, why: fault.message });
        }
    }
}
