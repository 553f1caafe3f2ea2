//! Join tokens of real workers: a rotation under load, and a token that is wrong for some time.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use carlo_rest::account::{CreatedJoinToken, JoinTokenList};
use carlo_rest::cluster::NodeStatus;
use carlo_tests::{Auth, Client, Cluster, Daemon};
use reqwest::Method;
use serde_json::{Value, json};

/// A job of at least a second on one thread.
const LONG: u64 = 20_000_000;

fn worker(cluster: &Cluster, token: &Path) -> anyhow::Result<Daemon> {
    let url = format!("http://{}", cluster.coordinator_address);
    let token = token.to_str().context("the temporary directory has a readable name")?;
    let arguments = ["--coordinator", &url, "--name", "one", "--threads", "1", "--join-token-file", token];
    Daemon::start("carlo-worker", &arguments, &[])
}

async fn tokens(client: &Client) -> anyhow::Result<JoinTokenList> {
    Ok(client.call(Method::GET, "/api/admin/tokens", None).await?.error_for_status()?.json().await?)
}

/// The number of the cluster's events of this kind.
async fn count_events(client: &Client, kind: &str) -> anyhow::Result<usize> {
    let events = client.call(Method::GET, "/api/cluster/events", None).await?.json::<Value>().await?;
    let events = events["events"].as_array().context("a list of events")?;
    Ok(events.iter().filter(|event| event["kind"] == kind).count())
}

#[tokio::test]
async fn a_token_is_rotated_under_load_and_costs_no_lease() -> anyhow::Result<()> {
    let mut cluster = Cluster::with(Auth::On).await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("token");
    fs::copy(cluster.data().join("join-token"), &file)?;
    let _worker = worker(&cluster, &file)?;
    cluster.node_until("one", |_| true).await?;
    let client = cluster.client.clone();
    let id = client.submit(&Client::request(LONG, 1)).await?;
    client.job_until(&id, |job| job.simulations_complete > 0).await?;

    let old = tokens(&client).await?.tokens;
    assert_eq!(old.len(), 1);
    let made = client.call(Method::POST, "/api/admin/tokens", Some(&json!({"note": "the next"}))).await?;
    let made = made.error_for_status()?.json::<CreatedJoinToken>().await?;
    fs::write(&file, made.text.context("it is shown once")?)?;
    let revoke = format!("/api/admin/tokens/{}", old[0].id);
    client.call(Method::DELETE, &revoke, None).await?.error_for_status()?;

    let job = client.complete(&id).await?;
    let results = job.results.context("a complete job has results")?;
    assert_eq!((results.results.simulations_run, results.workers_used), (LONG, 1));
    assert_eq!((count_events(&client, "joined").await?, count_events(&client, "lost").await?), (1, 0));

    // From now on workers need the new token, and have it.
    cluster.crash_coordinator().await?;
    cluster.node_until("one", |node| node.status != NodeStatus::Offline).await?;
    let tokens = tokens(&client).await?.tokens;
    let of = |id: &str| tokens.iter().find(|token| token.id == id).context("it is listed");
    assert!(of(&old[0].id)?.revoked_at.is_some());
    let new = of(&made.token.id)?;
    assert!(new.last_used_at.is_some() && new.note.as_deref() == Some("the next"), "{new:?}");
    Ok(())
}

#[tokio::test]
async fn a_worker_with_a_wrong_token_goes_on_asking_until_it_has_a_right_one() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("token");
    fs::write(&file, "a-token-of-another-cluster")?;
    let _worker = worker(&cluster, &file)?;
    while count_events(&cluster.client, "refused").await? == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    fs::copy(cluster.data().join("join-token"), &file)?;
    cluster.node_until("one", |node| node.status != NodeStatus::Offline).await?;
    Ok(())
}
