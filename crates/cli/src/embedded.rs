//! A whole cluster in this process: a coordinator, a worker and a gateway. They run exactly as in
//! their daemons, with listeners and URLs on loopback, and are stopped in order.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use carlo_coordinator::Data;
use carlo_service::{CancellationToken, listen};
use carlo_webhooks::Reach;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long each daemon may take to end. The sum is below the 5 s in which `carlo up` promises to
/// end.
const GATEWAY_DRAIN: Duration = Duration::from_millis(500);
const WORKER_DRAIN: Duration = Duration::from_millis(2_500);
const COORDINATOR_DRAIN: Duration = Duration::from_millis(1_500);

/// The options of an embedded cluster.
#[derive(Debug)]
pub struct Options {
    /// The place of the ledger.
    pub data: Data,
    /// The address of the gateway.
    pub listen: SocketAddr,
    /// The address of the coordinator.
    pub coordinator_listen: SocketAddr,
    /// The number of computing threads; `None` for as many as the machine has.
    pub threads: Option<NonZeroUsize>,
    /// Whether the gateway serves the web interface.
    pub web: bool,
    /// Where webhooks may be sent.
    pub webhook_reach: Reach,
}

/// A running cluster.
#[derive(Debug)]
pub struct Embedded {
    url: String,
    coordinator_url: String,
    gateway: Daemon,
    worker: Daemon,
    coordinator: Daemon,
}

impl Embedded {
    /// Starts the cluster. Calls can be made at once; they wait until it is ready.
    ///
    /// # Errors
    ///
    /// If it can't listen on one of the addresses.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let listener = listen::loopback(options.listen).await?;
        let coordinator_listener = listen::loopback(options.coordinator_listen).await?;
        let url = url_of(&listener)?;
        let coordinator_url = url_of(&coordinator_listener)?;
        let coordinators = vec![coordinator_url.clone()];

        let mut config = carlo_coordinator::Config::new(options.data);
        config.settings.webhook_reach = options.webhook_reach;
        let coordinator = Daemon::start("coordinator", |shutdown| async {
            Ok(Box::pin(carlo_coordinator::run(config, coordinator_listener, shutdown)).await?)
        });
        let config = carlo_worker::Config {
            threads: options.threads,
            name: Some("embedded".to_owned()),
            ..carlo_worker::Config::new(coordinators.clone())
        };
        let worker =
            Daemon::start("worker", |shutdown| async { Ok(carlo_worker::run(config, shutdown).await?) });
        let config = carlo_gateway::Config { web: options.web, ..carlo_gateway::Config::new(coordinators) };
        let gateway = Daemon::start("gateway", |shutdown| async {
            Ok(carlo_gateway::run(config, listener, shutdown).await?)
        });
        Ok(Self { url, coordinator_url, gateway, worker, coordinator })
    }

    /// The gateway's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The coordinator's URL, for workers and gRPC clients.
    pub fn coordinator_url(&self) -> &str {
        &self.coordinator_url
    }

    /// Resolves with the reason when a daemon ends by itself. The cluster can't work without it.
    pub async fn failed(&mut self) -> anyhow::Error {
        let (name, ended) = tokio::select! {
            // A daemon may cause others to end, so the most likely cause is reported.
            biased;
            ended = self.coordinator.ended() => (self.coordinator.name, ended),
            ended = self.worker.ended() => (self.worker.name, ended),
            ended = self.gateway.ended() => (self.gateway.name, ended),
        };
        let error = ended.err().unwrap_or_else(|| anyhow!("it ended by itself"));
        error.context(format!("the embedded {name} failed"))
    }

    /// Stops the cluster in order: the gateway accepts no more requests, the worker reports its
    /// leases, and the coordinator commits them.
    ///
    /// # Errors
    ///
    /// If a daemon failed. A daemon that doesn't end in time is no error, because all important
    /// state is durable.
    pub async fn shut_down(self) -> anyhow::Result<()> {
        let gateway = self.gateway.shut_down(GATEWAY_DRAIN).await;
        let worker = self.worker.shut_down(WORKER_DRAIN).await;
        let coordinator = self.coordinator.shut_down(COORDINATOR_DRAIN).await;
        coordinator.and(worker).and(gateway)
    }
}

fn url_of(listener: &tokio::net::TcpListener) -> anyhow::Result<String> {
    let address = listener.local_addr().context("failed to learn the address that was listened on")?;
    Ok(format!("http://{address}"))
}

/// One daemon's task.
#[derive(Debug)]
struct Daemon {
    name: &'static str,
    shutdown: CancellationToken,
    /// `None` after the end of the task was noticed.
    task: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Daemon {
    fn start<F>(name: &'static str, run: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(run(shutdown.clone()));
        Self { name, shutdown, task: Some(task) }
    }

    /// Resolves when the task ends. Never resolves if its end was noticed before.
    async fn ended(&mut self) -> anyhow::Result<()> {
        let Some(task) = &mut self.task else { return std::future::pending().await };
        let ended = task.await;
        self.task = None;
        ended.unwrap_or_else(|panic| Err(panic.into()))
    }

    async fn shut_down(mut self, limit: Duration) -> anyhow::Result<()> {
        self.shutdown.cancel();
        if self.task.is_none() {
            return Ok(());
        }
        let Ok(ended) = timeout(limit, self.ended()).await else {
            tracing::warn!(daemon = self.name, ?limit, "left behind: it did not end in time");
            if let Some(task) = &self.task {
                task.abort();
            }
            return Ok(());
        };
        ended.with_context(|| format!("the embedded {} failed to end", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_daemon_that_fails_is_seen_once_and_can_still_be_shut_down() {
        let mut daemon = Daemon::start("worker", |_| async { Err(anyhow!("no threads")) });
        assert_eq!(daemon.ended().await.unwrap_err().to_string(), "no threads");
        daemon.shut_down(Duration::from_mins(1)).await.unwrap();
    }

    #[tokio::test]
    async fn a_daemon_that_panics_has_failed() {
        let mut daemon = Daemon::start("worker", |_| async { panic!("on purpose") });
        assert!(daemon.ended().await.unwrap_err().to_string().contains("panicked"));
    }

    #[tokio::test]
    async fn a_daemon_is_asked_to_end_and_then_left_behind() {
        let obedient = Daemon::start("gateway", |shutdown| async move {
            shutdown.cancelled().await;
            Ok(())
        });
        obedient.shut_down(Duration::from_millis(10)).await.unwrap();
        let deaf = Daemon::start("gateway", |_| std::future::pending());
        deaf.shut_down(Duration::from_millis(10)).await.unwrap();
    }

    #[tokio::test]
    async fn an_open_address_is_refused() {
        let options = Options {
            data: Data::Temporary,
            listen: ([0, 0, 0, 0], 0).into(),
            coordinator_listen: ([127, 0, 0, 1], 0).into(),
            threads: None,
            web: true,
            webhook_reach: Reach::default(),
        };
        let error = Embedded::start(options).await.unwrap_err();
        assert!(error.is::<listen::ListenError>(), "{error}");
    }
}
