//! A real etcd with one member, on loopback, with its own data and ports. It is Debian's
//! `etcd-server`.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::process::Child;

use crate::process::signal;
use crate::{Host, PATIENCE};

/// Attempts to start etcd. Ports are free when they are chosen, but another program may take them
/// before etcd does.
const ATTEMPTS: usize = 5;
const POLL: Duration = Duration::from_millis(50);

/// An etcd in its own process. Dropping it kills it.
#[derive(Debug)]
pub struct Etcd {
    child: Child,
    host: Host,
    data: TempDir,
    ports: (u16, u16),
    tls: Option<Tls>,
}

/// A self-signed certificate of an etcd.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate, in PEM.
    pub certificate: String,
    key: String,
}

impl Etcd {
    /// Starts an etcd and waits until it serves.
    pub async fn start() -> anyhow::Result<Self> {
        Self::with(Host::this(), None).await
    }

    /// Starts an etcd on a host and waits until it serves.
    pub async fn start_on(host: Host) -> anyhow::Result<Self> {
        Self::with(host, None).await
    }

    /// Starts an etcd that only speaks TLS.
    pub async fn with_tls() -> anyhow::Result<Self> {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let tls = Tls { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() };
        Self::with(Host::this(), Some(tls)).await
    }

    async fn with(host: Host, tls: Option<Tls>) -> anyhow::Result<Self> {
        for _ in 0..ATTEMPTS {
            let data = tempfile::tempdir()?;
            let ports = (free_port()?, free_port()?);
            let child = spawn(&host, data.path(), ports, tls.as_ref())?;
            let mut etcd = Self { child, host: host.clone(), data, ports, tls: tls.clone() };
            if etcd.serves().await? {
                return Ok(etcd);
            }
        }
        bail!("etcd ended {ATTEMPTS} times before it served");
    }

    /// The URL for clients.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host.address, self.ports.0)
    }

    /// Its certificate, if it speaks TLS.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Freezes it: connections stay open, but nothing answers.
    pub fn freeze(&self) -> anyhow::Result<()> {
        signal(&self.child, "STOP")
    }

    /// Continues it after a freeze.
    pub fn thaw(&self) -> anyhow::Result<()> {
        signal(&self.child, "CONT")
    }

    /// Kills it with SIGKILL.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("failed to kill etcd")
    }

    /// Starts it again after a kill, on the same data and ports.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.child = spawn(&self.host, self.data.path(), self.ports, self.tls.as_ref())?;
        if self.serves().await? { Ok(()) } else { bail!("etcd didn't start again") }
    }

    /// Waits until it serves. Returns `false` if it ended instead.
    async fn serves(&mut self) -> anyhow::Result<bool> {
        carlo_service::tls::install_provider();
        let http = reqwest::Client::new();
        // The port for metrics reports its health without TLS.
        let url = format!("http://{}:{}/health", self.host.address, self.ports.1);
        let healthy = async {
            loop {
                if self.child.try_wait()?.is_some() {
                    return anyhow::Ok(false);
                }
                if let Ok(answer) = http.get(&url).send().await
                    && answer.status() == 200
                {
                    return Ok(true);
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(PATIENCE, healthy).await.context("etcd didn't serve in time")?
    }
}

/// A port that is free at the moment.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn spawn(
    host: &Host,
    data: &Path,
    (client, metrics): (u16, u16),
    tls: Option<&Tls>,
) -> anyhow::Result<Child> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let client = format!("{scheme}://{}:{client}", host.address);
    let mut command = host.command("etcd");
    command
        .arg("--data-dir")
        .arg(data.join("etcd"))
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-metrics-urls", &format!("http://{}:{metrics}", host.address)])
        // A cluster with one member has no peers: any port will do.
        .args(["--listen-peer-urls", "http://127.0.0.1:0", "--log-level", "error", "--logger", "zap"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    if let Some(Tls { certificate, key }) = tls {
        for (argument, name, pem) in
            [("--cert-file", "certificate.pem", certificate), ("--key-file", "key.pem", key)]
        {
            let path = data.join(name);
            std::fs::write(&path, pem)?;
            command.arg(argument).arg(path);
        }
    }
    command.spawn().context("failed to start etcd; Debian has it in the package etcd-server")
}
