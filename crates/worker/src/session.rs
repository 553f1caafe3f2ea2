//! One stream to a coordinator: greeting, leases, heartbeats, reports, farewell.

use std::time::Duration;

use carlo_kernel::Partial;
use carlo_service::CancellationToken;
use carlo_service::trace::TraceContext;
use carlo_types::limits::{HEARTBEAT_EVERY, HEARTBEAT_TIMEOUT, MESSAGE_BYTES_MAX, PARTIAL_BYTES_MAX};
use carlo_types::{Draft, Epoch, Fault, FaultCode, JobSpec, LeaseId, Load, Merge, NodeFacts, NodeId};
use carlo_wire::convert::{self, NodeSecret};
use carlo_wire::status;
use carlo_wire::v1::coordinator_message::Message as FromCoordinator;
use carlo_wire::v1::worker_message::Message as FromWorker;
use carlo_wire::v1::{self, workers_client::WorkersClient};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use crate::broken;
use crate::engine::{Engine, Finished, Origin};
use crate::join_token::JoinToken;
use crate::metrics::Instruments;

/// The metadata key of the join token.
const JOIN_TOKEN: &str = "x-join-token";
/// How long a coordinator may take to send its welcome. A frozen coordinator accepts the connection
/// but sends nothing.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a worker in shutdown waits for its last leases and their acknowledgements.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(4);
/// Messages that wait to be sent. The stream sends them faster than leases are computed.
const OUTBOX: usize = 32;

/// How a session ends without an error.
#[derive(Debug)]
pub(crate) enum End {
    /// The worker was shut down and has nothing left to do.
    Left,
}

/// How a session ends with an error.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) fault: Fault,
    /// The coordinator's refusal to the greeting, if it sent one.
    pub(crate) refusal: Option<Status>,
    /// Whether the coordinator had sent its welcome.
    pub(crate) had_joined: bool,
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self { fault, refusal: None, had_joined: false }
    }
}

/// What a session needs.
pub(crate) struct Session<'a> {
    pub(crate) secret: &'a NodeSecret,
    pub(crate) node: NodeId,
    /// The coordinator's URL.
    pub(crate) address: &'a str,
    pub(crate) facts: &'a NodeFacts,
    pub(crate) join_token: Option<&'a JoinToken>,
    pub(crate) engine: &'a mut Engine,
    pub(crate) shutdown: &'a CancellationToken,
    pub(crate) instruments: &'a Instruments,
}

impl Session<'_> {
    /// Joins over `channel` and works until the stream breaks or the worker has left.
    pub(crate) async fn run(self, channel: Channel) -> Result<End, Broken> {
        let (outbox, messages) = mpsc::channel(OUTBOX);
        let outbox = Outbox(outbox);
        outbox.send(FromWorker::Hello(convert::hello(self.secret, self.facts))).await?;
        let mut client = WorkersClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let join = async {
            let mut request = Request::new(ReceiverStream::new(messages));
            if let Some(token) = self.join_token {
                request.metadata_mut().insert(JOIN_TOKEN, token.to_metadata());
            }
            let mut inbox = client.work(request).await?.into_inner();
            let first = inbox.message().await?;
            Ok((inbox, first))
        };
        let joined = tokio::select! {
            joined = tokio::time::timeout(WELCOME_TIMEOUT, join) => joined,
            () = self.shutdown.cancelled() => return Ok(End::Left),
        };
        let (inbox, first) =
            joined.map_err(|_| broken("the coordinator sent no welcome in time"))?.map_err(|refusal| {
                Broken { fault: ended(&refusal), refusal: Some(refusal), had_joined: false }
            })?;
        let Some(FromCoordinator::Welcome(welcome)) = first.and_then(|message| message.message) else {
            return Err(broken("the coordinator's first message was not a welcome").into());
        };
        let epoch = Epoch(welcome.epoch);
        tracing::info!(node = %self.node, coordinator = self.address, %epoch, "joined");
        self.instruments.join();
        let worked = self.work(epoch, inbox, outbox).await;
        worked.map_err(|fault| Broken { had_joined: true, ..fault.into() })
    }

    async fn work(
        self,
        epoch: Epoch,
        mut inbox: Streaming<v1::CoordinatorMessage>,
        outbox: Outbox,
    ) -> Result<End, Fault> {
        for finished in self.engine.undelivered() {
            outbox.send(report(finished)).await?;
        }
        let mut beats = tokio::time::interval(HEARTBEAT_EVERY);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut signs = SignsOfLife::default();
        let mut deadline = None;
        loop {
            if deadline.is_some() && self.engine.is_idle() {
                return Ok(End::Left);
            }
            let drain_deadline = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                message = inbox.message() => match message {
                    Ok(Some(v1::CoordinatorMessage { message: Some(message) })) => receive(self.engine, message)?,
                    // A message of a later minor version, which this worker may ignore.
                    Ok(Some(v1::CoordinatorMessage { message: None })) => {}
                    Ok(None) => return Err(broken("the coordinator ended the session")),
                    Err(refusal) => return Err(ended(&refusal)),
                },
                finished = self.engine.finished() => {
                    log(self.engine.origin(finished.lease.job), &finished);
                    let simulations = finished.outcome.as_ref().ok().map(Partial::simulations);
                    self.instruments.finish(simulations, finished.computed_in.as_secs_f64());
                    outbox.send(report(&finished)).await?;
                    signs.report();
                }
                _ = beats.tick() => {
                    self.instruments.set_leases(self.engine.leases());
                    if signs.need_heartbeat() {
                        outbox.send(FromWorker::Heartbeat(heartbeat(self.engine, epoch))).await?;
                    }
                }
                () = self.shutdown.cancelled(), if deadline.is_none() => {
                    tracing::info!(node = %self.node, "leaving: finishing the leases in work");
                    deadline = Some(tokio::time::Instant::now() + DRAIN_TIMEOUT);
                    outbox.send(FromWorker::Leaving(v1::Leaving {})).await?;
                }
                () = drain_deadline => {
                    tracing::warn!(node = %self.node, "leaving with unfinished leases");
                    return Ok(End::Left);
                }
            }
        }
    }
}

/// The most consecutive heartbeats that reports replace. Heartbeats also say how busy the machine is.
const REPLACED_MAX: u32 = 2;

/// Reports are signs of life, too, and replace heartbeats: in a large fleet heartbeats would be half
/// of the coordinator's work.
#[derive(Debug, Default)]
struct SignsOfLife {
    /// Whether there was a report since the last time that a heartbeat was due.
    has_reported: bool,
    /// Heartbeats that were replaced since the last one.
    replaced: u32,
}

impl SignsOfLife {
    fn report(&mut self) {
        self.has_reported = true;
    }

    /// Whether a heartbeat that is due must be sent.
    fn need_heartbeat(&mut self) -> bool {
        let is_replaced = std::mem::take(&mut self.has_reported) && self.replaced < REPLACED_MAX;
        self.replaced = if is_replaced { self.replaced + 1 } else { 0 };
        !is_replaced
    }
}

/// Converts the status that ended a stream. The transport's details go to the log.
fn ended(status: &tonic::Status) -> Fault {
    tracing::debug!(%status, "the stream to the coordinator ended");
    status::to_fault(status)
}

fn receive(engine: &mut Engine, message: FromCoordinator) -> Result<(), Fault> {
    match message {
        FromCoordinator::Welcome(_) => return Err(broken("the coordinator sent a second welcome")),
        FromCoordinator::Grant(grant) => {
            let lease = convert::lease(grant.lease.as_ref())?;
            let trace = grant.traceparent.parse().ok();
            if let Some(specification) = grant.specification {
                let origin = Origin { request_id: grant.request_id, trace };
                engine.learn(lease.job, specification_of(specification)?, origin);
            }
            if !engine.start(lease, trace) {
                return Err(broken(format!(
                    "lease {} has a job or blocks that this worker doesn't know",
                    lease.id
                )));
            }
        }
        FromCoordinator::Revoke(lease) => engine.revoke((Epoch(lease.epoch), LeaseId(lease.lease_id))),
        FromCoordinator::Acknowledge(lease) => {
            engine.acknowledge((Epoch(lease.epoch), LeaseId(lease.lease_id)));
        }
        FromCoordinator::Forget(forget) => engine.forget(convert::id("forget.job_id", &forget.job_id)?),
    }
    Ok(())
}

fn specification_of(message: v1::SimulationRequest) -> Result<JobSpec, Fault> {
    Draft::from(message).check(0).map_err(|fault| Fault {
        message: "the coordinator sent a specification that breaks the rules".to_owned(),
        ..fault
    })
}

/// Logs a finished lease with the request that its job came from.
fn log(origin: Option<&Origin>, finished: &Finished) {
    let Finished { lease, outcome, computed_in, .. } = finished;
    let request_id = origin.map(|origin| &*origin.request_id).filter(|id| !id.is_empty());
    let trace_id = origin.and_then(|origin| origin.trace.as_ref()).map(TraceContext::trace_id);
    let ms = computed_in.as_secs_f64() * 1e3;
    match outcome {
        Ok(_) => tracing::debug!(job = %lease.job, lease = %lease.id, ms, request_id, trace_id, "finished"),
        Err(error) => {
            tracing::warn!(job = %lease.job, lease = %lease.id, error, request_id, trace_id, "failed to compute");
        }
    }
}

fn report(finished: &Finished) -> FromWorker {
    let lease = Some(v1::Lease::from(&finished.lease));
    let encoded = finished.outcome.as_ref().map_err(Clone::clone).and_then(|partial| {
        let bytes = partial.encode();
        let length = bytes.len();
        (length <= PARTIAL_BYTES_MAX).then_some(bytes).ok_or_else(|| {
            format!("the partial result has {length} bytes, above the limit of {PARTIAL_BYTES_MAX}")
        })
    });
    match encoded {
        Ok(partial) => FromWorker::Report(v1::Report {
            lease,
            partial,
            computed_in_us: u64::try_from(finished.computed_in.as_micros()).unwrap_or(u64::MAX),
            traceparent: finished.trace.as_ref().map(ToString::to_string).unwrap_or_default(),
        }),
        Err(message) => FromWorker::Fault(v1::LeaseFault { lease, message }),
    }
}

/// Where messages to the coordinator go.
struct Outbox(mpsc::Sender<v1::WorkerMessage>);

impl Outbox {
    async fn send(&self, message: FromWorker) -> Result<(), Fault> {
        // The coordinator has given up the node if the stream accepts nothing for this long.
        self.0.send_timeout(v1::WorkerMessage { message: Some(message) }, HEARTBEAT_TIMEOUT).await.map_err(
            |_| Fault::new(FaultCode::Unavailable, "the stream to the coordinator accepts no more messages"),
        )
    }
}

fn heartbeat(engine: &mut Engine, epoch: Epoch) -> v1::Heartbeat {
    let Load { cpu, memory } = engine.load();
    let leases = engine
        .progress(epoch)
        .map(|(lease, blocks_done)| v1::LeaseProgress { lease_id: lease.0, blocks_done })
        .collect();
    v1::Heartbeat { cpu_utilization: cpu, memory_utilization: memory, leases, wall_ms: engine.wall_ms() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_replace_heartbeats_but_not_every_one() {
        let mut signs = SignsOfLife::default();
        assert!(signs.need_heartbeat(), "nothing was reported");
        let sent: Vec<bool> = (0..7)
            .map(|_| {
                signs.report();
                signs.report();
                signs.need_heartbeat()
            })
            .collect();
        assert_eq!(sent, [false, false, true, false, false, true, false]);
        assert!(signs.need_heartbeat(), "nothing was reported since");
    }
}
