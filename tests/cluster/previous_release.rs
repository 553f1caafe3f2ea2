//! A ledger written by the previous release: this release opens it, serves its results and finishes
//! its jobs.
//!
//! `previous_release/ledger.redb.gz` was made with release 0.1. Its coordinator was killed while a
//! job of 8 million simulations and a job of a batch were running, and another job and another job
//! of that batch were queued. Never regenerate it: a release that can't read it would lose its
//! users' jobs.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use carlo_coordinator::{Access, Environment, Settings};
use carlo_rest::job::JobStatus;
use carlo_service::CancellationToken;
use carlo_store::RedbLedger;
use carlo_tenancy::Tier;
use carlo_tests::{Client, Daemon};
use carlo_types::Timestamp;
use flate2::read::GzDecoder;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;

const LEDGER: &[u8] = include_bytes!("previous_release/ledger.redb.gz");
/// Two minutes after it was written, so that nothing in it has expired.
const CALENDAR_MS: u64 = 1_795_873_200_000;
/// Keys that are in the ledger.
const ADMIN: &str = "carlo_b0afd5e443624af550ce1878bc55ea4e5a46fe2e3d956e79ea3ab1751ef249a6";
const ADA: &str = "carlo_141613b0ad7b521b264a512b2cb426614f374b6c54f4ea1ea3584964c82afe8a";
const BOB: &str = "carlo_335f796a96d6dcb6d777f010312751dbd5fe07e1aaf389242f5fe4ebb7052a54";

const COMPLETE: &str = "job_7cc5ed6a4c284465946262893ab1c417";
const CANCELLED: &str = "job_c38ad9843aa945df8d69841a2fa8cb0d";
const RUNNING: &str = "job_0093a4ecbe05460cb63f1c241bbff586";
const QUEUED: &str = "job_72b813009f5a453bbb99241a6f8f68fb";
const BATCH: &str = "batch_6d9e77fe57e4460c9eb320be198d98f4";
const OPEN_BATCH: &str = "batch_1e17791f938244f3bdae33534ccbc032";
const OPEN_BATCH_JOBS: [&str; 2] =
    ["job_2e98eba36a8f4da8b5afe1afdca076d0", "job_1ed8fdba2d314bcead9e03ce7b3c81bd"];

/// A clock that starts shortly after the ledger was written.
struct Then(Instant);

impl Environment for Then {
    fn wall(&self) -> Timestamp {
        let elapsed = self.0.elapsed().as_millis();
        Timestamp(CALENDAR_MS + u64::try_from(elapsed).expect("tests are short"))
    }

    fn random(&self) -> u128 {
        rand::random()
    }
}

/// Starts a coordinator of this release on a copy of the ledger and returns its URL.
async fn coordinator(directory: &Path, stop: CancellationToken) -> anyhow::Result<String> {
    let path = directory.join("ledger.redb");
    std::io::copy(&mut GzDecoder::new(LEDGER), &mut std::fs::File::create(&path)?)?;
    std::fs::write(directory.join("admin-key"), ADMIN)?;
    let access = Access::from_files(&directory.join("admin-key"), &directory.join("join-token"))?;
    let mut settings = Settings { access, ..Settings::default() };
    // The test makes calls faster than the limit allows.
    let limits = settings.terms.limits_mut(Tier::Pro);
    (limits.calls_per_second, limits.calls_per_minute) = (None, None);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let serving = carlo_coordinator::serve(
        settings,
        Arc::new(RedbLedger::open(&path)?),
        Arc::new(Then(Instant::now())),
        url.clone(),
        TcpIncoming::from(listener).with_nodelay(Some(true)),
        stop,
    );
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            eprintln!("the coordinator ended: {:#}", anyhow::Error::from(error));
        }
    });
    Ok(url)
}

async fn get(client: &Client, path: &str) -> anyhow::Result<Value> {
    let answer = client.call(Method::GET, path, None).await?;
    answer.error_for_status().with_context(|| path.to_owned())?.json().await.context("it is JSON")
}

#[tokio::test]
async fn the_previous_release_s_ledger_opens_its_results_are_served_and_its_jobs_finish() -> anyhow::Result<()>
{
    let directory = tempfile::tempdir()?;
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    let url = coordinator(directory.path(), stop).await?;
    let gateway =
        Daemon::listening("carlo-gateway", &["--listen", "127.0.0.1:0", "--coordinator", &url], &[]).await?;
    let anybody = Client::new(format!("http://{}", gateway.address));
    let [admin, ada, bob] = [ADMIN, ADA, BOB].map(|key| anybody.with_key(key));

    // Jobs that had ended are unchanged.
    let job = get(&ada, &format!("/api/jobs/{COMPLETE}")).await?;
    assert_eq!(job["status"], "complete");
    assert_eq!(job["results"]["successProbability"], 0.359_69);
    assert_eq!(job["results"]["modelVersion"], 4);
    assert_eq!(job["results"]["digest"], "da952d2567cd5e55cb16482bcd696776ecebcac344446d07c3d20ec2e2f39b61");
    assert_eq!(get(&ada, &format!("/api/jobs/{CANCELLED}")).await?["status"], "cancelled");
    let batch = get(&ada, &format!("/simulations/batch/{BATCH}")).await?;
    assert_eq!((&batch["status"], &batch["progress"]["completed_jobs"]), (&json!("COMPLETED"), &json!(2)));
    assert_eq!(
        (&batch["cost"]["actual_cost_usd"], &batch["cost"]["budget_remaining_usd"]),
        (&json!(0.0003), &json!(0.9997))
    );
    assert_eq!(batch["metadata"], json!({"z": 1, "a": [1, 2]}));
    let usage = get(&ada, "/simulations/batch/usage").await?;
    assert_eq!((&usage["tier"], &usage["simulations_used"]), (&json!("pro"), &json!(8)));
    assert_eq!(get(&bob, "/simulations/batch/usage").await?["tier"], "free");

    // Drained nodes stay drained, and open jobs continue.
    let nodes = get(&admin, "/api/cluster/status").await?;
    assert_eq!(nodes["totalNodes"], 0);
    for id in [RUNNING, QUEUED, OPEN_BATCH_JOBS[0], OPEN_BATCH_JOBS[1]] {
        let job = ada.job(id).await?;
        assert!(matches!(job.status, JobStatus::Queued | JobStatus::Running), "{id} is {:?}", job.status);
    }
    let join_token = directory.path().join("join-token");
    let join_token = join_token.to_str().context("the temporary directory has a readable name")?;
    let worker = |name| {
        let arguments =
            ["--coordinator", &url, "--name", name, "--threads", "1", "--join-token-file", join_token];
        Daemon::start("carlo-worker", &arguments, &[])
    };
    let _drained = worker("old-worker")?;
    let _working = worker("new-worker")?;
    for (id, simulations) in
        [(RUNNING, 8_000_000), (QUEUED, 70_000), (OPEN_BATCH_JOBS[0], 60_000), (OPEN_BATCH_JOBS[1], 60_000)]
    {
        let job = ada.complete(id).await?;
        assert_eq!(job.results.context("a complete job has results")?.simulations_run, simulations, "{id}");
    }
    let batch = get(&ada, &format!("/simulations/batch/{OPEN_BATCH}")).await?;
    assert_eq!(batch["status"], "COMPLETED");
    assert_eq!(
        (&batch["cost"]["actual_cost_usd"], &batch["cost"]["budget_remaining_usd"]),
        (&json!(0.0006), &json!(0.4994))
    );
    let cluster = get(&admin, "/api/cluster/status").await?;
    let drained = cluster["nodes"].as_array().context("nodes are a list")?;
    let drained = drained.iter().find(|node| node["name"] == "old-worker").context("it has joined")?;
    assert_eq!((&drained["status"], &drained["simulationsProcessed"]), (&json!("draining"), &json!(0)));
    Ok(())
}
