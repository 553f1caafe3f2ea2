//! Small jobs beside a large one, on real workers: the time from a small job's submission to its
//! result.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use carlo_tests::Daemon;
use carlo_wire::v1;
use carlo_wire::v1::jobs_client::JobsClient;
use rand::RngExt as _;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;

use crate::{Coordinator, MONTHS, quantile_ms, request};

const LARGE: u64 = 10_000_000_000;
const SMALL: u64 = 10_000;
/// The average pause between two small jobs. It is random, so that they arrive at any point of a
/// lease.
const PAUSE: Duration = Duration::from_millis(150);
/// Until the worker's speed is known and its leases have their final length.
const WARM_UP: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_mins(1);

/// The waits of the small jobs.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    small_jobs: u64,
    /// From a small job's submission to its result, by the coordinator's clock.
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// The speed of the large job meanwhile.
    large_simulations_per_second: f64,
}

/// Runs a large job on one worker with a thread for each core, and small jobs beside it.
pub(crate) async fn measure(small_jobs: u64) -> anyhow::Result<Row> {
    let coordinator = Coordinator::start().await?;
    let url = format!("http://{}", coordinator.daemon.address);
    let _worker = Daemon::start("carlo-worker", &["--coordinator", &url], &[("CARLO_LOG", "error")])?;
    let mut client = JobsClient::new(coordinator.connect()?.channel());
    let large = submit(&mut client, LARGE, 0).await?;
    let before = until(&mut client, &large, |job| job.simulations_complete > 0).await?.simulations_complete;
    sleep(WARM_UP).await;
    let began = Instant::now();
    let mut ids = Vec::new();
    for seed in 0..small_jobs {
        sleep(PAUSE.mul_f64(rand::rng().random_range(0.0..2.0))).await;
        ids.push(submit(&mut client, SMALL, seed).await?);
    }
    let now = until(&mut client, &large, |_| true).await?;
    ensure!(now.status() == v1::JobStatus::Running, "the large job ended too soon");
    let large_simulations_per_second =
        (now.simulations_complete - before) as f64 / (began.elapsed() + WARM_UP).as_secs_f64();
    let mut waits = Vec::new();
    for id in &ids {
        let job = until(&mut client, id, |job| job.completed_at_ms.is_some()).await?;
        ensure!(job.status() == v1::JobStatus::Complete, "{id} is {:?}", job.status());
        let completed = job.completed_at_ms.context("it was waited for")?;
        waits.push(Duration::from_millis(completed.saturating_sub(job.created_at_ms)));
    }
    let row = Row {
        small_jobs,
        p50_ms: quantile_ms(&mut waits, 0.5),
        p99_ms: quantile_ms(&mut waits, 0.99),
        max_ms: quantile_ms(&mut waits, 1.0),
        large_simulations_per_second,
    };
    eprintln!(
        "{small_jobs} jobs of {SMALL} simulations beside one of {LARGE}: {:.0} ms (p50), {:.0} ms (p99), {:.0} ms (max); the large one at {:.1} M/s",
        row.p50_ms,
        row.p99_ms,
        row.max_ms,
        row.large_simulations_per_second / 1e6,
    );
    Ok(row)
}

async fn submit(client: &mut JobsClient<Channel>, simulations: u64, seed: u64) -> anyhow::Result<String> {
    let submit =
        v1::SubmitRequest { simulation: Some(request(simulations, MONTHS, seed)), ..Default::default() };
    Ok(client.submit(submit).await?.into_inner().id)
}

/// Waits until `enough` accepts the job.
async fn until(
    client: &mut JobsClient<Channel>,
    id: &str,
    enough: impl Fn(&v1::Job) -> bool,
) -> anyhow::Result<v1::Job> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let job = client
            .get(v1::GetJobRequest { id: id.to_owned(), wait_ms: 0, with_points: false })
            .await?
            .into_inner();
        if enough(&job) {
            return Ok(job);
        }
        sleep(Duration::from_millis(20)).await;
    }
    bail!("{id} didn't come so far")
}
