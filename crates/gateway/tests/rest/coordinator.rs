//! A coordinator that keeps jobs in a map, remembers what it was asked, and fails when it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use carlo_service::CancellationToken;
use carlo_types::results::SCENARIOS;
use carlo_types::{Fault, FaultCode, JobId, NodeId};
use carlo_wire::v1::cluster_server::{Cluster, ClusterServer};
use carlo_wire::v1::jobs_server::{Jobs, JobsServer};
use carlo_wire::{status, v1};
use tokio::net::TcpListener;
use tokio::sync::Notify;
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
        notable: None,
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

impl State {
    async fn answer<T>(&self, answer: impl FnOnce() -> Result<T, Status>) -> Result<Response<T>, Status> {
        self.asked.notify_one();
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        if let Some((code, message)) = &*self.refusal.lock().unwrap() {
            return Err(Status::new(*code, message));
        }
        if let Some(fault) = &*self.faulted.lock().unwrap() {
            return Err(status::from_fault(fault));
        }
        answer().map(Response::new)
    }

    fn job(&self, id: &str) -> Result<v1::Job, Status> {
        let none = || status::from_fault(&Fault::new(FaultCode::NotFound, format!("there is no job {id}")));
        self.jobs.lock().unwrap().get(id).cloned().ok_or_else(none)
    }
}

#[tonic::async_trait]
impl Jobs for State {
    type WatchStream = tokio_stream::Empty<Result<v1::JobEvent, Status>>;

    async fn simulate(&self, _: Request<v1::SimulateRequest>) -> Result<Response<v1::Job>, Status> {
        Err(Status::unimplemented("no test asks for it"))
    }

    async fn watch(&self, _: Request<v1::WatchJobRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("no test asks for it"))
    }

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Result<Response<v1::Job>, Status> {
        self.submitted.lock().unwrap().push(request.into_inner());
        self.answer(|| Ok(queued())).await
    }

    async fn get(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::Job>, Status> {
        self.answer(|| self.job(&request.into_inner().id)).await
    }

    async fn list(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        self.listed.lock().unwrap().push(request.into_inner());
        self.answer(|| {
            let jobs: Vec<_> = self.jobs.lock().unwrap().values().cloned().collect();
            Ok(v1::ListJobsResponse { total: jobs.len() as u64, jobs })
        })
        .await
    }

    async fn cancel(&self, request: Request<v1::CancelJobRequest>) -> Result<Response<v1::Job>, Status> {
        self.answer(|| {
            let job = self.job(&request.into_inner().id)?;
            if job.completed_at_ms.is_some() {
                return Err(status::from_fault(&Fault::new(FaultCode::Conflict, "the job has ended")));
            }
            Ok(v1::Job { status: v1::JobStatus::Cancelled.into(), ..job })
        })
        .await
    }
}

#[tonic::async_trait]
impl Cluster for State {
    async fn status(
        &self,
        _: Request<v1::ClusterStatusRequest>,
    ) -> Result<Response<v1::ClusterStatus>, Status> {
        let statuses = [v1::NodeStatus::Busy, v1::NodeStatus::Available, v1::NodeStatus::Busy];
        self.answer(|| {
            Ok(v1::ClusterStatus {
                nodes: statuses.map(node).to_vec(),
                queued_jobs: 4,
                running_jobs: 5,
                average_queue_seconds: 1.5,
                simulations_per_second: 1e7,
                leader: "127.0.0.1:7070".to_owned(),
                model_version: 1,
            })
        })
        .await
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::Node>, Status> {
        self.answer(|| told(&request.into_inner(), v1::NodeStatus::Draining)).await
    }

    async fn undrain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::Node>, Status> {
        self.answer(|| told(&request.into_inner(), v1::NodeStatus::Available)).await
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
