//! Workers join, leave and are refused.

use carlo_rest::cluster::NodeStatus;
use carlo_tests::{Client, Cluster, Daemon};
use carlo_wire::v1::worker_message::Message;
use carlo_wire::v1::workers_client::WorkersClient;
use carlo_wire::{Coordinators, v1};
use tonic::Code;

use crate::puppet::hello;

#[tokio::test]
async fn workers_join_and_leave_while_jobs_run() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let first = cluster.worker("first", 1, None).await?;
    let id = cluster.client.submit(&Client::request(40_000_000, 1)).await?;
    cluster.client.job_until(&id, |job| job.simulations_complete > 0).await?;
    let _second = cluster.worker("second", 1, None).await?;
    // SIGTERM drains: the worker reports its leases, then leaves.
    assert_eq!(first.terminate().await?, Some(0));
    let status = cluster.client.cluster_until(|cluster| cluster.offline_nodes == 1).await?;
    let left = status.nodes.iter().find(|node| node.name == "first").expect("it is listed for a while");
    assert_eq!(left.status, NodeStatus::Offline);
    let results = cluster.client.complete(&id).await?.results.expect("a complete job has results");
    assert_eq!(results.workers_used, 2);
    Ok(())
}

/// Greets a coordinator as a worker would, and returns its answer.
async fn greet(cluster: &Cluster, hello: v1::Hello) -> anyhow::Result<Result<(), tonic::Status>> {
    let coordinators = Coordinators::new(&[format!("http://{}", cluster.coordinator_address)])?;
    let greeting = v1::WorkerMessage { message: Some(Message::Hello(hello)) };
    let answer = WorkersClient::new(coordinators.channel()).work(tokio_stream::iter([greeting])).await;
    Ok(answer.map(drop))
}

#[tokio::test]
async fn a_worker_of_another_model_version_is_refused_in_words() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let other = v1::Hello { model_version: 999, ..hello("stranger") };
    let refusal = greet(&cluster, other).await?.expect_err("another model");
    assert_eq!(refusal.code(), Code::Unimplemented);
    assert!(refusal.message().contains("model") && refusal.message().contains("999"), "{refusal:?}");
    assert!(greet(&cluster, hello("stranger")).await?.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_worker_of_another_protocol_is_refused_in_words() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let other = v1::Hello { protocol_version: 999, ..hello("stranger") };
    let refusal = greet(&cluster, other).await?.expect_err("another protocol");
    assert!(refusal.message().contains("protocol"), "{refusal:?}");
    Ok(())
}

#[tokio::test]
async fn a_greeting_that_is_none_is_refused_by_field() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let nameless = v1::Hello { name: String::new(), ..hello("stranger") };
    let refusal = greet(&cluster, nameless).await?.expect_err("no name");
    assert_eq!(refusal.code(), Code::InvalidArgument);
    assert!(refusal.message().starts_with("hello.name"), "{refusal:?}");
    Ok(())
}

#[tokio::test]
async fn a_worker_whose_name_is_none_ends_with_the_reason() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let url = format!("http://{}", cluster.coordinator_address);
    let name = "n".repeat(1_000);
    let worker = Daemon::start("carlo-worker", &["--coordinator", &url, "--name", &name], &[])?;
    let (status, log) = worker.ended().await?;
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("refused by the coordinator") && log.contains("hello.name"), "{log}");
    Ok(())
}
