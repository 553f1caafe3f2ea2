//! The gRPC service `Workers`. Each stream is a session of a worker. Messages are checked and
//! partial results decoded here, so that this doesn't delay the core's task.

use std::sync::Arc;
use std::time::Duration;

use carlo_kernel::Partial;
use carlo_schedule::Command;
use carlo_service::tls;
use carlo_service::trace::TraceContext;
use carlo_types::limits::{HEARTBEAT_TIMEOUT, PARTIAL_BYTES_MAX};
use carlo_types::{Fault, FaultCode, LeaseId, Load, NodeId, Timestamp};
use carlo_wire::v1::ClusterEventKind;
use carlo_wire::v1::worker_message::Message;
use carlo_wire::v1::workers_server::Workers;
use carlo_wire::{convert, status, v1};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::access::JOIN_TOKEN;
use crate::clock_skew::SkewMeter;
use crate::core::{Core, SessionId};
use crate::environment::Environment;
use crate::incoming::Peer;
use crate::lead::{Leadership, Term};
use crate::metrics::Instruments;
use crate::report_checks::ReportChecks;

/// Messages that are queued for one worker: a few leases, and a `Forget` for each ended job.
const OUTBOX: usize = 1_024;
/// The most leases in one heartbeat.
const HEARTBEAT_LEASES_MAX: usize = 64;

pub(crate) struct WorkersService {
    leadership: Leadership,
    instruments: Arc<Instruments>,
    environment: Arc<dyn Environment>,
    /// Names in certificates that workers may join with.
    client_names: Vec<String>,
    /// `None` if reports aren't checked.
    report_checks: Option<Arc<ReportChecks>>,
}

impl WorkersService {
    pub(crate) fn new(
        leadership: Leadership,
        instruments: Arc<Instruments>,
        environment: Arc<dyn Environment>,
        client_names: Vec<String>,
        checks_reports: bool,
    ) -> Self {
        let report_checks = checks_reports.then(Arc::default);
        Self { leadership, instruments, environment, client_names, report_checks }
    }

    /// The name by which a worker may join because of its certificate.
    fn allowed_name<'a>(&self, peer: Option<&'a Peer>) -> Option<&'a str> {
        let allows = |name: &&String| self.client_names.iter().any(|pattern| tls::name_fits(pattern, name));
        peer?.names.iter().find(allows).map(String::as_str)
    }
}

#[tonic::async_trait]
impl Workers for WorkersService {
    type WorkStream = ReceiverStream<Result<v1::CoordinatorMessage, Status>>;

    async fn work(
        &self,
        request: Request<Streaming<v1::WorkerMessage>>,
    ) -> Result<Response<Self::WorkStream>, Status> {
        let token = request.metadata().get(JOIN_TOKEN);
        let token = token.map(|token| token.to_str().unwrap_or_default().to_owned());
        let term = self.leadership.term()?;
        let peer = request.extensions().get::<Peer>();
        let admitted = match self.allowed_name(peer) {
            Some(name) => {
                tracing::debug!(name, "a worker's certificate is accepted in place of a token");
                Ok(Ok(()))
            }
            None => term.core.ask(move |core| core.admit_worker(token.as_deref())).await,
        };
        if let Err(mut fault) = admitted.flatten() {
            let names = peer.map(|peer| peer.names.join(", ")).filter(|names| !names.is_empty());
            if let Some(names) = names {
                fault.message = format!(
                    "{}, and its certificate is for {names}, which is none of the coordinator's --client-name",
                    fault.message
                );
            }
            let peer = peer.map(|peer| peer.address);
            tracing::warn!(peer = peer.map(tracing::field::display), %fault, "a worker was refused");
            self.instruments.refuse_join(&fault);
            let refusal = status::from_fault(&fault);
            let peer = peer.map_or_else(String::new, |address| address.ip().to_string());
            let note = |core: &mut Core| core.note(ClusterEventKind::Refused, peer, fault.message, "");
            // If the core has ended, the event is lost, as all events of its term.
            let _ = term.core.ask(note).await;
            return Err(refusal);
        }
        let mut inbox = request.into_inner();
        let hello = tokio::time::timeout(HEARTBEAT_TIMEOUT, inbox.message())
            .await
            .map_err(|_| Status::deadline_exceeded("no hello arrived: a worker must begin with it"))??;
        let Some(v1::WorkerMessage { message: Some(Message::Hello(hello)) }) = hello else {
            return Err(Status::invalid_argument("a worker must begin with hello"));
        };
        let (node, facts) = convert::node(hello).map_err(|error| status::from_fault(&error.into()))?;
        let (outbox, messages) = mpsc::channel(OUTBOX);
        let name = facts.name.clone();
        let (session, _) = term
            .core
            .join(node, facts, outbox)
            .await
            .inspect_err(|fault| {
                tracing::warn!(%node, name, %fault, "a worker was refused");
                self.instruments.refuse_join(fault);
            })
            .map_err(|fault| status::from_fault(&fault))?;
        let report_checks = self.report_checks.clone();
        let clock = WorkerClock {
            node,
            name,
            meter: SkewMeter::default(),
            environment: Arc::clone(&self.environment),
            instruments: Arc::clone(&self.instruments),
        };
        tokio::spawn(listen(inbox, session, term, report_checks, clock));
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}

/// Passes a worker's messages to the core until the stream ends, and then reports the loss of the
/// worker.
async fn listen(
    mut inbox: Streaming<v1::WorkerMessage>,
    session: SessionId,
    term: Term,
    report_checks: Option<Arc<ReportChecks>>,
    mut clock: WorkerClock,
) {
    let Term { core, ended, .. } = term;
    let node = session.node();
    let mut leaves = false;
    let why = loop {
        let message = tokio::select! {
            message = inbox.message() => message,
            () = ended.cancelled() => return,
        };
        let mut computed: Option<TraceContext> = None;
        let command = match message {
            Ok(Some(v1::WorkerMessage { message: Some(message) })) => {
                match &message {
                    Message::Report(report) => computed = report.traceparent.parse().ok(),
                    Message::Heartbeat(heartbeat) => clock.observe(heartbeat.wall_ms),
                    _ => {}
                }
                command(node, message)
            }
            // An unknown kind of message from a later version of the protocol can be ignored.
            Ok(Some(v1::WorkerMessage { message: None })) => continue,
            // A worker that has said that it leaves may exit before its stream is closed.
            Ok(None) | Err(_) if leaves => break "it was shut down".to_owned(),
            Ok(None) => break "the worker ended its stream".to_owned(),
            Err(broken) => break format!("the stream broke: {}", broken.message()),
        };
        let command = match command {
            Ok(command) => match &report_checks {
                Some(checks) => checks.check(command, &core).await,
                None => Ok(command),
            },
            Err(fault) => Err(fault),
        };
        match command {
            Ok(command) => {
                if matches!(command, Command::Fail { .. }) {
                    core.instruments().faulty_report();
                }
                leaves |= matches!(command, Command::Leave { .. });
                if core.traced_worker(session, command, computed).await.is_err() {
                    return;
                }
            }
            Err(fault) => break format!("the worker sent an invalid message: {fault}"),
        }
    };
    // If the core has ended, all of its sessions have ended, too.
    let _ = core.worker(session, Command::Lose { node, why }).await;
}

/// The clock of a worker that is connected.
struct WorkerClock {
    node: NodeId,
    name: String,
    meter: SkewMeter,
    environment: Arc<dyn Environment>,
    instruments: Arc<Instruments>,
}

impl WorkerClock {
    /// What it showed when a heartbeat was sent; 0 if the worker has none.
    fn observe(&mut self, wall_ms: u64) {
        if wall_ms == 0 {
            return;
        }
        let Some(skew_ms) = self.meter.observe(Timestamp(wall_ms), self.environment.wall()) else { return };
        self.instruments.clock_skews.set(self.node, skew_ms);
        if self.meter.warns(skew_ms) {
            let (node, name) = (self.node, &self.name);
            tracing::warn!(%node, name, ahead_ms = skew_ms, "the worker's clock differs from the coordinator's");
        }
    }
}

impl Drop for WorkerClock {
    fn drop(&mut self) {
        self.instruments.clock_skews.remove(self.node);
    }
}

fn command(node: NodeId, message: Message) -> Result<Command<Partial>, Fault> {
    match message {
        Message::Hello(_) => Err(Fault::new(FaultCode::Invalid, "hello was sent twice")),
        Message::Heartbeat(heartbeat) => Ok(Command::Heartbeat {
            node,
            load: Load { cpu: share(heartbeat.cpu_utilization), memory: share(heartbeat.memory_utilization) },
            progress: heartbeat
                .leases
                .iter()
                .take(HEARTBEAT_LEASES_MAX)
                .map(|lease| (LeaseId(lease.lease_id), lease.blocks_done))
                .collect(),
        }),
        Message::Report(report) => {
            let lease = convert::lease(report.lease.as_ref())?;
            Ok(match decode(&report.partial) {
                Ok(partial) => {
                    let computed_in = Duration::from_micros(report.computed_in_us);
                    Command::Report { node, lease, partial, computed_in }
                }
                Err(message) => Command::Fail { node, lease, message },
            })
        }
        Message::Fault(fault) => {
            let lease = convert::lease(fault.lease.as_ref())?;
            Ok(Command::Fail { node, lease, message: fault.message.chars().take(1_000).collect() })
        }
        Message::Leaving(_) => Ok(Command::Leave { node }),
    }
}

fn decode(bytes: &[u8]) -> Result<Partial, String> {
    if bytes.len() > PARTIAL_BYTES_MAX {
        return Err(format!("a partial result of {} bytes is above {PARTIAL_BYTES_MAX}", bytes.len()));
    }
    Partial::decode(bytes).map_err(|error| error.to_string())
}

/// A share between 0 and 1, whatever the worker reports.
fn share(value: f64) -> f64 {
    if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 }
}
