//! A cluster with several coordinators on one etcd.

use std::time::{Duration, Instant};

use anyhow::Context;
use carlo_rest::cluster::NodeStatus;

use crate::etcd::Etcd;
use crate::{Client, Daemon, PATIENCE};

const POLL: Duration = Duration::from_millis(20);

/// Coordinators that share an etcd, and a gateway that knows all of them.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReplicatedCluster {
    pub etcd: Etcd,
    /// The coordinators. Some may have been killed.
    pub coordinators: Vec<Daemon>,
    pub gateway: Daemon,
    /// A client of the gateway.
    pub client: Client,
}

impl ReplicatedCluster {
    /// Starts an etcd, this many coordinators and a gateway, and waits until one leads.
    pub async fn start(count: usize) -> anyhow::Result<Self> {
        let etcd = Etcd::start().await?;
        let mut coordinators = Vec::new();
        for _ in 0..count {
            coordinators.push(coordinator(&etcd, "127.0.0.1:0").await?);
        }
        let urls: Vec<_> = coordinators.iter().map(url).collect();
        let gateway = gateway(&urls).await?;
        let client = Client::new(format!("http://{}", gateway.address));
        let cluster = Self { etcd, coordinators, gateway, client };
        cluster.leader().await?;
        Ok(cluster)
    }

    /// The URLs of the coordinators.
    pub fn urls(&self) -> Vec<String> {
        self.coordinators.iter().map(url).collect()
    }

    /// Waits until a coordinator leads and returns its index.
    pub async fn leader(&self) -> anyhow::Result<usize> {
        let cluster = self.client.cluster_until(|_| true).await?;
        let leader = self.coordinators.iter().position(|coordinator| url(coordinator) == cluster.leader);
        leader.with_context(|| format!("{} is none of the coordinators", cluster.leader))
    }

    /// Waits until another coordinator than `before` leads, and until it has granted a lease.
    /// Returns how long after `since` each of the two happened.
    pub async fn other_leads(&self, before: usize, since: Instant) -> anyhow::Result<(Duration, Duration)> {
        let before = url(&self.coordinators[before]);
        self.client.cluster_until(|cluster| cluster.leader != before).await?;
        let leads = since.elapsed();
        let busy = |node: &carlo_rest::cluster::Node| node.status == NodeStatus::Busy;
        self.client
            .cluster_until(|cluster| cluster.leader != before && cluster.nodes.iter().any(busy))
            .await?;
        Ok((leads, since.elapsed()))
    }

    /// Restarts a killed coordinator at its old address.
    pub async fn restart(&mut self, index: usize) -> anyhow::Result<()> {
        let address = self.coordinators[index].address.to_string();
        self.coordinators[index] = coordinator(&self.etcd, &address).await?;
        Ok(())
    }

    /// Starts a worker that knows all coordinators and waits until the cluster lists it.
    pub async fn worker(&self, name: &str) -> anyhow::Result<Daemon> {
        let urls = self.urls().join(",");
        let worker =
            Daemon::start("carlo-worker", &["--coordinator", &urls, "--name", name, "--threads", "1"], &[])?;
        self.client.cluster_until(|cluster| cluster.nodes.iter().any(|node| node.name == name)).await?;
        Ok(worker)
    }

    /// Submits a job repeatedly until it is acknowledged, and returns its id. Failed submissions
    /// may have been accepted, too.
    pub async fn submit(client: &Client, request: &serde_json::Value) -> anyhow::Result<String> {
        let submitting = async {
            loop {
                match client.submit(request).await {
                    Ok(id) => return id,
                    Err(_) => tokio::time::sleep(POLL).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, submitting).await.context("no submission was acknowledged")
    }
}

/// The URL of a coordinator.
pub fn url(coordinator: &Daemon) -> String {
    format!("http://{}", coordinator.address)
}

/// Starts a gateway for these coordinators.
pub async fn gateway(urls: &[String]) -> anyhow::Result<Daemon> {
    Daemon::listening("carlo-gateway", &["--listen", "127.0.0.1:0", "--coordinator", &urls.join(",")], &[])
        .await
}

async fn coordinator(etcd: &Etcd, listen: &str) -> anyhow::Result<Daemon> {
    let etcd = etcd.url();
    Daemon::listening("carlo-coordinator", &["--listen", listen, "--etcd", &etcd, "--auth", "off"], &[]).await
}
