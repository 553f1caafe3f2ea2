//! The ledger of a running cluster is backed up, and another cluster goes on with the copy.

use std::path::Path;

use anyhow::{Context as _, ensure};
use carlo_rest::job::JobStatus;
use carlo_tests::{Auth, Client, Cluster, Daemon, ledger, text};
use reqwest::Method;
use serde_json::Value;

/// A job of at least a second on one thread.
const LONG: u64 = 20_000_000;

fn worker(coordinator: &str, name: &str, token: &Path) -> anyhow::Result<Daemon> {
    let arguments =
        ["--coordinator", coordinator, "--name", name, "--threads", "1", "--join-token-file", text(token)?];
    Daemon::start("carlo-worker", &arguments, &[])
}

#[tokio::test]
async fn a_running_cluster_is_backed_up_and_its_copy_finishes_the_jobs() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    let address = format!("http://{}", cluster.coordinator_address);
    let token = cluster.data().join("join-token");
    let first = worker(&address, "one", &token)?;
    let client = cluster.client.clone();
    let complete = client.submit(&Client::request(100_000, 1)).await?;
    let before = client.complete(&complete).await?;
    let running = client.submit(&Client::request(LONG, 2)).await?;
    client.job_until(&running, |job| job.simulations_complete > 0).await?;

    let directory = tempfile::tempdir()?;
    let [copy, refusal, data] = ["copy", "refusal", "data"].map(|name| directory.path().join(name));
    let (copy, refusal, data) = (text(&copy)?, text(&refusal)?, text(&data)?);
    let key = cluster.data().join("admin-key");
    let from = ["--coordinator", &address, "--key-file", text(&key)?];
    ledger::succeed(&[&["backup", copy], &from[..]].concat()).await?;
    ledger::be_refused(&[&["backup", copy], &from[..]].concat(), 1, "File exists").await?;
    ledger::be_refused(&["backup", refusal, "--coordinator", &address], 1, "an API key is needed").await?;
    ledger::be_refused(&["backup", refusal, "--coordinator", "http://127.0.0.1:9"], 1, "refused").await?;
    ledger::be_refused(&["backup", refusal], 2, "give the ledger").await?;
    ensure!(!Path::new(refusal).exists(), "a refused backup left a file");
    let audit = client.call(Method::GET, "/api/admin/audit", None).await?.json::<Value>().await?;
    ensure!(audit["records"][0]["action"] == "ledgerExported", "{audit}");
    // The cluster goes on.
    let digest = client.complete(&running).await?.results.context("it is complete")?.digest;
    drop(first);

    ledger::succeed(&["restore", copy, "--data-dir", data]).await?;
    let arguments =
        ["--listen", "127.0.0.1:0", "--data-dir", data, "--admin-key-file", text(&key)?, "--join-token-file"];
    let coordinator =
        Daemon::listening("carlo-coordinator", &[&arguments[..], &[text(&token)?]].concat(), &[]).await?;
    let to = format!("http://{}", coordinator.address);
    let gateway =
        Daemon::listening("carlo-gateway", &["--listen", "127.0.0.1:0", "--coordinator", &to], &[]).await?;
    let admin = client.key().context("authentication is on")?;
    let restored = Client::new(format!("http://{}", gateway.address)).with_key(admin);
    let after = restored.complete(&complete).await?;
    ensure!(after == before, "a complete job is another: {after:?}");
    ensure!(restored.job(&running).await?.status != JobStatus::Complete, "the copy is of a later moment");
    let _second = worker(&to, "two", &token)?;
    let finished = restored.complete(&running).await?.results.context("it is complete")?;
    ensure!(finished.digest == digest, "the copy's digest is {}, not {digest}", finished.digest);
    Ok(())
}
