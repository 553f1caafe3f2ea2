//! Readiness probes over gRPC and HTTP, and the metrics of leadership.

use std::sync::Arc;
use std::time::Duration;

use carlo_service::admin::Admin;
use carlo_service::metrics::Metrics;
use carlo_store::Ledger;
use carlo_wire::v1::accounts_server::AccountsServer;
use carlo_wire::v1::batches_server::BatchesServer;
use carlo_wire::v1::cluster_server::ClusterServer;
use carlo_wire::v1::jobs_server::JobsServer;
use carlo_wire::v1::webhooks_server::WebhooksServer;
use carlo_wire::v1::workers_server::WorkersServer;
use tonic::server::NamedService as _;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::accounts::AccountsService;
use crate::batches::BatchesService;
use crate::cluster::ClusterService;
use crate::jobs::JobsService;
use crate::lead::{Leadership, Standing};
use crate::metrics::{Instruments, whole};
use crate::standby::Standbys;
use crate::webhooks::WebhooksService;
use crate::workers::WorkersService;

/// How long the core may take to answer a probe or a scrape.
const CORE_TIMEOUT: Duration = Duration::from_secs(2);
/// The name of the whole server in the health service.
const SERVER: &str = "";

/// The coordinator's state in a line: `Ok` if it leads or stands by, otherwise the reason why not.
pub(crate) async fn ready(leadership: &Leadership) -> Result<String, String> {
    match leadership.standing() {
        Standing::Starting => Err("starting: the ledger is being read".to_owned()),
        Standing::Standby(leader) => Ok(format!("standby: {leader} leads")),
        Standing::Leaderless => Err("nobody leads, or the ledger doesn't answer".to_owned()),
        Standing::Leading(term) => {
            let asked = tokio::time::timeout(CORE_TIMEOUT, term.core.ask(|_| ())).await;
            match asked {
                Ok(Ok(())) => Ok(format!("leading since epoch {}", term.epoch)),
                Ok(Err(fault)) => Err(fault.message),
                Err(_) => Err("the coordinator leads, but its ledger doesn't commit".to_owned()),
            }
        }
    }
}

/// Updates the health service and the metrics of leadership: the services are healthy if the
/// coordinator leads, and the server as a whole also if it stands by.
pub(crate) async fn follow(
    mut leadership: Leadership,
    health: HealthReporter,
    instruments: Arc<Instruments>,
) {
    loop {
        let standing = leadership.standing();
        let leads = matches!(standing, Standing::Leading(_));
        let stands_by = matches!(standing, Standing::Standby(_));
        let status = |serves| if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
        health.set_service_status(SERVER, status(leads || stands_by)).await;
        for name in [
            JobsServer::<JobsService>::NAME,
            AccountsServer::<AccountsService>::NAME,
            BatchesServer::<BatchesService>::NAME,
            ClusterServer::<ClusterService>::NAME,
            WebhooksServer::<WebhooksService>::NAME,
            WorkersServer::<WorkersService>::NAME,
        ] {
            health.set_service_status(name, status(leads)).await;
        }
        instruments.leading.set(i64::from(leads));
        if let Standing::Leading(term) = standing {
            instruments.terms.inc();
            instruments.epoch.set(whole(term.epoch.0));
        }
        leadership.changed().await;
    }
}

/// The admin endpoint of this coordinator.
pub(crate) fn admin(
    metrics: &Metrics,
    instruments: Arc<Instruments>,
    leadership: Leadership,
    ledger: Arc<dyn Ledger>,
    standbys: Arc<Standbys>,
) -> Admin {
    instruments.register(metrics);
    let scraped = leadership.clone();
    metrics.on_scrape(move || {
        let (leadership, instruments) = (scraped.clone(), Arc::clone(&instruments));
        let (ledger, standbys) = (Arc::clone(&ledger), Arc::clone(&standbys));
        async move {
            let snapshot = match leadership.standing() {
                Standing::Leading(term) => {
                    let asked = term.core.ask(|core| core.measure());
                    tokio::time::timeout(CORE_TIMEOUT, asked).await.ok().and_then(Result::ok)
                }
                _ => None,
            };
            instruments.set(snapshot);
            let ready_standbys = standbys.get().await.iter().filter(|standby| standby.is_ready).count();
            instruments.set_ledger(ledger.size_bytes(), ready_standbys as u64);
            instruments.ready.set(i64::from(ready(&leadership).await.is_ok()));
        }
    });
    Admin::new(metrics.clone(), move || {
        let leadership = leadership.clone();
        async move { ready(&leadership).await }
    })
}
