//! Several coordinators on one etcd.

use std::time::{Duration, Instant};

use anyhow::Context;
use carlo_rest::cluster::NodeStatus;

use crate::etcd::Etcd;
use crate::{Client, Daemon, PATIENCE};

const POLL: Duration = Duration::from_millis(20);

/// Coordinators that share an etcd, and a gateway that knows all of them.
#[derive(Debug)]
pub struct Several {
    /// What they share.
    pub etcd: Etcd,
    /// The coordinators, until they are killed.
    pub coordinators: Vec<Daemon>,
    /// The gateway.
    pub gateway: Daemon,
    /// Talks to the gateway.
    pub client: Client,
}

impl Several {
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

    /// Which coordinator leads, once one does.
    pub async fn leader(&self) -> anyhow::Result<usize> {
        let cluster = self.client.cluster_until(|_| true).await?;
        let leader = self.coordinators.iter().position(|coordinator| url(coordinator) == cluster.leader);
        leader.with_context(|| format!("{} is none of the coordinators", cluster.leader))
    }

    /// Waits until another coordinator than this one leads and has given out work; after how long each of both.
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

    /// Starts a coordinator again that was killed, at its old address.
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

    /// Submits a job, again and again until it is acknowledged; its id. A submission that failed may have been kept, too.
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

/// A gateway to these coordinators.
pub async fn gateway(urls: &[String]) -> anyhow::Result<Daemon> {
    Daemon::listening("carlo-gateway", &["--listen", "127.0.0.1:0", "--coordinator", &urls.join(",")], &[])
        .await
}

async fn coordinator(etcd: &Etcd, listen: &str) -> anyhow::Result<Daemon> {
    let etcd = etcd.url();
    Daemon::listening("carlo-coordinator", &["--listen", listen, "--etcd", &etcd, "--auth", "off"], &[]).await
}
