//! Clusters of real processes, for tests: daemons as operators start them, killed in the ways that
//! machines fail.
//!
//! Every cluster has its own ports and its own data directory, and ends with the test that created
//! it.

mod client;
#[cfg(feature = "etcd")]
pub mod etcd;
mod host;
pub mod http2;
pub mod ledger;
mod link;
mod process;
#[cfg(feature = "etcd")]
pub mod replicated;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use carlo_rest::cluster::{Node, NodeStatus};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

pub use client::Client;
pub use host::Host;
pub use link::Link;
pub use process::{Daemon, binary};

/// How long a test waits for anything that should take a moment. A longer wait means a bug, however
/// busy the machine is.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A path as an argument of a program.
///
/// # Errors
///
/// If it isn't UTF-8.
pub fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Whether callers need keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Everybody is the user `local`.
    Off,
    /// Callers need keys, and workers need the join token.
    On,
}

/// A coordinator, a gateway and any number of workers.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Cluster {
    data: TempDir,
    auth: Auth,
    /// Further arguments of the coordinator.
    options: &'static [&'static str],
    /// The coordinator, until it is killed.
    pub coordinator: Daemon,
    /// The coordinator's address, which a restart keeps.
    pub coordinator_address: SocketAddr,
    pub gateway: Daemon,
    /// A client of the gateway.
    pub client: Client,
}

impl Cluster {
    /// Starts a coordinator and a gateway.
    pub async fn start() -> anyhow::Result<Self> {
        Self::with(Auth::Off).await
    }

    /// Starts a coordinator and a gateway, with or without authentication. The client uses the
    /// first key. Workers can't join with authentication.
    pub async fn with(auth: Auth) -> anyhow::Result<Self> {
        Self::with_options(auth, &[]).await
    }

    /// The same with further arguments of the coordinator.
    pub async fn with_options(auth: Auth, options: &'static [&'static str]) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let coordinator = Self::coordinator(data.path(), "127.0.0.1:0", auth, options).await?;
        let coordinator_address = coordinator.address;
        let url = format!("http://{coordinator_address}");
        let gateway =
            Daemon::listening("carlo-gateway", &["--listen", "127.0.0.1:0", "--coordinator", &url], &[])
                .await?;
        let client = Client::new(format!("http://{}", gateway.address));
        let client = match auth {
            Auth::Off => client,
            Auth::On => client.with_key(std::fs::read_to_string(data.path().join("admin-key"))?.trim()),
        };
        Ok(Self { data, auth, options, coordinator, coordinator_address, gateway, client })
    }

    /// Lifts the rate limits of the tier enterprise, for a test that makes many calls with keys.
    pub async fn lift_rate_limits(&self) -> anyhow::Result<()> {
        let free = json!({"calls_per_second": -1, "calls_per_minute": -1, "calls_per_hour": -1});
        let tiers = json!({"tiers": {"enterprise": free}});
        let answer = self.client.call(Method::PUT, "/api/admin/tiers", Some(&tiers)).await?;
        answer.error_for_status()?;
        Ok(())
    }

    /// The coordinator's data directory.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    async fn coordinator(data: &Path, listen: &str, auth: Auth, options: &[&str]) -> anyhow::Result<Daemon> {
        let data = data.to_str().context("the temporary directory has a readable name")?;
        let auth = match auth {
            Auth::Off => "off",
            Auth::On => "on",
        };
        let arguments = ["--listen", listen, "--data-dir", data, "--auth", auth];
        Daemon::listening("carlo-coordinator", &[&arguments, options].concat(), &[]).await
    }

    /// Kills the coordinator with SIGKILL and starts it again, on the same port and data.
    pub async fn crash_coordinator(&mut self) -> anyhow::Result<()> {
        self.coordinator.kill().await?;
        let address = self.coordinator_address.to_string();
        self.coordinator = Self::coordinator(self.data.path(), &address, self.auth, self.options).await?;
        Ok(())
    }

    /// Starts a worker and waits until the cluster lists it.
    pub async fn worker(&self, name: &str, threads: usize, simd: Option<&str>) -> anyhow::Result<Daemon> {
        self.worker_at(self.coordinator_address, name, threads, simd).await
    }

    /// Like [`worker`](Self::worker), for a worker that reaches the coordinator at another address.
    pub async fn worker_at(
        &self,
        address: SocketAddr,
        name: &str,
        threads: usize,
        simd: Option<&str>,
    ) -> anyhow::Result<Daemon> {
        let url = format!("http://{address}");
        let threads = threads.to_string();
        let arguments = ["--coordinator", &url, "--name", name, "--threads", &threads];
        let variables: Vec<_> = simd.map(|level| ("CARLO_SIMD", level)).into_iter().collect();
        let worker = Daemon::start("carlo-worker", &arguments, &variables)?;
        self.node_until(name, |node| node.status != NodeStatus::Offline).await?;
        Ok(worker)
    }

    /// Waits until `enough` accepts the node with this name.
    pub async fn node_until(&self, name: &str, enough: impl Fn(&Node) -> bool) -> anyhow::Result<Node> {
        let named = |cluster: &carlo_rest::Cluster| {
            cluster.nodes.iter().find(|node| node.name == name && enough(node)).cloned()
        };
        let cluster = self.client.cluster_until(|cluster| named(cluster).is_some()).await?;
        named(&cluster).context("it was there a moment ago")
    }
}
