//! Measures the limits of one coordinator: a real `carlo-coordinator` process over real gRPC, with
//! nearly everything around it simulated in this process.
//!
//! * [`leases`]: workers that mostly sleep instead of computing; the cost of a worker and of a
//!   report for growing numbers of workers.
//! * [`submits`]: clients that submit; how many jobs a second become durable, and what a long queue
//!   costs in memory and at a restart.
//! * [`queue`]: small jobs beside a large one, on a real worker.
//! * [`reports`]: the workers' reports. [`process`]: a process's CPU time and memory.
//!
//! A table goes to stderr, JSON to stdout. `benches/compare` and the kernel's benches measure the
//! speed of simulations.

mod leases;
mod process;
mod queue;
mod reports;
mod submits;

use std::time::Duration;

use anyhow::Context as _;
use carlo_tests::Daemon;
use carlo_wire::{Coordinators, v1};
use clap::Parser;
use serde_json::json;
use tempfile::TempDir;

/// The timeline of the README's house deposit.
const MONTHS: u64 = 36;

/// Measures one coordinator. Fails if it loses a worker or a job.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only this part.
    #[arg(value_parser = ["leases", "submits", "queue"])]
    part: Option<String>,
    /// Numbers of workers, each measured with a fresh coordinator.
    #[arg(long, value_delimiter = ',', default_values_t = [500, 2_000, 5_000])]
    workers: Vec<u32>,
    /// How long to measure each number of workers, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Number of jobs to queue.
    #[arg(long, default_value_t = 100_000)]
    jobs: u64,
    /// Clients that submit them, each with one call at a time.
    #[arg(long, default_value_t = 32)]
    clients: u64,
    /// Number of small jobs beside the large one.
    #[arg(long, default_value_t = 200)]
    small_jobs: u64,
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let wants = |part: &str| arguments.part.as_deref().is_none_or(|only| only == part);
    let mut measured = serde_json::Map::new();
    if wants("leases") {
        let measure = Duration::from_secs(arguments.seconds);
        let rows = leases::measure(&arguments.workers, measure).await?;
        measured.insert("leases".to_owned(), json!(rows));
    }
    if wants("submits") {
        let row = submits::measure(arguments.jobs, arguments.clients).await?;
        measured.insert("submits".to_owned(), json!(row));
    }
    if wants("queue") {
        measured.insert("queue".to_owned(), json!(queue::measure(arguments.small_jobs).await?));
    }
    println!("{}", serde_json::to_string_pretty(&measured)?);
    Ok(())
}

/// A fresh coordinator on a free port, with an empty directory beside the build, so that it is on a
/// disk and not in memory.
struct Coordinator {
    directory: TempDir,
    daemon: Daemon,
}

impl Coordinator {
    async fn start() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let daemon = launch(&directory).await?;
        Ok(Self { directory, daemon })
    }

    /// Kills it with SIGKILL and starts it again.
    async fn crash(&mut self) -> anyhow::Result<()> {
        self.daemon.kill().await?;
        self.daemon = launch(&self.directory).await?;
        Ok(())
    }

    /// A connection to it.
    fn connect(&self) -> anyhow::Result<Coordinators> {
        Ok(Coordinators::new(&[format!("http://{}", self.daemon.address)])?)
    }
}

async fn launch(directory: &TempDir) -> anyhow::Result<Daemon> {
    let directory = directory.path().to_str().context("the directory has a readable name")?;
    let arguments = ["--listen", "127.0.0.1:0", "--data-dir", directory, "--auth", "off"];
    // Logs where it listens, but not each worker and job.
    let log = [("CARLO_LOG", "error,carlo_coordinator=info,carlo_coordinator::core=error")];
    Daemon::listening("carlo-coordinator", &arguments, &log).await
}

/// The README's house deposit with this many simulations and months.
fn request(simulations: u64, months: u64, seed: u64) -> v1::SimulationRequest {
    v1::SimulationRequest {
        financial_profile: Some(v1::FinancialProfile {
            liquid_assets: Some(13_500.0),
            monthly_spending: Some(3_200.0),
            credit_debt: Some(1_200.0),
            monthly_loan_payments: Some(350.0),
            ..Default::default()
        }),
        user_inputs: Some(v1::UserInputs { monthly_income: Some(5_000.0), ..Default::default() }),
        goal: Some(v1::Goal {
            target_amount: Some(70_000.0),
            timeline_months: Some(months),
            ..Default::default()
        }),
        simulation_params: Some(v1::SimulationParams {
            n_simulations: Some(simulations),
            seed: Some(seed),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A quantile of the waits, in milliseconds; 0 if there are none. Sorts them.
fn quantile_ms(waits: &mut [Duration], quantile: f64) -> f64 {
    waits.sort_unstable();
    let Some(last) = waits.len().checked_sub(1) else { return 0.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is an index")]
    let index = (last as f64 * quantile).round() as usize;
    waits[index].as_secs_f64() * 1e3
}
