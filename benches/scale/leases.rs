//! Workers that sleep instead of computing: the coordinator's cost of a worker and of a lease's
//! report.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use carlo_schedule::Config;
use carlo_types::NodeFacts;
use carlo_types::limits::{HEARTBEAT_EVERY, LEASE_TARGET, SIMULATIONS_MAX};
use carlo_wire::convert::NodeSecret;
use carlo_wire::v1::cluster_client::ClusterClient;
use carlo_wire::v1::coordinator_message::Message as FromCoordinator;
use carlo_wire::v1::jobs_client::JobsClient;
use carlo_wire::v1::worker_message::Message as FromWorker;
use carlo_wire::v1::workers_client::WorkersClient;
use carlo_wire::{Coordinators, PROTOCOL_VERSION, convert, v1};
use rand::RngExt as _;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use crate::reports::Reports;
use crate::{Coordinator, process, quantile_ms, request};

const SEED: u64 = 1;
/// The timeline of the job, so short that the reports are soon computed.
const MONTHS: u64 = 1;
/// How long the workers are idle before the job comes, and the job runs before it is measured.
const IDLE: Duration = Duration::from_secs(5);
const WARM_UP: Duration = Duration::from_secs(10);
/// How long all workers may take to join.
const JOIN_MAX: Duration = Duration::from_mins(2);
/// Workers that connect at the same time.
const JOINING_MAX: usize = 200;
/// Further workers share connections, because of the system's limit of open files.
const CONNECTIONS_MAX: usize = 8_000;

/// The cost with one number of workers.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    workers: u32,
    connections: usize,
    /// Until the last worker had joined.
    join_seconds: f64,
    /// Reports accepted by the coordinator.
    reports_per_second: f64,
    /// The average size of a report's partial result.
    report_bytes: f64,
    /// CPU time of the coordinator's process, including heartbeats, grants and checkpoints.
    cpu_us_per_report: f64,
    /// CPUs that the coordinator kept busy, with the job and before it.
    coordinator_cpus: f64,
    idle_coordinator_cpus: f64,
    /// CPUs that this process kept busy on the same machine.
    workers_cpus: f64,
    /// From a report to its acknowledgement.
    answer_p50_ms: f64,
    answer_p99_ms: f64,
    coordinator_mib: f64,
    /// The coordinator's memory with the job, less that before the first worker.
    kib_per_worker: f64,
    /// Broken streams and lost nodes.
    lost: u64,
}

/// Measures each number of workers on a fresh coordinator.
pub(crate) async fn measure(numbers: &[u32], measure: Duration) -> anyhow::Result<Vec<Row>> {
    let simulation = request(SIMULATIONS_MAX, MONTHS, SEED);
    // Half as many again as are expected.
    let needed = |workers: &u32| {
        let leases = 3 * (WARM_UP + measure).as_millis() / (2 * lease(*workers).as_millis());
        u128::from(*workers) * leases
    };
    let reports = usize::try_from(numbers.iter().map(needed).max().unwrap_or_default())?;
    eprintln!("computing {reports} reports");
    let reports = Arc::new(Reports::compute(simulation.clone(), reports)?);
    eprintln!(
        "workers  joined s  reports/s  bytes  CPU µs/report  coordinator CPUs (idle)  workers' CPUs  answer p50 ms  p99 ms  MiB  KiB/worker"
    );
    let mut rows = Vec::new();
    for workers in numbers {
        let row = measure_one(*workers, &simulation, Arc::clone(&reports), measure).await?;
        eprintln!(
            "{:>7}  {:>8.1}  {:>9.0}  {:>5.0}  {:>13.1}  {:>16.2} ({:.2})  {:>13.2}  {:>13.1}  {:>6.1}  {:>3.0}  {:>10.1}",
            row.workers,
            row.join_seconds,
            row.reports_per_second,
            row.report_bytes,
            row.cpu_us_per_report,
            row.coordinator_cpus,
            row.idle_coordinator_cpus,
            row.workers_cpus,
            row.answer_p50_ms,
            row.answer_p99_ms,
            row.coordinator_mib,
            row.kib_per_worker,
        );
        ensure!(row.lost == 0, "{} workers were lost", row.lost);
        rows.push(row);
    }
    Ok(rows)
}

/// How long the coordinator's leases take with so many workers. Each of them pretends to compute a
/// block in this time, so that it gets leases of one block.
fn lease(workers: u32) -> Duration {
    LEASE_TARGET.max(Duration::from_secs(1) * workers / Config::default().reports_per_second_max)
}

async fn measure_one(
    workers: u32,
    simulation: &v1::SimulationRequest,
    reports: Arc<Reports>,
    measure: Duration,
) -> anyhow::Result<Row> {
    let coordinator = Coordinator::start().await?;
    let pid = coordinator.daemon.pid()?;
    let empty_mib = process::resident_mib(pid)?;
    let shared = Arc::new(Shared {
        reports,
        lease: lease(workers),
        joining: Semaphore::new(JOINING_MAX),
        accepted: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        broken: AtomicU64::new(0),
        waits: Mutex::new(Vec::new()),
    });
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS_MAX.min(workers as usize) {
        connections.push(coordinator.connect()?);
    }
    let began = Instant::now();
    let mut fleet = JoinSet::new();
    for (number, connection) in (0..workers).zip(connections.iter().cycle()) {
        fleet.spawn(worker(number, connection.channel(), Arc::clone(&shared)));
    }
    let observer = coordinator.connect()?;
    let joined = async {
        while members(&observer).await? < u64::from(workers) {
            sleep(Duration::from_millis(500)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(JOIN_MAX, joined).await.context("the workers didn't join in time")??;
    let join_seconds = began.elapsed().as_secs_f64();
    let idle_cpu = process::cpu_seconds(pid)?;
    sleep(IDLE).await;
    let idle_cpu = process::cpu_seconds(pid)? - idle_cpu;
    let submit = v1::SubmitRequest { simulation: Some(simulation.clone()), ..Default::default() };
    JobsClient::new(observer.channel()).submit(submit).await?;
    sleep(WARM_UP).await;

    shared.waits.lock().expect("nobody panics").clear();
    let counted = || (shared.accepted.load(Ordering::Relaxed), shared.bytes.load(Ordering::Relaxed));
    let (began, before, counted_before) =
        (Instant::now(), (process::cpu_seconds(pid)?, own_cpu_seconds()?), counted());
    sleep(measure).await;
    let took = began.elapsed().as_secs_f64();
    let (reports, bytes) = counted();
    let (reports, bytes) = ((reports - counted_before.0) as f64, (bytes - counted_before.1) as f64);
    let coordinator_cpu = process::cpu_seconds(pid)? - before.0;
    let workers_cpu = own_cpu_seconds()? - before.1;
    let lost = u64::from(workers) - members(&observer).await? + shared.broken.load(Ordering::Relaxed);
    let mut waits = std::mem::take(&mut *shared.waits.lock().expect("nobody panics"));
    let coordinator_mib = process::resident_mib(pid)?;
    fleet.shutdown().await;
    Ok(Row {
        workers,
        connections: connections.len(),
        join_seconds,
        reports_per_second: reports / took,
        report_bytes: bytes / reports,
        cpu_us_per_report: coordinator_cpu * 1e6 / reports,
        coordinator_cpus: coordinator_cpu / took,
        idle_coordinator_cpus: idle_cpu / IDLE.as_secs_f64(),
        workers_cpus: workers_cpu / took,
        answer_p50_ms: quantile_ms(&mut waits, 0.5),
        answer_p99_ms: quantile_ms(&mut waits, 0.99),
        coordinator_mib,
        kib_per_worker: (coordinator_mib - empty_mib) * 1024.0 / f64::from(workers),
        lost,
    })
}

fn own_cpu_seconds() -> anyhow::Result<f64> {
    process::cpu_seconds(std::process::id())
}

/// Nodes that the coordinator counts as members.
async fn members(connection: &Coordinators) -> anyhow::Result<u64> {
    let mut client = ClusterClient::new(connection.channel());
    let cluster = client.status(v1::ClusterStatusRequest {}).await?.into_inner();
    let members = cluster.nodes.iter().filter(|node| node.status() != v1::NodeStatus::Offline);
    Ok(members.count() as u64)
}

/// State shared by the workers.
struct Shared {
    reports: Arc<Reports>,
    /// How long the workers pretend to compute a lease.
    lease: Duration,
    /// Places for workers that connect.
    joining: Semaphore,
    accepted: AtomicU64,
    /// The sizes of the partial results sent.
    bytes: AtomicU64,
    broken: AtomicU64,
    /// How long each report waited for its acknowledgement.
    waits: Mutex<Vec<Duration>>,
}

/// One worker on its own stream. It works until it is aborted, and counts broken streams.
async fn worker(number: u32, channel: Channel, shared: Arc<Shared>) {
    if let Err(error) = join_and_work(number, channel, Arc::clone(&shared)).await
        && shared.broken.fetch_add(1, Ordering::Relaxed) == 0
    {
        eprintln!("worker {number} was the first to end: {error:#}");
    }
}

async fn join_and_work(number: u32, channel: Channel, shared: Arc<Shared>) -> anyhow::Result<()> {
    let (outbox, messages) = mpsc::channel(32);
    let hello = convert::hello(&NodeSecret::from_random(rand::random(), rand::random()), &facts(number));
    outbox.send(v1::WorkerMessage { message: Some(FromWorker::Hello(hello)) }).await?;
    let place = shared.joining.acquire().await?;
    let answer = WorkersClient::new(channel).work(ReceiverStream::new(messages)).await?;
    drop(place);
    let worker = Worker {
        outbox,
        shared: Arc::clone(&shared),
        held: VecDeque::new(),
        done_at: Instant::now(),
        reported: HashMap::new(),
        has_reported: false,
        replaced: 0,
    };
    worker.work(answer.into_inner()).await
}

fn facts(number: u32) -> NodeFacts {
    NodeFacts {
        hostname: "simulated".to_owned(),
        name: format!("simulated-{number}"),
        // The first lease of a node has a block for each thread, and here every lease has one.
        threads: 1,
        instruction_set: "avx512".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model_version: carlo_kernel::MODEL_VERSION,
        protocol_version: PROTOCOL_VERSION,
    }
}

struct Worker {
    outbox: mpsc::Sender<v1::WorkerMessage>,
    shared: Arc<Shared>,
    /// The leases. The first one is being "computed" until `done_at`.
    held: VecDeque<v1::Lease>,
    done_at: Instant,
    /// Leases that wait for their acknowledgement.
    reported: HashMap<u64, Instant>,
    /// As in a real worker, reports replace heartbeats, but not three in a row.
    has_reported: bool,
    replaced: u32,
}

impl Worker {
    async fn work(mut self, mut inbox: tonic::Streaming<v1::CoordinatorMessage>) -> anyhow::Result<()> {
        // Heartbeats start at a random time, so that workers don't send them at the same instant.
        let first = Instant::now() + HEARTBEAT_EVERY.mul_f64(rand::rng().random());
        let mut heartbeat = interval_at(first, HEARTBEAT_EVERY);
        loop {
            tokio::select! {
                message = inbox.message() => {
                    let message = message?.context("the coordinator ended the session")?;
                    self.receive(message.message.context("an empty message")?)?;
                }
                () = sleep_until(self.done_at), if !self.held.is_empty() => self.report().await?,
                _ = heartbeat.tick() => self.beat().await?,
            }
        }
    }

    fn receive(&mut self, message: FromCoordinator) -> anyhow::Result<()> {
        match message {
            FromCoordinator::Grant(grant) => {
                self.held.push_back(grant.lease.context("a grant has a lease")?);
                if self.held.len() == 1 {
                    self.begin(Instant::now());
                }
            }
            FromCoordinator::Acknowledge(answer) => {
                let reported = self.reported.remove(&answer.lease_id).context("it was reported")?;
                self.shared.waits.lock().expect("nobody panics").push(reported.elapsed());
                ensure!(answer.accepted, "the report of lease {} was refused", answer.lease_id);
                self.shared.accepted.fetch_add(1, Ordering::Relaxed);
            }
            FromCoordinator::Welcome(_) | FromCoordinator::Revoke(_) | FromCoordinator::Forget(_) => {}
        }
        Ok(())
    }

    /// Begins the first lease. The previous one ended `at` this time.
    fn begin(&mut self, at: Instant) {
        self.done_at = at + self.shared.lease.mul_f64(rand::rng().random_range(0.5..1.5));
    }

    async fn report(&mut self) -> anyhow::Result<()> {
        let lease = self.held.pop_front().context("it holds one")?;
        self.begin(self.done_at);
        let partial = self.shared.reports.of(&lease)?;
        self.shared.bytes.fetch_add(partial.len() as u64, Ordering::Relaxed);
        let computed_in_us = u64::try_from(self.shared.lease.as_micros())?;
        self.reported.insert(lease.id, Instant::now());
        self.has_reported = true;
        self.send(FromWorker::Report(v1::Report {
            lease: Some(lease),
            partial,
            computed_in_us,
            ..Default::default()
        }))
        .await
    }

    async fn beat(&mut self) -> anyhow::Result<()> {
        if std::mem::take(&mut self.has_reported) && self.replaced < 2 {
            self.replaced += 1;
            return Ok(());
        }
        self.replaced = 0;
        let progress = |lease: &v1::Lease| v1::LeaseProgress { lease_id: lease.id, blocks_done: 0 };
        let leases = self.held.iter().map(progress).collect();
        self.send(FromWorker::Heartbeat(v1::Heartbeat {
            cpu_utilization: 1.0,
            memory_utilization: 0.5,
            leases,
            ..Default::default()
        }))
        .await
    }

    async fn send(&self, message: FromWorker) -> anyhow::Result<()> {
        let sent = self.outbox.send(v1::WorkerMessage { message: Some(message) }).await;
        sent.ok().context("the stream takes nothing more")
    }
}
