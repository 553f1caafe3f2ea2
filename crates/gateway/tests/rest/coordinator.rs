//! A fake coordinator that keeps jobs in a map, records calls, and fails on demand.

mod messages;
mod services;
pub(crate) mod webhooks;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use carlo_service::CancellationToken;
use carlo_types::{Fault, FaultCode};
use carlo_wire::v1::accounts_server::AccountsServer;
use carlo_wire::v1::batches_server::BatchesServer;
use carlo_wire::v1::cluster_server::ClusterServer;
use carlo_wire::v1::jobs_server::JobsServer;
use carlo_wire::v1::webhooks_server::WebhooksServer;
use carlo_wire::{status, v1};
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast};
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};

pub(crate) use messages::*;

/// A running coordinator, which ends when this is dropped.
pub(crate) struct Coordinator {
    pub(crate) url: String,
    pub(crate) state: Arc<State>,
    shutdown: CancellationToken,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) jobs: Mutex<BTreeMap<String, v1::Job>>,
    pub(crate) submitted: Mutex<Vec<v1::SubmitRequest>>,
    pub(crate) listed: Mutex<Vec<v1::ListJobsRequest>>,
    /// The names of all calls with a valid key.
    pub(crate) calls: Mutex<Vec<&'static str>>,
    /// The key that every call must have.
    pub(crate) key: Mutex<Option<String>>,
    /// The metadata about the caller's limits in all responses.
    pub(crate) limits: Mutex<Vec<(&'static str, &'static str)>>,
    pub(crate) got: Mutex<Vec<v1::GetJobRequest>>,
    /// Whether long polls last as long as they may.
    pub(crate) holds_long_polls: AtomicBool,
    /// Whether `Ready` says that authentication is off.
    pub(crate) authentication_is_off: AtomicBool,
    /// The response to each revalidation.
    pub(crate) revalidated: Mutex<Vec<bool>>,
    pub(crate) simulated: Mutex<Vec<v1::SimulateRequest>>,
    pub(crate) created: Mutex<Vec<v1::CreateBatchRequest>>,
    pub(crate) cancelled: Mutex<Vec<v1::CancelBatchRequest>>,
    pub(crate) reasons: Mutex<Vec<String>>,
    pub(crate) keys_made: Mutex<Vec<v1::CreateKeyRequest>>,
    pub(crate) deliveries_listed: Mutex<Vec<v1::ListDeliveriesRequest>>,
    pub(crate) watched: Mutex<Vec<v1::WatchJobRequest>>,
    /// The first events of every stream.
    pub(crate) events: Mutex<Vec<v1::JobEvent>>,
    /// The events of every stream of a batch.
    pub(crate) batch_events: Mutex<Vec<v1::BatchEvent>>,
    /// Sends further events to every open stream.
    pub(crate) news: Mutex<Option<broadcast::Sender<v1::JobEvent>>>,
    /// Notified when a call of `Simulate` is dropped before its response.
    pub(crate) left: Notify,
    /// The error of every call.
    pub(crate) refusal: Mutex<Option<(Code, String)>>,
    /// Like `refusal`, with fields.
    pub(crate) faulted: Mutex<Option<Fault>>,
    /// Notified when a call arrives.
    pub(crate) asked: Notify,
    /// The duration of every call.
    pub(crate) delay: Mutex<Duration>,
}

impl Coordinator {
    pub(crate) async fn start() -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn serve(listener: TcpListener) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (state, shutdown) = (Arc::new(State::default()), CancellationToken::new());
        let server = tonic::transport::Server::builder()
            .add_service(JobsServer::from_arc(Arc::clone(&state)))
            .add_service(BatchesServer::from_arc(Arc::clone(&state)))
            .add_service(AccountsServer::from_arc(Arc::clone(&state)))
            .add_service(WebhooksServer::from_arc(Arc::clone(&state)))
            .add_service(ClusterServer::from_arc(Arc::clone(&state)));
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let ended = shutdown.clone().cancelled_owned();
        tokio::spawn(server.serve_with_incoming_shutdown(incoming, ended));
        Self { url, state, shutdown }
    }

    /// Adds a job and returns its id.
    pub(crate) fn keep(&self, job: v1::Job) -> String {
        let id = job.id.clone();
        self.state.jobs.lock().unwrap().insert(id.clone(), job);
        id
    }

    pub(crate) fn refuse(&self, code: Code, message: &str) {
        *self.state.refusal.lock().unwrap() = Some((code, message.to_owned()));
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A URL at which nothing listens.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:1";

/// Notifies `left` when it is dropped.
struct Left<'a>(&'a State);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.left.notify_one();
    }
}

impl State {
    async fn answer<M, T>(
        &self,
        name: &'static str,
        request: Request<M>,
        answer: impl FnOnce(M) -> Result<T, Status>,
    ) -> Result<Response<T>, Status> {
        let key = request.metadata().get("x-api-key").map(|key| key.to_str().unwrap().to_owned());
        let mut answer =
            self.check(name, key).await.and_then(|()| answer(request.into_inner())).map(Response::new);
        for (name, value) in &*self.limits.lock().unwrap() {
            let metadata = match &mut answer {
                Ok(answer) => answer.metadata_mut(),
                Err(status) => status.metadata_mut(),
            };
            metadata.insert(*name, value.parse().unwrap());
        }
        answer
    }

    async fn check(&self, name: &'static str, key: Option<String>) -> Result<(), Status> {
        self.asked.notify_one();
        if name != "ready" {
            self.authenticate(key.as_deref())?;
        }
        self.calls.lock().unwrap().push(name);
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        if let Some((code, message)) = &*self.refusal.lock().unwrap() {
            return Err(Status::new(*code, message));
        }
        if let Some(fault) = &*self.faulted.lock().unwrap() {
            return Err(status::from_fault(fault));
        }
        Ok(())
    }

    fn authenticate(&self, key: Option<&str>) -> Result<(), Status> {
        let expected = self.key.lock().unwrap().clone();
        if expected.is_some_and(|expected| key != Some(&*expected)) {
            let fault = Fault::new(FaultCode::Unauthenticated, "the key is not one of ours");
            return Err(status::from_fault(&fault));
        }
        Ok(())
    }

    /// Waits like a long poll of this number of milliseconds.
    async fn hold(&self, milliseconds: u32) {
        if milliseconds > 0 && self.holds_long_polls.load(Ordering::Relaxed) {
            self.asked.notify_one();
            tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
        }
    }

    fn job(&self, id: &str) -> Result<v1::Job, Status> {
        let none = || status::from_fault(&Fault::new(FaultCode::NotFound, format!("there is no job {id}")));
        self.jobs.lock().unwrap().get(id).cloned().ok_or_else(none)
    }
}
