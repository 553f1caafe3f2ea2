//! Draining: a node finishes its leases and gets no more, even after a restart of the coordinator
//! or the worker.

use std::process::Command;

use carlo_rest::cluster::NodeStatus;
use carlo_rest::job::JobStatus;
use carlo_tests::{Client, Cluster, binary};
use carlo_wire::v1::worker_message::Message as FromWorker;
use reqwest::Method;

use crate::puppet::{Puppet, computed, hello, lease_of};

/// More than any machine simulates during a test.
const ENDLESS: u64 = 1_000_000_000_000;

/// Runs `carlo nodes` with these arguments and returns its output.
async fn nodes(cluster: &Cluster, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(binary("carlo")?);
    command.arg("nodes").args(arguments).args(["--url", cluster.client.url()]);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    anyhow::ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn a_draining_node_finishes_what_it_holds_and_another_goes_on() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let _first = cluster.worker("first", 1, None).await?;
    let id = cluster.client.submit(&Client::request(ENDLESS, 1)).await?;
    cluster.client.job_until(&id, |job| job.simulations_complete > 0).await?;
    assert_eq!(
        nodes(&cluster, &["drain", "first"]).await?,
        "first finishes its leases and gets no new ones\n"
    );
    let idle = cluster.node_until("first", |node| node.current_job_ids.is_empty()).await?;
    assert_eq!(idle.status, NodeStatus::Draining);
    // All of its leases were reported and counted.
    let job = cluster.client.job(&id).await?;
    assert_eq!(job.simulations_complete, idle.simulations_processed);
    assert_eq!(job.allocated_nodes, 0);

    let _second = cluster.worker("second", 1, None).await?;
    cluster.client.job_until(&id, |now| now.simulations_complete > job.simulations_complete).await?;
    let still = cluster.node_until("first", |_| true).await?;
    assert_eq!(still.simulations_processed, idle.simulations_processed);
    assert_eq!(nodes(&cluster, &["undrain", &still.id]).await?, "first gets work again\n");
    cluster.node_until("first", |node| node.status == NodeStatus::Busy).await?;
    Ok(())
}

#[tokio::test]
async fn a_drain_gives_nothing_more_than_what_is_out_already() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let mut puppet = Puppet::join(&cluster, hello("puppet")).await?;
    let id = cluster.client.submit(&Client::request(ENDLESS, 1)).await?;
    let first = puppet.granted().await?;
    let mut second = puppet.granted().await?;
    second.specification.clone_from(&first.specification);
    nodes(&cluster, &["drain", "puppet"]).await?;
    for grant in [first, second] {
        puppet.say(FromWorker::Report(computed(&grant)?)).await?;
        // Any further grant would arrive before this acknowledgement.
        assert!(puppet.acknowledged(&lease_of(&grant)?).await?);
    }
    let node = cluster.node_until("puppet", |node| node.current_job_ids.is_empty()).await?;
    assert_eq!(node.status, NodeStatus::Draining);
    let job = cluster.client.job(&id).await?;
    assert_eq!((job.status, job.simulations_complete), (JobStatus::Running, node.simulations_processed));
    Ok(())
}

#[tokio::test]
async fn a_drain_survives_a_killed_coordinator() -> anyhow::Result<()> {
    let mut cluster = Cluster::start().await?;
    let worker = cluster.worker("first", 1, None).await?;
    let node = cluster.node_until("first", |_| true).await?;
    let path = |verb| format!("/api/cluster/nodes/{}/{verb}", node.id);
    assert_eq!(cluster.client.call(Method::POST, &path("drain"), None).await?.status(), 200);

    cluster.crash_coordinator().await?;
    let back = cluster.node_until("first", |node| node.status == NodeStatus::Draining).await?;
    assert_eq!(back.id, node.id);
    let id = cluster.client.submit(&Client::request(1_000, 1)).await?;
    let waits = cluster.client.job(&id).await?;
    assert_eq!(waits.waiting_for.as_deref(), Some("every worker is draining"));
    // A new process with this name is drained, too.
    drop(worker);
    let _again = cluster.worker("first", 1, None).await?;
    let again = cluster.node_until("first", |now| now.id != node.id).await?;
    assert_eq!(again.status, NodeStatus::Draining);
    assert_eq!(cluster.client.job(&id).await?.status, JobStatus::Queued);
    nodes(&cluster, &["undrain", "first"]).await?;
    cluster.client.complete(&id).await?;
    Ok(())
}

#[tokio::test]
async fn nodes_that_are_not_there_are_404() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    for id in ["node_00000000000040008000000000000000", "first", "job_00000000000040008000000000000000"] {
        let path = format!("/api/cluster/nodes/{id}/drain");
        assert_eq!(cluster.client.call(Method::POST, &path, None).await?.status(), 404, "{id}");
    }
    Ok(())
}
