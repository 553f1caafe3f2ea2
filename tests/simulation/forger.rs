//! A proxy between workers and coordinator. It forges stale reports so that one check of the
//! coordinator can't tell them from current ones, as if that check were missing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use carlo_types::limits::MESSAGE_BYTES_MAX;
use carlo_wire::v1::coordinator_message::Message as FromCoordinator;
use carlo_wire::v1::worker_message::Message as FromWorker;
use carlo_wire::v1::workers_client::WorkersClient;
use carlo_wire::v1::workers_server::{Workers, WorkersServer};
use carlo_wire::{Coordinators, v1};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::net;
use crate::trace::Trace;
use crate::world::{Sabotage, World};

/// The name of its host.
pub(crate) const HOST: &str = "forger";
/// Messages that wait in each direction.
const QUEUE: usize = 1_024;

/// The forger's main task.
pub(crate) async fn run(world: Arc<World>, sabotage: Sabotage) -> turmoil::Result {
    let coordinators = Coordinators::connecting(&world.coordinators(), net::connect)?;
    let forger = Forger { coordinators, sabotage, trace: world.trace.clone() };
    tonic::transport::Server::builder()
        .add_service(WorkersServer::new(forger).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .serve_with_incoming(net::listen().await?)
        .await?;
    Ok(())
}

struct Forger {
    coordinators: Coordinators,
    sabotage: Sabotage,
    trace: Trace,
}

/// What was sent on one stream.
struct Session {
    sabotage: Sabotage,
    trace: Trace,
    epoch: u64,
    /// The leases granted in this session, by id.
    granted: BTreeMap<u64, v1::Lease>,
    /// Reports for leases that were not granted in this session.
    stale: Vec<v1::Report>,
}

impl Session {
    /// Handles a worker's message. Returns the messages to forward to the coordinator instead.
    fn worker_says(&mut self, message: FromWorker) -> Vec<FromWorker> {
        match message {
            FromWorker::Report(report) if self.is_stale(&report) => {
                self.stale.push(report);
                self.forge()
            }
            other => vec![other],
        }
    }

    /// Records the coordinator's message. Returns messages for the coordinator.
    fn coordinator_says(&mut self, message: &FromCoordinator) -> Vec<FromWorker> {
        match message {
            FromCoordinator::Welcome(welcome) => self.epoch = welcome.epoch,
            FromCoordinator::Grant(grant) => {
                if let Some(lease) = &grant.lease {
                    self.granted.insert(lease.id, lease.clone());
                }
            }
            _ => {}
        }
        self.forge()
    }

    fn is_stale(&self, report: &v1::Report) -> bool {
        let Some(lease) = &report.lease else { return false };
        match self.sabotage {
            Sabotage::NoEpochCheck => lease.epoch < self.epoch,
            _ => lease.epoch == self.epoch && !self.granted.contains_key(&lease.id),
        }
    }

    /// The stale reports that can now pass for current ones.
    fn forge(&mut self) -> Vec<FromWorker> {
        let mut forged = Vec::new();
        for mut report in std::mem::take(&mut self.stale) {
            let Some(lease) = &report.lease else { continue };
            let current = match self.sabotage {
                // Found by its number, which is unique only within an epoch.
                Sabotage::NoEpochCheck => self.granted.get(&lease.id),
                // Found by its node and its job.
                _ => self.granted.values().rev().find(|granted| granted.job_id == lease.job_id),
            };
            match current {
                Some(current) => {
                    self.trace.note(format_args!(
                        "forger: {}/{} of blocks {}..{} passes for {}/{} of {}..{}",
                        lease.epoch,
                        lease.id,
                        lease.start_block,
                        lease.end_block,
                        current.epoch,
                        current.id,
                        current.start_block,
                        current.end_block
                    ));
                    report.lease = Some(current.clone());
                    forged.push(FromWorker::Report(report));
                }
                None => self.stale.push(report),
            }
        }
        forged
    }
}

#[tonic::async_trait]
impl Workers for Forger {
    type WorkStream = ReceiverStream<Result<v1::CoordinatorMessage, Status>>;

    async fn work(
        &self,
        request: Request<Streaming<v1::WorkerMessage>>,
    ) -> Result<Response<Self::WorkStream>, Status> {
        let session = Arc::new(Mutex::new(Session {
            sabotage: self.sabotage,
            trace: self.trace.clone(),
            epoch: 0,
            granted: BTreeMap::new(),
            stale: Vec::new(),
        }));
        let mut inbox = request.into_inner();
        let (upwards, up) = mpsc::channel(QUEUE);
        let (downwards, down) = mpsc::channel(QUEUE);
        let (said, back) = (Arc::clone(&session), upwards.clone());
        let listening = tokio::spawn(async move {
            while let Some(Ok(message)) = inbox.next().await {
                let Some(message) = message.message else { continue };
                let messages = said.lock().unwrap_or_else(PoisonError::into_inner).worker_says(message);
                send(&upwards, messages).await;
            }
        });
        let coordinator = self.coordinators.current();
        let client = WorkersClient::new(coordinator.channel.clone());
        let mut client = client.max_decoding_message_size(MESSAGE_BYTES_MAX);
        let joined = client.work(ReceiverStream::new(up)).await.map_err(|refusal| {
            // The worker must not follow the leader past the forger.
            self.coordinators.give_up(&coordinator, Some(&refusal));
            Status::unavailable(refusal.message())
        });
        let mut outbox = joined?.into_inner();
        tokio::spawn(async move {
            loop {
                // The end of one side's session ends the other side's.
                let message = match outbox.message().await {
                    _ if listening.is_finished() => return,
                    Ok(Some(message)) => message,
                    Ok(None) => return,
                    Err(status) => return drop(downwards.send(Err(status)).await),
                };
                if let Some(message) = &message.message {
                    let messages =
                        session.lock().unwrap_or_else(PoisonError::into_inner).coordinator_says(message);
                    send(&back, messages).await;
                }
                if downwards.send(Ok(message)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(down)))
    }
}

async fn send(upwards: &mpsc::Sender<v1::WorkerMessage>, messages: Vec<FromWorker>) {
    for message in messages {
        // If the coordinator is gone, the session ends by itself.
        let _ = upwards.send(v1::WorkerMessage { message: Some(message) }).await;
    }
}
