//! A coordinator that can be killed, its calendar, and clients of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use carlo_coordinator::{Access, Credential, Environment, Settings};
use carlo_service::CancellationToken;
use carlo_store::MemoryLedger;
use carlo_tenancy::Secret;
use carlo_types::{Fault, Timestamp};
use carlo_wire::v1::accounts_client::AccountsClient;
use carlo_wire::v1::batches_client::BatchesClient;
use carlo_wire::v1::cluster_client::ClusterClient;
use carlo_wire::v1::jobs_client::JobsClient;
use carlo_wire::v1::webhooks_client::WebhooksClient;
use carlo_wire::{Coordinators, status, v1};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// The timeout of everything that should take only a moment.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// The join token.
pub(crate) const TOKEN: &str = "a-token-of-16-letters-or-more";
/// The calendar at the beginning: 2026-01-31T12:00:00Z.
const NOON: u64 = 1_769_860_800_000;

/// A calendar that the test sets, and random numbers from a counter.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    pub(crate) wall: AtomicU64,
    drawn: AtomicU64,
}

impl Environment for Calendar {
    fn wall(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::SeqCst))
    }

    fn random(&self) -> u128 {
        let number = self.drawn.fetch_add(1, Ordering::SeqCst);
        u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    fn audit(&self, scheduler: &carlo_schedule::Scheduler<carlo_kernel::Partial>) {
        scheduler.verify();
    }
}

/// A coordinator with authentication.
pub(crate) struct World {
    pub(crate) calendar: Arc<Calendar>,
    pub(crate) settings: Settings,
    pub(crate) ledger: Arc<MemoryLedger>,
    admin: String,
    task: JoinHandle<()>,
    pub(crate) url: String,
    pub(crate) channel: Channel,
}

impl Drop for World {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A coordinator with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let secret = Secret::from_random([7; 32]);
        let admin = secret.reveal();
        let mut settings = Settings { access: access(&secret, TOKEN), ..Settings::default() };
        // A worker on a busy machine must not be lost, and one fault must suffice to fail a job.
        settings.scheduler.heartbeat_timeout = Duration::from_hours(1);
        settings.scheduler.range_faults_max = 1;
        change(&mut settings);
        let calendar = Arc::new(Calendar { wall: AtomicU64::new(NOON), drawn: AtomicU64::new(0) });
        let ledger = Arc::new(MemoryLedger::new());
        let (task, url) = start(&settings, &ledger, &calendar).await;
        let channel = channel(&url, Endpoint::connect_lazy);
        Self { calendar, settings, ledger, admin, task, url, channel }
    }

    /// Kills the coordinator as kill -9 does, and starts the next one.
    pub(crate) async fn crash(&mut self) {
        self.task.abort();
        // Waits until the ledger has no writer any more.
        let _ = (&mut self.task).await;
        (self.task, self.url) = start(&self.settings, &self.ledger, &self.calendar).await;
        self.channel = channel(&self.url, Endpoint::connect_lazy);
    }

    /// The user `admin`.
    pub(crate) fn admin(&self) -> User {
        User { key: self.admin.clone(), channel: self.channel.clone() }
    }

    /// A user with a new key.
    pub(crate) async fn user(&self, user: &str, tier: &str) -> User {
        let request =
            v1::CreateKeyRequest { user: user.to_owned(), tier: tier.to_owned(), ..Default::default() };
        let created =
            self.admin().accounts(async |mut call, m| call.create_key(m).await, request).await.unwrap();
        User { key: created.secret, channel: self.channel.clone() }
    }

    /// The same user, connected to the current coordinator.
    pub(crate) fn again(&self, user: &User) -> User {
        User { key: user.key.clone(), channel: self.channel.clone() }
    }
}

/// Admits callers with this key and workers with this token.
pub(crate) fn access(admin: &Secret, token: &str) -> Access {
    let (admin, join_token) = (Credential::Text(admin.reveal()), Credential::Text(token.to_owned()));
    Access::Keys { admin, join_token, adopts: false }
}

async fn start(
    settings: &Settings,
    ledger: &Arc<MemoryLedger>,
    calendar: &Arc<Calendar>,
) -> (JoinHandle<()>, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let serving = carlo_coordinator::serve(
        settings.clone(),
        Arc::clone(ledger) as Arc<dyn carlo_store::Ledger>,
        Arc::clone(calendar) as Arc<dyn Environment>,
        url.clone(),
        incoming,
        CancellationToken::new(),
    );
    let task = tokio::spawn(async move { serving.await.unwrap() });
    (task, url)
}

/// A channel to the coordinator at `url`.
pub(crate) fn channel(url: &str, connect: fn(&Endpoint) -> Channel) -> Channel {
    Coordinators::connecting(&[url.to_owned()], connect).unwrap().channel()
}

/// A user with their key.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) key: String,
    pub(crate) channel: Channel,
}

macro_rules! calls {
    ($name:ident, $client:ident) => {
        /// Calls a method of the service. Returns the response's message, or the fault that a
        /// client gets.
        pub(crate) async fn $name<M, T>(
            &self,
            call: impl AsyncFnOnce($client<Channel>, Request<M>) -> Result<tonic::Response<T>, Status>,
            message: M,
        ) -> Result<T, Fault> {
            let client = $client::new(self.channel.clone());
            let answer = call(client, self.request(message)).await;
            answer.map(tonic::Response::into_inner).map_err(|status| status::to_fault(&status))
        }
    };
}

impl User {
    pub(crate) fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("x-api-key", self.key.parse().unwrap());
        request
    }

    calls!(jobs, JobsClient);
    calls!(batches, BatchesClient);
    calls!(accounts, AccountsClient);
    calls!(cluster, ClusterClient);
    calls!(webhooks, WebhooksClient);

    pub(crate) async fn submit(&self, simulations: u64, idempotency_key: &str) -> Result<v1::Job, Fault> {
        let request = v1::SubmitRequest {
            simulation: Some(simulation(simulations)),
            priority: None,
            name: None,
            webhook: None,
            idempotency_key: idempotency_key.to_owned(),
        };
        self.jobs(async |mut call, m| call.submit(m).await, request).await
    }

    pub(crate) async fn get(&self, id: &str) -> Result<v1::Job, Fault> {
        let request = v1::GetJobRequest { id: id.to_owned(), wait_ms: 0, with_points: false };
        self.jobs(async |mut call, m| call.get(m).await, request).await
    }

    pub(crate) async fn cancel(&self, id: &str) -> Result<v1::Job, Fault> {
        let request = v1::CancelJobRequest { id: id.to_owned(), reason: "enough".to_owned() };
        self.jobs(async |mut call, m| call.cancel(m).await, request).await
    }

    pub(crate) async fn update(&self, id: &str, priority: u32) -> Result<v1::Job, Fault> {
        let request = v1::UpdateJobRequest { id: id.to_owned(), priority: Some(priority), name: None };
        self.jobs(async |mut call, m| call.update(m).await, request).await
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<v1::DeleteJobResponse, Fault> {
        let request = v1::DeleteJobRequest { id: id.to_owned() };
        self.jobs(async |mut call, m| call.delete(m).await, request).await
    }

    /// The ids of the jobs that a list has on its first page, and how many it has in all.
    pub(crate) async fn list(&self, request: v1::ListJobsRequest) -> Result<(Vec<String>, u64), Fault> {
        let listed = self.jobs(async |mut call, m| call.list(m).await, request).await?;
        Ok((listed.jobs.into_iter().map(|job| job.id).collect(), listed.total))
    }

    pub(crate) async fn usage(&self) -> v1::Usage {
        self.accounts(async |mut call, m| call.get_usage(m).await, v1::UsageRequest {}).await.unwrap()
    }

    /// Waits until the job has ended.
    pub(crate) async fn end_of(&self, id: &str) -> v1::Job {
        let ended = async {
            loop {
                let request = v1::GetJobRequest { id: id.to_owned(), wait_ms: 10_000, with_points: false };
                let job = self.jobs(async |mut call, m| call.get(m).await, request).await.unwrap();
                if !matches!(job.status(), v1::JobStatus::Queued | v1::JobStatus::Running) {
                    return job;
                }
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("it ends")
    }
}

/// A request over ten months, so that 100,000 simulations cost a token.
pub(crate) fn simulation(simulations: u64) -> v1::SimulationRequest {
    v1::SimulationRequest {
        financial_profile: Some(v1::FinancialProfile {
            liquid_assets: Some(1_000.0),
            monthly_spending: Some(1_000.0),
            ..Default::default()
        }),
        user_inputs: Some(v1::UserInputs { monthly_income: Some(1_000.0), ..Default::default() }),
        goal: Some(v1::Goal { target_amount: Some(1.0), timeline_months: Some(10), ..Default::default() }),
        simulation_params: Some(v1::SimulationParams {
            n_simulations: Some(simulations),
            ..Default::default()
        }),
        ..Default::default()
    }
}
