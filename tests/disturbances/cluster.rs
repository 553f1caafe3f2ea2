//! The processes, each on a machine of the network.

use std::net::SocketAddr;

use carlo_tests::etcd::{Etcd, free_port};
use carlo_tests::{Daemon, Host};

use crate::network::{Component, Network};

/// The number of workers, with one thread each.
pub(crate) const WORKERS: usize = 4;
/// The number of coordinators, one of which leads.
pub(crate) const COORDINATORS: usize = 2;
/// Attempts to start a daemon. Its port is free when it is chosen, but another program may take it
/// before the daemon does, also at a restart.
const ATTEMPTS: usize = 5;

/// A daemon that is restarted after it was killed.
pub(crate) struct Process {
    name: &'static str,
    host: Host,
    arguments: Vec<String>,
    pub(crate) daemon: Option<Daemon>,
}

impl Process {
    async fn new(name: &'static str, host: Host, arguments: Vec<String>) -> anyhow::Result<Self> {
        let mut process = Self { name, host, arguments, daemon: None };
        process.start().await?;
        Ok(process)
    }

    /// Starts it unless it runs.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        for attempt in 1..=ATTEMPTS {
            if self.daemon.is_some() {
                break;
            }
            let started = if self.name == "carlo-worker" {
                // Its log is not read, and would fill the pipe.
                Daemon::start_on(&self.host, self.name, &arguments, &[("CARLO_LOG", "error")])
            } else {
                Daemon::listening_on(&self.host, self.name, &arguments, &[]).await
            };
            match started {
                Err(error) if attempt == ATTEMPTS => return Err(error),
                started => self.daemon = started.ok(),
            }
        }
        Ok(())
    }
}

/// All processes.
pub(crate) struct Cluster {
    pub(crate) etcd: Etcd,
    pub(crate) network: Network,
    pub(crate) coordinators: Vec<Process>,
    pub(crate) workers: Vec<Process>,
    pub(crate) gateway: Process,
    gateway_address: SocketAddr,
}

impl Cluster {
    pub(crate) async fn start(mut network: Network) -> anyhow::Result<Self> {
        let etcd = Etcd::start_on(network.host(Component::Etcd)).await?;
        let etcd_address: SocketAddr = etcd.url().trim_start_matches("http://").parse()?;
        let (mut known, mut coordinators) = (Vec::new(), Vec::new());
        for index in 0..COORDINATORS {
            let host = network.host(Component::Coordinator(index));
            let address = any_port(&host)?;
            let (up, front) = (network.uplink(etcd_address).await?, network.front(address).await?);
            let arguments = strings(["--auth", "off", "--listen"])
                .chain([address.to_string(), "--etcd".to_owned(), url(up)])
                .chain(["--advertise".to_owned(), url(front)]);
            coordinators.push(Process::new("carlo-coordinator", host, arguments.collect()).await?);
            known.push(url(front));
        }
        let known = known.join(",");
        let mut workers = Vec::new();
        for number in 0..WORKERS {
            let arguments = strings(["--threads", "1", "--coordinator", &known, "--name"])
                .chain([format!("worker-{number}")]);
            let host = network.host(Component::Worker(number));
            workers.push(Process::new("carlo-worker", host, arguments.collect()).await?);
        }
        let host = network.host(Component::Gateway);
        let gateway_address = any_port(&host)?;
        let arguments =
            strings(["--coordinator", &known, "--listen"]).chain([gateway_address.to_string()]).collect();
        let gateway = Process::new("carlo-gateway", host, arguments).await?;
        Ok(Self { etcd, network, coordinators, workers, gateway, gateway_address })
    }

    pub(crate) fn gateway_url(&self) -> String {
        url(self.gateway_address)
    }
}

fn any_port(host: &Host) -> anyhow::Result<SocketAddr> {
    Ok(SocketAddr::from((host.address, free_port()?)))
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn strings<const N: usize>(words: [&str; N]) -> impl Iterator<Item = String> {
    words.map(ToOwned::to_owned).into_iter()
}
