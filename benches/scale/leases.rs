//! Workers that sleep instead of computing: the coordinator's cost of a lease's report.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use carlo_types::NodeFacts;
use carlo_types::limits::{HEARTBEAT_EVERY, SIMULATIONS_MAX};
use carlo_wire::convert::NodeSecret;
use carlo_wire::v1::cluster_client::ClusterClient;
use carlo_wire::v1::coordinator_message::Message as FromCoordinator;
use carlo_wire::v1::jobs_client::JobsClient;
use carlo_wire::v1::worker_message::Message as FromWorker;
use carlo_wire::v1::workers_client::WorkersClient;
use carlo_wire::{Coordinators, PROTOCOL_VERSION, convert, v1};
use rand::RngExt as _;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep, sleep_until};
use tokio_stream::wrappers::ReceiverStream;

use crate::partials::Partials;
use crate::{Coordinator, process, quantile_ms, request};

const SEED: u64 = 1;
/// The time per block that workers report: 50 blocks make a lease.
const BLOCK: Duration = Duration::from_millis(10);
/// The first leases are not sized by measured speed yet.
const WARM_UP: Duration = Duration::from_secs(3);
/// How long all workers may take to join.
const JOIN_MAX: Duration = Duration::from_mins(1);

/// The cost with one number of workers.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    workers: u32,
    /// Reports accepted by the coordinator.
    reports_per_second: f64,
    /// CPU time of the coordinator's process, including heartbeats, grants and checkpoints.
    cpu_us_per_report: f64,
    /// CPUs that the coordinator kept busy.
    coordinator_cpus: f64,
    /// CPUs that this process kept busy on the same machine.
    workers_cpus: f64,
    /// From a report to its acknowledgement.
    answer_p50_ms: f64,
    answer_p99_ms: f64,
    coordinator_mib: f64,
    /// Broken streams and lost nodes.
    lost: u64,
}

/// Measures each number of workers on a fresh coordinator.
pub(crate) async fn measure(
    numbers: &[u32],
    reports_per_second: u32,
    measure: Duration,
) -> anyhow::Result<Vec<Row>> {
    eprintln!(
        "workers  reports/s  CPU µs/report  coordinator CPUs  workers' CPUs  answer p50 ms  p99 ms    MiB  lost"
    );
    let mut rows = Vec::new();
    for workers in numbers {
        let row = measure_one(*workers, reports_per_second, measure).await?;
        eprintln!(
            "{:>7}  {:>9.0}  {:>13.1}  {:>16.2}  {:>13.2}  {:>13.1}  {:>6.1}  {:>5.0}  {:>4}",
            row.workers,
            row.reports_per_second,
            row.cpu_us_per_report,
            row.coordinator_cpus,
            row.workers_cpus,
            row.answer_p50_ms,
            row.answer_p99_ms,
            row.coordinator_mib,
            row.lost,
        );
        ensure!(row.lost == 0, "{} workers were lost", row.lost);
        rows.push(row);
    }
    Ok(rows)
}

async fn measure_one(workers: u32, reports_per_second: u32, measure: Duration) -> anyhow::Result<Row> {
    let coordinator = Coordinator::start().await?;
    let connection = coordinator.connect()?;
    let simulation = request(SIMULATIONS_MAX, SEED);
    let shared = Arc::new(Shared {
        partials: Mutex::new(Partials::compute(simulation.clone())?),
        lease: Duration::from_secs(1) * workers / reports_per_second,
        accepted: AtomicU64::new(0),
        broken: AtomicU64::new(0),
        waits: Mutex::new(Vec::new()),
    });
    let submit = v1::SubmitRequest { simulation: Some(simulation), ..Default::default() };
    JobsClient::new(connection.channel()).submit(submit).await?;
    let mut fleet = JoinSet::new();
    for number in 0..workers {
        fleet.spawn(worker(number, coordinator.connect()?, Arc::clone(&shared)));
    }
    let joined = async {
        while members(&connection).await? < u64::from(workers) {
            sleep(Duration::from_millis(200)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(JOIN_MAX, joined).await.context("the workers didn't join in time")??;
    sleep(WARM_UP).await;

    let pid = coordinator.daemon.pid()?;
    shared.waits.lock().expect("nobody panics").clear();
    let counted = || shared.accepted.load(Ordering::Relaxed);
    let (began, before) = (Instant::now(), (process::cpu_seconds(pid)?, own_cpu_seconds()?, counted()));
    sleep(measure).await;
    let reports = (counted() - before.2) as f64;
    let took = began.elapsed().as_secs_f64();
    let coordinator_cpu = process::cpu_seconds(pid)? - before.0;
    let workers_cpu = own_cpu_seconds()? - before.1;
    let lost = u64::from(workers) - members(&connection).await? + shared.broken.load(Ordering::Relaxed);
    let mut waits = std::mem::take(&mut *shared.waits.lock().expect("nobody panics"));
    fleet.shutdown().await;
    Ok(Row {
        workers,
        reports_per_second: reports / took,
        cpu_us_per_report: coordinator_cpu * 1e6 / reports,
        coordinator_cpus: coordinator_cpu / took,
        workers_cpus: workers_cpu / took,
        answer_p50_ms: quantile_ms(&mut waits, 0.5),
        answer_p99_ms: quantile_ms(&mut waits, 0.99),
        coordinator_mib: process::resident_mib(pid)?,
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
    partials: Mutex<Partials>,
    /// The actual duration of a lease.
    lease: Duration,
    accepted: AtomicU64,
    broken: AtomicU64,
    /// How long each report waited for its acknowledgement.
    waits: Mutex<Vec<Duration>>,
}

/// One worker on its own connection. It works until it is aborted, and counts broken streams.
async fn worker(number: u32, coordinators: Coordinators, shared: Arc<Shared>) {
    let (outbox, messages) = mpsc::channel(32);
    let mut client = WorkersClient::new(coordinators.channel());
    let hello = convert::hello(&NodeSecret::from_random(rand::random(), rand::random()), &facts(number));
    let _ = outbox.send(v1::WorkerMessage { message: Some(FromWorker::Hello(hello)) }).await;
    let ended = match client.work(ReceiverStream::new(messages)).await {
        Ok(answer) => {
            Worker {
                outbox,
                shared: Arc::clone(&shared),
                held: VecDeque::new(),
                done_at: Instant::now(),
                reported: HashMap::new(),
            }
            .work(answer.into_inner())
            .await
        }
        Err(status) => Err(status.into()),
    };
    if let Err(error) = ended {
        eprintln!("worker {number}: {error:#}");
        shared.broken.fetch_add(1, Ordering::Relaxed);
    }
}

fn facts(number: u32) -> NodeFacts {
    NodeFacts {
        hostname: "simulated".to_owned(),
        name: format!("simulated-{number}"),
        threads: 16,
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
                if self.held.is_empty() {
                    self.begin(Instant::now());
                }
                self.held.push_back(grant.lease.context("a grant has a lease")?);
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
        let blocks = lease.end_block - lease.start_block;
        let partial = self.shared.partials.lock().expect("nobody panics").of(blocks);
        let computed_in_us = u64::try_from(BLOCK.as_micros())? * blocks;
        self.reported.insert(lease.id, Instant::now());
        self.send(FromWorker::Report(v1::Report {
            lease: Some(lease),
            partial,
            computed_in_us,
            ..Default::default()
        }))
        .await
    }

    async fn beat(&mut self) -> anyhow::Result<()> {
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
