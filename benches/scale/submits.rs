//! Clients that submit: how many jobs a second become durable, and what a long queue costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::ensure;
use carlo_wire::v1;
use carlo_wire::v1::jobs_client::JobsClient;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{Coordinator, MONTHS, process, quantile_ms, request};

/// Number of reads of a full queue.
const LOOKS: u32 = 100;

/// The costs of a queue of jobs.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    jobs: u64,
    clients: u64,
    submits_per_second: f64,
    submit_p50_ms: f64,
    submit_p99_ms: f64,
    /// CPU time of the coordinator's process.
    cpu_us_per_submit: f64,
    /// Memory of the coordinator with all jobs queued.
    coordinator_mib: f64,
    /// Time to list a page of a hundred jobs, and to read one job, with a full queue.
    list_p50_ms: f64,
    get_p50_ms: f64,
    /// From the start of the process after SIGKILL until it serves with all jobs.
    restart_seconds: f64,
    restarted_mib: f64,
}

/// Queues `jobs` jobs, kills the coordinator, and counts the jobs again.
pub(crate) async fn measure(jobs: u64, clients: u64) -> anyhow::Result<Row> {
    let mut coordinator = Coordinator::start().await?;
    let pid = coordinator.daemon.pid()?;
    let next = Arc::new(AtomicU64::new(0));
    let (began, cpu) = (Instant::now(), process::cpu_seconds(pid)?);
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let mut client = JobsClient::new(coordinator.connect()?.channel());
        let next = Arc::clone(&next);
        running.spawn(async move {
            let mut waits = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= jobs {
                    return anyhow::Ok(waits);
                }
                let submit = v1::SubmitRequest {
                    simulation: Some(request(1_000_000, MONTHS, seed)),
                    ..Default::default()
                };
                let asked = Instant::now();
                client.submit(submit).await?;
                waits.push(asked.elapsed());
            }
        });
    }
    let mut waits: Vec<Duration> = Vec::new();
    while let Some(ended) = running.join_next().await {
        waits.extend(ended??);
    }
    let took = began.elapsed().as_secs_f64();
    let cpu = process::cpu_seconds(pid)? - cpu;
    let coordinator_mib = process::resident_mib(pid)?;
    let (list_p50_ms, get_p50_ms) = look(&coordinator, jobs).await?;

    let restart = Instant::now();
    coordinator.crash().await?;
    let restart_seconds = restart.elapsed().as_secs_f64();
    look(&coordinator, jobs).await?;
    let row = Row {
        jobs,
        clients,
        submits_per_second: jobs as f64 / took,
        submit_p50_ms: quantile_ms(&mut waits, 0.5),
        submit_p99_ms: quantile_ms(&mut waits, 0.99),
        cpu_us_per_submit: cpu * 1e6 / jobs as f64,
        coordinator_mib,
        list_p50_ms,
        get_p50_ms,
        restart_seconds,
        restarted_mib: process::resident_mib(coordinator.daemon.pid()?)?,
    };
    say(&row);
    Ok(row)
}

/// The time to list a page and to read a job when there are `jobs` jobs.
async fn look(coordinator: &Coordinator, jobs: u64) -> anyhow::Result<(f64, f64)> {
    let mut client = JobsClient::new(coordinator.connect()?.channel());
    let (mut lists, mut gets) = (Vec::new(), Vec::new());
    for page in 1..=LOOKS {
        let asked = Instant::now();
        let list = v1::ListJobsRequest { page, page_size: 100, ..Default::default() };
        let listed = client.list(list).await?.into_inner();
        lists.push(asked.elapsed());
        ensure!(listed.total == jobs, "{} of {jobs} jobs are there", listed.total);
        let asked = Instant::now();
        let Some(job) = listed.jobs.into_iter().next() else { continue };
        client.get(v1::GetJobRequest { id: job.id, wait_ms: 0, with_points: false }).await?;
        gets.push(asked.elapsed());
    }
    Ok((quantile_ms(&mut lists, 0.5), quantile_ms(&mut gets, 0.5)))
}

fn say(row: &Row) {
    eprintln!(
        "{} jobs queued by {} clients: {:.0} durable submits/s, each {:.1} ms (p50), {:.1} ms (p99), {:.0} µs of CPU",
        row.jobs,
        row.clients,
        row.submits_per_second,
        row.submit_p50_ms,
        row.submit_p99_ms,
        row.cpu_us_per_submit,
    );
    eprintln!(
        "the full queue: {:.0} MiB; a page {:.1} ms, a job {:.1} ms; after SIGKILL it serves again in {:.1} s with {:.0} MiB",
        row.coordinator_mib, row.list_p50_ms, row.get_p50_ms, row.restart_seconds, row.restarted_mib,
    );
}
