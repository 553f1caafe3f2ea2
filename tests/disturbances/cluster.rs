//! The processes, and the network between them as far as it can be cut: in front of each coordinator, and between it and etcd.

use std::net::SocketAddr;

use carlo_tests::etcd::{Etcd, free_port};
use carlo_tests::{Daemon, Link};

/// Workers, of one thread each.
pub(crate) const WORKERS: usize = 4;
/// Coordinators, of which one leads.
pub(crate) const COORDINATORS: usize = 2;
/// Ports are free when they are chosen, and something else may take one before its daemon does, at a restart too.
const ATTEMPTS: usize = 5;

/// A daemon that is started again whenever it was killed.
pub(crate) struct Process {
    name: &'static str,
    arguments: Vec<String>,
    pub(crate) daemon: Option<Daemon>,
}

impl Process {
    async fn new(name: &'static str, arguments: Vec<String>) -> anyhow::Result<Self> {
        let mut process = Self { name, arguments, daemon: None };
        process.start().await?;
        Ok(process)
    }

    /// Starts it, where it doesn't run.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        for attempt in 1..=ATTEMPTS {
            if self.daemon.is_some() {
                break;
            }
            let started = if self.name == "carlo-worker" {
                // Nobody reads its log, which would fill its pipe.
                Daemon::start(self.name, &arguments, &[("CARLO_LOG", "error")])
            } else {
                Daemon::listening(self.name, &arguments, &[]).await
            };
            match started {
                Err(error) if attempt == ATTEMPTS => return Err(error),
                started => self.daemon = started.ok(),
            }
        }
        Ok(())
    }
}

/// All of it.
pub(crate) struct Cluster {
    pub(crate) etcd: Etcd,
    /// From each coordinator to etcd.
    pub(crate) to_etcd: Vec<Link>,
    /// From everybody to each coordinator.
    pub(crate) to_coordinator: Vec<Link>,
    pub(crate) coordinators: Vec<Process>,
    pub(crate) workers: Vec<Process>,
    pub(crate) gateway: Process,
    gateway_address: SocketAddr,
}

impl Cluster {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let etcd = Etcd::start().await?;
        let etcd_address: SocketAddr = etcd.url().trim_start_matches("http://").parse()?;
        let (mut to_etcd, mut to_coordinator, mut coordinators) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..COORDINATORS {
            let address = local(free_port()?);
            let (up, front) = (Link::to(etcd_address).await?, Link::to(address).await?);
            let arguments = strings(["--auth", "off", "--listen"])
                .chain([address.to_string(), "--etcd".to_owned(), url(up.address)])
                .chain(["--advertise".to_owned(), url(front.address)]);
            coordinators.push(Process::new("carlo-coordinator", arguments.collect()).await?);
            to_etcd.push(up);
            to_coordinator.push(front);
        }
        let known: Vec<_> = to_coordinator.iter().map(|link| url(link.address)).collect();
        let known = known.join(",");
        let mut workers = Vec::new();
        for number in 0..WORKERS {
            let arguments = strings(["--threads", "1", "--coordinator", &known, "--name"])
                .chain([format!("worker-{number}")]);
            workers.push(Process::new("carlo-worker", arguments.collect()).await?);
        }
        let gateway_address = local(free_port()?);
        let arguments =
            strings(["--coordinator", &known, "--listen"]).chain([gateway_address.to_string()]).collect();
        let gateway = Process::new("carlo-gateway", arguments).await?;
        Ok(Self { etcd, to_etcd, to_coordinator, coordinators, workers, gateway, gateway_address })
    }

    pub(crate) fn gateway_url(&self) -> String {
        url(self.gateway_address)
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn strings<const N: usize>(words: [&str; N]) -> impl Iterator<Item = String> {
    words.map(ToOwned::to_owned).into_iter()
}
