//! A proxy between workers and coordinators that changes messages on the way.

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
use crate::world::World;

/// Messages that wait in each direction.
const QUEUE: usize = 1_024;

/// What the proxy does to the messages of one stream.
pub(crate) trait Meddler: Send + 'static {
    /// Handles a worker's message. Returns the messages to forward to the coordinator instead.
    fn worker_says(&mut self, message: FromWorker) -> Vec<FromWorker>;

    /// Sees the coordinator's message. Returns messages for the coordinator.
    fn coordinator_says(&mut self, _message: &FromCoordinator) -> Vec<FromWorker> {
        Vec::new()
    }
}

/// The main task of a proxy's host. Each stream gets a meddler of its own.
pub(crate) async fn run<M: Meddler>(
    world: Arc<World>,
    meddler: impl Fn() -> M + Send + Sync + 'static,
) -> turmoil::Result {
    let coordinators = Coordinators::connecting(&world.coordinators(), net::connect)?;
    let proxy = Proxy { coordinators, meddler: Box::new(meddler) };
    tonic::transport::Server::builder()
        .add_service(WorkersServer::new(proxy).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .serve_with_incoming(net::listen().await?)
        .await?;
    Ok(())
}

struct Proxy<M> {
    coordinators: Coordinators,
    meddler: Box<dyn Fn() -> M + Send + Sync>,
}

#[tonic::async_trait]
impl<M: Meddler> Workers for Proxy<M> {
    type WorkStream = ReceiverStream<Result<v1::CoordinatorMessage, Status>>;

    async fn work(
        &self,
        request: Request<Streaming<v1::WorkerMessage>>,
    ) -> Result<Response<Self::WorkStream>, Status> {
        let meddler = Arc::new(Mutex::new((self.meddler)()));
        let mut inbox = request.into_inner();
        let (upwards, up) = mpsc::channel(QUEUE);
        let (downwards, down) = mpsc::channel(QUEUE);
        let (said, back) = (Arc::clone(&meddler), upwards.clone());
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
            // The worker must not follow the leader past the proxy.
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
                        meddler.lock().unwrap_or_else(PoisonError::into_inner).coordinator_says(message);
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
