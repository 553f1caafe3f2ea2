//! What the core can be asked, and the handle that asks it.

use std::sync::Arc;

use carlo_kernel::Partial;
use carlo_schedule::{ClusterView, Command, Filter, JobView, NodeView, Page};
use carlo_types::{Epoch, Fault, FaultCode, JobId, JobSpec, NodeFacts, NodeId, OwnerId};
use tokio::sync::{mpsc, oneshot};

use super::{Core, Outbox, SessionId};

/// Where an answer goes.
type Reply<T> = oneshot::Sender<T>;

/// One request to the core.
pub(crate) enum Request {
    Submit {
        job: JobId,
        owner: OwnerId,
        spec: Arc<JobSpec>,
        priority: u8,
        reply: Reply<Result<JobView, Fault>>,
    },
    Cancel {
        job: JobId,
        reply: Reply<Result<JobView, Fault>>,
    },
    Get {
        job: JobId,
        reply: Reply<Option<JobSnapshot>>,
    },
    List {
        filter: Filter,
        page: Page,
        reply: Reply<(usize, Vec<JobView>)>,
    },
    Cluster {
        reply: Reply<ClusterView>,
    },
    Drain {
        node: NodeId,
        draining: bool,
        reply: Reply<Result<NodeView, Fault>>,
    },
    UndrainName {
        name: String,
        reply: Reply<Result<Option<NodeView>, Fault>>,
    },
    Join {
        node: NodeId,
        facts: NodeFacts,
        outbox: Outbox,
        reply: Reply<Result<(SessionId, Epoch), Fault>>,
    },
    Worker {
        session: SessionId,
        request: Box<WorkerRequest>,
    },
}

/// What a worker's session wants: a command, of which the answer goes to its stream.
pub(crate) type WorkerRequest = Command<Partial>;

/// A job, and the fold of what has been simulated of it while it runs.
#[derive(Debug)]
pub(crate) struct JobSnapshot {
    pub(crate) view: JobView,
    pub(crate) fold: Option<Partial>,
}

/// Asks the core. Every call waits while too many requests are queued, and fails once the core has ended.
#[derive(Debug, Clone)]
pub(crate) struct CoreHandle(mpsc::Sender<Request>);

impl CoreHandle {
    pub(super) fn new(sender: mpsc::Sender<Request>) -> Self {
        Self(sender)
    }

    /// Queues a job. When this returns, it is durable.
    pub(crate) async fn submit(
        &self,
        job: JobId,
        owner: OwnerId,
        spec: Arc<JobSpec>,
        priority: u8,
    ) -> Result<JobView, Fault> {
        self.ask(|reply| Request::Submit { job, owner, spec, priority, reply }).await?
    }

    /// Ends a job.
    pub(crate) async fn cancel(&self, job: JobId) -> Result<JobView, Fault> {
        self.ask(|reply| Request::Cancel { job, reply }).await?
    }

    /// One job, if there is one of this id.
    pub(crate) async fn get(&self, job: JobId) -> Result<Option<JobSnapshot>, Fault> {
        self.ask(|reply| Request::Get { job, reply }).await
    }

    /// How many jobs there are, and a page of them, newest first.
    pub(crate) async fn list(&self, filter: Filter, page: Page) -> Result<(usize, Vec<JobView>), Fault> {
        self.ask(|reply| Request::List { filter, page, reply }).await
    }

    /// The cluster.
    pub(crate) async fn cluster(&self) -> Result<ClusterView, Fault> {
        self.ask(|reply| Request::Cluster { reply }).await
    }

    /// Drains a node, or the opposite. When this returns, it is durable.
    pub(crate) async fn drain(&self, node: NodeId, draining: bool) -> Result<NodeView, Fault> {
        self.ask(|reply| Request::Drain { node, draining, reply }).await?
    }

    /// Undrains a name; a node that has it, if one is listed. When this returns, it is durable.
    pub(crate) async fn undrain_name(&self, name: String) -> Result<Option<NodeView>, Fault> {
        self.ask(|reply| Request::UndrainName { name, reply }).await?
    }

    /// Admits a node, whose messages go to `outbox` from now on.
    pub(crate) async fn join(
        &self,
        node: NodeId,
        facts: NodeFacts,
        outbox: Outbox,
    ) -> Result<(SessionId, Epoch), Fault> {
        self.ask(|reply| Request::Join { node, facts, outbox, reply }).await?
    }

    /// Passes on what a worker's session wants.
    pub(crate) async fn worker(&self, session: SessionId, request: WorkerRequest) -> Result<(), Fault> {
        let request = Box::new(request);
        self.0.send(Request::Worker { session, request }).await.map_err(|_| ended())
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Fault> {
        let (reply, answer) = oneshot::channel();
        self.0.send(request(reply)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())
    }
}

fn ended() -> Fault {
    Fault::new(
        FaultCode::Unavailable,
        "this coordinator has just ended its term; whether the call was carried out is not known",
    )
}

impl Core {
    /// Applies a request. Its answer waits for the commit; whoever asked may have gone by then, and that is fine.
    pub(super) fn handle(&mut self, request: Request) {
        match request {
            Request::Submit { job, owner, spec, priority, reply } => {
                let answer = self
                    .apply(Command::Submit { job, owner, spec, priority })
                    .map(|()| self.scheduler.job(job, self.clock.now()).expect("it has just been submitted"));
                self.answer(reply, answer);
            }
            Request::Cancel { job, reply } => {
                let answer = self
                    .apply(Command::Cancel { job })
                    .map(|()| self.scheduler.job(job, self.clock.now()).expect("a cancelled job is kept"));
                self.answer(reply, answer);
            }
            Request::Get { job, reply } => {
                let snapshot = self
                    .scheduler
                    .job(job, self.clock.now())
                    .map(|view| JobSnapshot { view, fold: self.scheduler.fold(job) });
                self.answer(reply, snapshot);
            }
            Request::List { filter, page, reply } => {
                let listed = self.scheduler.jobs(&filter, page, self.clock.now());
                self.answer(reply, listed);
            }
            Request::Cluster { reply } => {
                let cluster = self.scheduler.cluster(self.clock.now());
                self.answer(reply, cluster);
            }
            Request::Drain { node, draining, reply } => {
                let command = if draining { Command::Drain { node } } else { Command::Undrain { node } };
                let answer = self
                    .apply(command)
                    .map(|()| self.scheduler.node(node, self.clock.now()).expect("it was just found"));
                self.answer(reply, answer);
            }
            Request::UndrainName { name, reply } => {
                let answer = self.apply(Command::UndrainName { name: name.clone() }).map(|()| {
                    let nodes = self.scheduler.cluster(self.clock.now()).nodes;
                    nodes.into_iter().find(|node| node.facts.name == name)
                });
                self.answer(reply, answer);
            }
            Request::Join { node, facts, outbox, reply } => {
                tracing::info!(%node, name = facts.name, threads = facts.threads, "node joins");
                let admitted = self.apply(Command::Join { node, facts });
                let answer = admitted.map(|()| (self.sessions.open(node, outbox, self.epoch), self.epoch));
                self.answer(reply, answer);
            }
            Request::Worker { session, request } => self.worker(session, *request),
        }
    }

    /// Applies what a session wants, unless a newer session of the same node has replaced it.
    fn worker(&mut self, session: SessionId, request: WorkerRequest) {
        if !self.sessions.is_current(session) {
            return;
        }
        if let Command::Lose { node, why } = &request {
            tracing::info!(%node, why, "node left");
            self.sessions.close(session);
        }
        let node = session.node();
        if let Err(fault) = self.apply(request) {
            tracing::warn!(%node, %fault, "a worker's message was refused; its session ends");
            self.sessions.disconnect(node, &fault);
            // The scheduler may not know the node any more: then there is nothing to lose.
            let _ = self.apply(Command::Lose { node, why: fault.message });
        }
    }

    fn answer<T: Send + 'static>(&mut self, reply: Reply<T>, answer: T) {
        self.answers.push(Box::new(move || drop(reply.send(answer))));
    }
}
