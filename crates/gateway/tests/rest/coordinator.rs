//! A coordinator that keeps jobs in a map, remembers what it was asked, and fails when it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use carlo_service::CancellationToken;
use carlo_types::results::SCENARIOS;
use carlo_types::{Fault, FaultCode, JobId, NodeId};
use carlo_wire::v1::accounts_server::{Accounts, AccountsServer};
use carlo_wire::v1::batches_server::{Batches, BatchesServer};
use carlo_wire::v1::cluster_server::{Cluster, ClusterServer};
use carlo_wire::v1::jobs_server::{Jobs, JobsServer};
use carlo_wire::{status, v1};
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};

/// It ends when it is dropped.
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
    /// Names of all calls that had a good key.
    pub(crate) calls: Mutex<Vec<&'static str>>,
    /// The key that every call must have.
    pub(crate) key: Mutex<Option<String>>,
    /// What is said of the caller's limits, by answers and refusals.
    pub(crate) limits: Mutex<Vec<(&'static str, &'static str)>>,
    pub(crate) got: Mutex<Vec<v1::GetJobRequest>>,
    /// What was said of each answer that a gateway keeps.
    pub(crate) confirmed: Mutex<Vec<bool>>,
    pub(crate) simulated: Mutex<Vec<v1::SimulateRequest>>,
    pub(crate) created: Mutex<Vec<v1::CreateBatchRequest>>,
    pub(crate) cancelled: Mutex<Vec<v1::CancelBatchRequest>>,
    pub(crate) reasons: Mutex<Vec<String>>,
    pub(crate) keys_made: Mutex<Vec<v1::CreateKeyRequest>>,
    pub(crate) watched: Mutex<Vec<v1::WatchJobRequest>>,
    /// What every stream of events begins with.
    pub(crate) events: Mutex<Vec<v1::JobEvent>>,
    /// What every open stream of events gets.
    pub(crate) news: Mutex<Option<broadcast::Sender<v1::JobEvent>>>,
    /// Calls of `Simulate` that were dropped before they were answered.
    pub(crate) left: Notify,
    /// Every call fails so.
    pub(crate) refusal: Mutex<Option<(Code, String)>>,
    /// As `refusal`, with fields.
    pub(crate) faulted: Mutex<Option<Fault>>,
    /// Told of every call as it arrives.
    pub(crate) asked: Notify,
    /// Every call takes so long.
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
            .add_service(ClusterServer::from_arc(Arc::clone(&state)));
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let ended = shutdown.clone().cancelled_owned();
        tokio::spawn(server.serve_with_incoming_shutdown(incoming, ended));
        Self { url, state, shutdown }
    }

    /// Keeps this job, and gives its id.
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

/// The URL of a coordinator that isn't there.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:1";

/// The third of five queued jobs of a million simulations.
pub(crate) fn queued() -> v1::Job {
    v1::Job {
        id: JobId::from_random(7).to_string(),
        owner: "local".to_owned(),
        status: v1::JobStatus::Queued.into(),
        priority: 50,
        seed: u64::MAX,
        created_at_ms: 1_700_000_000_123,
        simulations_total: 1_000_000,
        queue_position: Some(3),
        waiting_for: Some("two jobs are ahead of it".to_owned()),
        estimated_seconds_remaining: Some(185.0),
        ..Default::default()
    }
}

pub(crate) fn running() -> v1::Job {
    let node =
        v1::NodeProgress { simulations: 250_000, simulations_per_second: 5e6, state: "working".to_owned() };
    v1::Job {
        status: v1::JobStatus::Running.into(),
        queue_position: None,
        waiting_for: None,
        started_at_ms: Some(1_700_000_001_000),
        simulations_complete: 333_000,
        progress_percent: 33.3,
        allocated_nodes: 1,
        node_progress: BTreeMap::from([(node_id(), node)]),
        partial_results: Some(v1::PartialResults {
            success_probability: 0.5,
            confidence_interval_95: Some(v1::Interval { low: 0.25, high: 0.75 }),
            median: 12.5,
            simulations: 333_000,
        }),
        ..queued()
    }
}

/// It stopped early.
pub(crate) fn complete() -> v1::Job {
    let goal = v1::Goal { target_amount: Some(70_000.0), ..Default::default() };
    let params = v1::SimulationParams { seed: Some(u64::MAX), ..Default::default() };
    let results = v1::Results {
        success_probability: 0.75,
        standard_error: 0.001,
        confidence_interval_95: Some(v1::Interval { low: 0.7, high: 0.8 }),
        percentiles: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        percentile_intervals_95: (1..=7)
            .map(|i| v1::Interval { low: f64::from(i) - 0.5, high: f64::from(i) + 0.5 })
            .collect(),
        mean: 4.0,
        std: 2.0,
        worst_case: -3.0,
        best_case: 9.0,
        simulations_run: 65_536,
        histogram: Some(v1::Histogram { edges: vec![-3.0, 9.0], counts: vec![65_536] }),
        model_version: 1,
        digest: vec![0xab; 32],
        trajectory: vec![v1::FanPoint { month: 36, percentiles: vec![1.0, 2.0, 3.0, 4.0, 5.0] }],
        sensitivity: Some(v1::Sensitivity {
            simulations: 65_536,
            base_probability: 0.5,
            scenarios: SCENARIOS
                .map(|name| v1::Scenario {
                    name: name.to_owned(),
                    new_probability: 0.25,
                    delta: -0.25,
                    standard_error: 0.125,
                })
                .to_vec(),
        }),
        ..Default::default()
    };
    v1::Job {
        status: v1::JobStatus::Complete.into(),
        simulations_complete: 65_536,
        completed_at_ms: Some(1_700_000_002_000),
        estimated_seconds_remaining: None,
        partial_results: None,
        results: Some(v1::CompletedResults {
            results: Some(results),
            assumptions: Some(v1::SimulationRequest {
                goal: Some(goal),
                simulation_params: Some(params),
                ..Default::default()
            }),
            stopped_early: true,
            workers_used: 2,
            recommendations: vec!["Earn more.".to_owned()],
        }),
        ..running()
    }
}

pub(crate) fn node_id() -> String {
    NodeId::from_random(9).to_string()
}

/// Tells of it when it is dropped.
struct Left<'a>(&'a State);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.left.notify_one();
    }
}

/// A batch of which one job is done.
pub(crate) fn batch() -> v1::Batch {
    v1::Batch {
        id: "batch_7".to_owned(),
        owner: "ann".to_owned(),
        status: v1::BatchStatus::Running.into(),
        priority: 50,
        parallel_jobs: 3,
        created_at_ms: 1_700_000_000_123,
        started_at_ms: Some(1_700_000_001_000),
        total_jobs: 2,
        running_jobs: 1,
        completed_jobs: 1,
        progress_percent: 62.5,
        estimated_cost_nanodollars: 200_000,
        actual_cost_nanodollars: 100_000,
        budget_cap_nanodollars: Some(500_000_000),
        budget_remaining_nanodollars: Some(499_800_000),
        tokens_used: 1,
        job_ids: vec![JobId::from_random(7).to_string(), JobId::from_random(8).to_string()],
        metadata_json: r#"{"plan":"house"}"#.to_owned(),
        ..Default::default()
    }
}

fn key() -> v1::Key {
    v1::Key {
        id: "key_1".to_owned(),
        user: "ann".to_owned(),
        tier: "pro".to_owned(),
        role: v1::Role::User.into(),
        created_at_ms: 1_700_000_000_123,
        revoked_at_ms: None,
    }
}

fn usage() -> v1::Usage {
    v1::Usage {
        user: "ann".to_owned(),
        tier: "free".to_owned(),
        period: "2026-11".to_owned(),
        days_remaining: 9,
        used: Some(v1::Counters {
            calls: 7,
            jobs: 2,
            tokens: 3,
            cost_nanodollars: 300_000,
            ..Default::default()
        }),
        calls_limit: Some(1_000),
        jobs_limit: None,
        cost_limit_nanodollars: Some(1_000_000_000),
        batch_size_max: 5,
        exceeded: None,
        held_nanodollars: 200_000,
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
        if self.key.lock().unwrap().as_ref().is_some_and(|expected| key.as_ref() != Some(expected)) {
            return Err(status::from_fault(&Fault::new(
                FaultCode::Unauthenticated,
                "the key is not one of ours",
            )));
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

    fn job(&self, id: &str) -> Result<v1::Job, Status> {
        let none = || status::from_fault(&Fault::new(FaultCode::NotFound, format!("there is no job {id}")));
        self.jobs.lock().unwrap().get(id).cloned().ok_or_else(none)
    }
}

type Streamed<T> = std::pin::Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Jobs for State {
    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Result<Response<v1::Job>, Status> {
        let submit = |message| {
            self.submitted.lock().unwrap().push(message);
            Ok(queued())
        };
        self.answer("submit", request, submit).await
    }

    async fn simulate(&self, request: Request<v1::SimulateRequest>) -> Result<Response<v1::Job>, Status> {
        let left = Left(self);
        let simulate = |message| {
            self.simulated.lock().unwrap().push(message);
            let kept = self.jobs.lock().unwrap().values().next().cloned();
            Ok(kept.unwrap_or_else(complete))
        };
        let answer = self.answer("simulate", request, simulate).await;
        std::mem::forget(left);
        answer
    }

    async fn replay(&self, request: Request<v1::ReplayRequest>) -> Result<Response<v1::Replay>, Status> {
        let replay = |message: v1::ReplayRequest| {
            self.job(&message.id)?;
            Ok(v1::Replay { index: message.index, final_balance: 5.0, ..Default::default() })
        };
        self.answer("replay", request, replay).await
    }

    async fn get(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::Job>, Status> {
        let get = |message: v1::GetJobRequest| {
            let job = self.job(&message.id);
            self.got.lock().unwrap().push(message);
            job
        };
        self.answer("get", request, get).await
    }

    async fn confirm(
        &self,
        request: Request<v1::ConfirmRequest>,
    ) -> Result<Response<v1::ConfirmResponse>, Status> {
        self.asked.notify_one();
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        let mut confirmations = Vec::new();
        for kept in request.into_inner().jobs {
            let key = self.key.lock().unwrap().clone();
            let ended = self.job(&kept.id).ok().and_then(|job| job.completed_at_ms);
            let is_refused = self.refusal.lock().unwrap().is_some();
            let is_confirmed = key.is_none_or(|key| key == kept.key) && !is_refused;
            let mut confirmation = v1::Confirmation {
                is_confirmed: is_confirmed && ended == Some(kept.completed_at_ms),
                ..Default::default()
            };
            for (name, value) in self.limits.lock().unwrap().iter().filter(|_| is_confirmed) {
                match *name {
                    "ratelimit" => (*value).clone_into(&mut confirmation.ratelimit),
                    "ratelimit-policy" => (*value).clone_into(&mut confirmation.ratelimit_policy),
                    _ => {}
                }
            }
            self.calls.lock().unwrap().push("confirm");
            self.confirmed.lock().unwrap().push(confirmation.is_confirmed);
            confirmations.push(confirmation);
        }
        Ok(Response::new(v1::ConfirmResponse { confirmations }))
    }

    type WatchStream = Streamed<v1::JobEvent>;

    async fn watch(
        &self,
        request: Request<v1::WatchJobRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let watch = |message| {
            self.watched.lock().unwrap().push(message);
            let first = self.events.lock().unwrap().clone();
            let first = tokio_stream::iter(first.into_iter().map(Ok));
            let stream: Self::WatchStream = match &*self.news.lock().unwrap() {
                Some(news) => {
                    let news = BroadcastStream::new(news.subscribe()).filter_map(Result::ok).map(Ok);
                    Box::pin(first.chain(news))
                }
                None => Box::pin(first),
            };
            Ok(stream)
        };
        self.answer("watch", request, watch).await
    }

    async fn list(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        let list = |message| {
            self.listed.lock().unwrap().push(message);
            let jobs: Vec<_> = self.jobs.lock().unwrap().values().cloned().collect();
            Ok(v1::ListJobsResponse { total: jobs.len() as u64, jobs })
        };
        self.answer("list", request, list).await
    }

    async fn cancel(&self, request: Request<v1::CancelJobRequest>) -> Result<Response<v1::Job>, Status> {
        let cancel = |message: v1::CancelJobRequest| {
            let job = self.job(&message.id)?;
            self.reasons.lock().unwrap().push(message.reason);
            if job.completed_at_ms.is_some() {
                return Err(status::from_fault(&Fault::new(FaultCode::Conflict, "the job has ended")));
            }
            Ok(v1::Job { status: v1::JobStatus::Cancelled.into(), ..job })
        };
        self.answer("cancel", request, cancel).await
    }
}

#[tonic::async_trait]
impl Batches for State {
    async fn create(&self, request: Request<v1::CreateBatchRequest>) -> Result<Response<v1::Batch>, Status> {
        let create = |message| {
            self.created.lock().unwrap().push(message);
            Ok(batch())
        };
        self.answer("create", request, create).await
    }

    async fn get(&self, request: Request<v1::GetBatchRequest>) -> Result<Response<v1::Batch>, Status> {
        self.answer("batch", request, |message| known(&message.id)).await
    }

    async fn list(
        &self,
        request: Request<v1::ListBatchesRequest>,
    ) -> Result<Response<v1::ListBatchesResponse>, Status> {
        let list = |message: v1::ListBatchesRequest| {
            let batches = if message.page == 1 { vec![batch()] } else { vec![] };
            Ok(v1::ListBatchesResponse { batches, total: 1 })
        };
        self.answer("batches", request, list).await
    }

    async fn jobs(&self, request: Request<v1::GetBatchRequest>) -> Result<Response<v1::BatchJobs>, Status> {
        let jobs = |message: v1::GetBatchRequest| {
            let jobs = self.jobs.lock().unwrap().values().cloned().collect();
            Ok(v1::BatchJobs { batch: Some(known(&message.id)?), jobs })
        };
        self.answer("jobs", request, jobs).await
    }

    type ResultsStream = Streamed<v1::Job>;

    async fn results(
        &self,
        request: Request<v1::GetBatchRequest>,
    ) -> Result<Response<Self::ResultsStream>, Status> {
        let results = |message: v1::GetBatchRequest| {
            known(&message.id)?;
            let jobs: Vec<_> = self.jobs.lock().unwrap().values().cloned().map(Ok).collect();
            let stream: Self::ResultsStream = Box::pin(tokio_stream::iter(jobs));
            Ok(stream)
        };
        self.answer("results", request, results).await
    }

    async fn cancel(&self, request: Request<v1::CancelBatchRequest>) -> Result<Response<v1::Batch>, Status> {
        let cancel = |message: v1::CancelBatchRequest| {
            let batch = known(&message.id)?;
            self.cancelled.lock().unwrap().push(message);
            Ok(v1::Batch { status: v1::BatchStatus::Cancelled.into(), ..batch })
        };
        self.answer("cancel batch", request, cancel).await
    }

    async fn stats(
        &self,
        request: Request<v1::BatchStatsRequest>,
    ) -> Result<Response<v1::BatchStats>, Status> {
        let stats = |_| {
            Ok(v1::BatchStats {
                total_batches: 3,
                total_cost_nanodollars: 1_500_000_000,
                ..Default::default()
            })
        };
        self.answer("stats", request, stats).await
    }
}

fn known(id: &str) -> Result<v1::Batch, Status> {
    let none = || status::from_fault(&Fault::new(FaultCode::NotFound, format!("there is no batch {id}")));
    (id == batch().id).then(batch).ok_or_else(none)
}

#[tonic::async_trait]
impl Accounts for State {
    async fn create_key(
        &self,
        request: Request<v1::CreateKeyRequest>,
    ) -> Result<Response<v1::CreatedKey>, Status> {
        let create = |message| {
            self.keys_made.lock().unwrap().push(message);
            Ok(v1::CreatedKey { key: Some(key()), secret: "carlo_secret".to_owned() })
        };
        self.answer("create key", request, create).await
    }

    async fn list_keys(
        &self,
        request: Request<v1::ListKeysRequest>,
    ) -> Result<Response<v1::ListKeysResponse>, Status> {
        self.answer("keys", request, |_| Ok(v1::ListKeysResponse { keys: vec![key()] })).await
    }

    async fn revoke_key(&self, request: Request<v1::RevokeKeyRequest>) -> Result<Response<v1::Key>, Status> {
        self.answer("revoke", request, |_| Ok(v1::Key { revoked_at_ms: Some(1_700_000_002_000), ..key() }))
            .await
    }

    async fn get_usage(&self, request: Request<v1::UsageRequest>) -> Result<Response<v1::Usage>, Status> {
        self.answer("usage", request, |_| Ok(usage())).await
    }

    async fn get_usage_history(
        &self,
        request: Request<v1::UsageHistoryRequest>,
    ) -> Result<Response<v1::UsageHistory>, Status> {
        let history = |message: v1::UsageHistoryRequest| {
            let period =
                |_| v1::PeriodUsage { period: "2026-10".to_owned(), used: Some(v1::Counters::default()) };
            Ok(v1::UsageHistory {
                current: Some(usage()),
                history: (0..message.periods).map(period).collect(),
            })
        };
        self.answer("history", request, history).await
    }

    async fn count_call(
        &self,
        request: Request<v1::CountCallRequest>,
    ) -> Result<Response<v1::CountCallResponse>, Status> {
        self.answer("count", request, |_| Ok(v1::CountCallResponse {})).await
    }
}

#[tonic::async_trait]
impl Cluster for State {
    async fn status(
        &self,
        request: Request<v1::ClusterStatusRequest>,
    ) -> Result<Response<v1::ClusterStatus>, Status> {
        let statuses = [v1::NodeStatus::Busy, v1::NodeStatus::Available, v1::NodeStatus::Busy];
        let cluster = |_| {
            Ok(v1::ClusterStatus {
                nodes: statuses.map(node).to_vec(),
                queued_jobs: 4,
                running_jobs: 5,
                average_queue_seconds: 1.5,
                simulations_per_second: 1e7,
                leader: "127.0.0.1:7070".to_owned(),
                model_version: 1,
            })
        };
        self.answer("status", request, cluster).await
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::Node>, Status> {
        self.answer("drain", request, |message| told(&message, v1::NodeStatus::Draining)).await
    }

    async fn undrain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::Node>, Status> {
        self.answer("undrain", request, |message| told(&message, v1::NodeStatus::Available)).await
    }
}

fn node(status: v1::NodeStatus) -> v1::Node {
    v1::Node {
        id: node_id(),
        hostname: "host".to_owned(),
        name: "left".to_owned(),
        status: status.into(),
        threads: 8,
        instruction_set: "avx512".to_owned(),
        last_seen_ms: 1_700_000_000_123,
        cpu_utilization: 0.5,
        ..Default::default()
    }
}

/// The only node, once it was told.
fn told(request: &v1::DrainRequest, status: v1::NodeStatus) -> Result<v1::Node, Status> {
    if request.node_id != node_id() {
        return Err(status::from_fault(&Fault::new(
            FaultCode::NotFound,
            "it is not a member of the cluster",
        )));
    }
    Ok(node(status))
}
