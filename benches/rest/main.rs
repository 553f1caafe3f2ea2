//! Measures the REST interface of `carlo up` from outside: reads of a job per second, and the time
//! from submission to result of a small job.
//!
//! The client runs on the same machine and uses part of it. It implements just enough HTTP/1.1 to
//! keep its connections open, so that the server dominates the measurement.

mod http;
#[path = "../scale/process.rs"]
mod process;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;

use crate::http::Connection;

#[derive(Debug, Parser)]
struct Arguments {
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
    /// The `carlo` program to start [default: the release build's].
    #[arg(long)]
    carlo: Option<PathBuf>,
    /// Connections that read at the same time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How long they read, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Number of small jobs, one after the other.
    #[arg(long, default_value_t = 300)]
    jobs: usize,
}

/// The times of one kind of call.
#[derive(Debug, Serialize)]
struct Row {
    calls: usize,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Row {
    fn of(mut times: Vec<Duration>, whole: Duration) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
            let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
            times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        let per_second = times.len() as f64 / whole.as_secs_f64();
        Self { calls: times.len(), per_second, p50_ms: at(0.5), p99_ms: at(0.99) }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let server = Server::start(&arguments).await?;
    let mut connection = Connection::open(&server.address).await?;
    let answered = answered(&mut connection, &arguments).await?;
    let simulated = simulated(&mut connection, &arguments).await?;
    let processes = [server.process, std::process::id()];
    let before = cpu_seconds(processes)?;
    let read = read(&server.address, &mut connection, &arguments).await?;
    let after = cpu_seconds(processes)?;
    let [server_us, client_us] = [0, 1].map(|one| (after[one] - before[one]) * 1e6 / read.calls as f64);
    let measured = json!({
        "submit_to_complete": answered,
        "simulate": simulated,
        "read": read,
        "read_cpu_us": {"server": server_us, "client": client_us},
        "resident_mib": process::resident_mib(server.process)?,
    });
    println!("{}", serde_json::to_string_pretty(&measured)?);
    Ok(())
}

fn cpu_seconds([one, other]: [u32; 2]) -> anyhow::Result<[f64; 2]> {
    Ok([process::cpu_seconds(one)?, process::cpu_seconds(other)?])
}

/// A cluster with an empty ledger on disk, killed when it is dropped.
struct Server {
    address: String,
    process: u32,
    _child: Child,
    /// Kept open because the server continues to write to it.
    _output: Lines<BufReader<ChildStdout>>,
    _directory: tempfile::TempDir,
}

impl Server {
    async fn start(arguments: &Arguments) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let built = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../release/carlo");
        let carlo = arguments.carlo.clone().unwrap_or(built);
        let mut child = Command::new(&carlo)
            .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("failed to start {}", carlo.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout is a pipe")?).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(url) = line.strip_prefix("REST") {
                let address = url.trim().trim_start_matches("http://").to_owned();
                let process = child.id().context("it runs")?;
                return Ok(Self { address, process, _child: child, _output: lines, _directory: directory });
            }
        }
        bail!("the server ended before it listened")
    }
}

fn request(seed: usize) -> Value {
    json!({
        "financialProfile": {"liquidAssets": 13_500, "creditDebt": 1_200, "monthlyLoanPayments": 350, "monthlySpending": 3_200},
        "userInputs": {"monthlyIncome": 5_000},
        "goal": {"targetAmount": 70_000, "timelineMonths": 36},
        "simulationParams": {"nSimulations": 10_000, "seed": seed},
    })
}

/// Small jobs on an idle cluster: submitted, then long-polled until they are complete.
async fn answered(connection: &mut Connection, arguments: &Arguments) -> anyhow::Result<Row> {
    let (mut times, whole) = (Vec::new(), Instant::now());
    for seed in 0..arguments.jobs {
        let began = Instant::now();
        let submitted = connection.call("POST", "/api/jobs", "", &request(seed).to_string()).await?;
        let path = format!("/api/jobs/{}", text(&submitted, "jobId")?);
        loop {
            let job = connection.call("GET", &path, "prefer: wait=10\r\n", "").await?;
            match text(&job, "status")?.as_str() {
                "complete" => break,
                "queued" | "running" => {}
                other => bail!("the job ended as {other}"),
            }
        }
        times.push(began.elapsed());
    }
    Ok(Row::of(times, whole.elapsed()))
}

/// The same with one call each.
async fn simulated(connection: &mut Connection, arguments: &Arguments) -> anyhow::Result<Row> {
    let (mut times, whole) = (Vec::new(), Instant::now());
    for seed in 0..arguments.jobs {
        let began = Instant::now();
        let results = connection.call("POST", "/api/simulate", "", &request(seed).to_string()).await?;
        ensure!(results["simulationsRun"] == 10_000, "not the answer: {results}");
        times.push(began.elapsed());
    }
    Ok(Row::of(times, whole.elapsed()))
}

/// Many connections that read a complete job with its results.
async fn read(address: &str, connection: &mut Connection, arguments: &Arguments) -> anyhow::Result<Row> {
    let list = connection.call("GET", "/api/jobs?page_size=1", "", "").await?;
    let path = format!("/api/jobs/{}", text(&list["jobs"][0], "id")?);
    let (began, end) = (Instant::now(), Duration::from_secs(arguments.seconds));
    let mut readers = JoinSet::new();
    for _ in 0..arguments.connections {
        let mut connection = Connection::open(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: carlo\r\n\r\n");
        readers.spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < end {
                let asked = Instant::now();
                connection.exchange(request.as_bytes()).await?;
                times.push(asked.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(read) = readers.join_next().await {
        times.extend(read??);
    }
    Ok(Row::of(times, began.elapsed()))
}

fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    let text = value[field].as_str().with_context(|| format!("no {field} in {value}"))?;
    Ok(text.to_owned())
}
