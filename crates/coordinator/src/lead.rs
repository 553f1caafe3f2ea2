//! Leadership. A coordinator waits until it may lead, loads the ledger, serves, and when it is
//! deposed drops what it has in memory and waits again. What callers may know of that is a
//! [`Leadership`]: the term that is being served here, or who leads instead.
//!
//! ```text
//!              ┌──────── nobody else may lead: at once ───────┐
//!   Starting ──┤                                              ├──► Leading ──┐ shut down
//!              └──► Following ───────── elected, loaded ──────┘              ├──► (ends)
//!                       ▲                                                    │
//!                       └──────────── deposed, or the ledger failed ─────────┘
//! ```
//!
//! How an election works is the ledger's business.

use std::sync::Arc;
use std::time::Duration;

use carlo_service::CancellationToken;
use carlo_service::log_throttle::LogThrottle;
use carlo_store::Ledger;
use carlo_tenancy::Tenancy;
use carlo_types::Epoch;
use carlo_wire::status;
use tokio::sync::watch;
use tonic::Status;

use crate::Error;
use crate::access::Access;
use crate::config::Settings;
use crate::core::{Core, CoreHandle};
use crate::entries::{self, EntryError};
use crate::environment::Environment;
use crate::metrics::Instruments;

/// How often a follower asks who leads.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Between a term that failed and the next candidacy.
const RETRY: Duration = Duration::from_millis(500);
/// How long reading the cluster's keys may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long giving up may take.
const RESIGN_TIMEOUT: Duration = Duration::from_secs(1);

/// What this coordinator is at the moment.
#[derive(Debug, Clone)]
enum Role {
    /// It doesn't know yet.
    Starting,
    /// It doesn't lead.
    Following {
        /// The URL of whoever does.
        leader: Option<String>,
    },
    /// It leads.
    Leading(Term),
}

/// A term that is being served.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    /// Asks its core.
    pub(crate) core: CoreHandle,
    /// Cancelled when it ends.
    pub(crate) ended: CancellationToken,
    /// Its epoch.
    pub(crate) epoch: Epoch,
}

/// How a coordinator stands, for probes and metrics.
#[derive(Debug)]
pub(crate) enum Standing {
    /// It doesn't know yet whether it leads.
    Starting,
    /// It leads.
    Leading(Term),
    /// It doesn't lead, and the one at this URL does.
    Standby(String),
    /// Nobody leads, or the ledger doesn't say who.
    Leaderless,
}

/// Whether this coordinator leads.
#[derive(Debug, Clone)]
pub(crate) struct Leadership(watch::Receiver<Role>);

impl Leadership {
    /// The term that is being served, or the refusal that tells a caller where to go instead.
    pub(crate) fn term(&self) -> Result<Term, Status> {
        match &*self.0.borrow() {
            Role::Leading(term) => Ok(term.clone()),
            Role::Following { leader } => Err(status::not_leading(leader.as_deref())),
            Role::Starting => Err(status::not_leading(None)),
        }
    }

    /// How this coordinator stands.
    pub(crate) fn standing(&self) -> Standing {
        match &*self.0.borrow() {
            Role::Starting => Standing::Starting,
            Role::Leading(term) => Standing::Leading(term.clone()),
            Role::Following { leader: Some(leader) } => Standing::Standby(leader.clone()),
            Role::Following { leader: None } => Standing::Leaderless,
        }
    }

    /// Resolves when that changes. Never, once the coordinator has ended.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Resolves when this coordinator knows whether it leads.
    pub(crate) async fn settled(&self) {
        let mut role = self.0.clone();
        // Without the leader's task nothing is ever known.
        if role.wait_for(|role| !matches!(role, Role::Starting)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Leads, term after term.
pub(crate) struct Leader {
    settings: Settings,
    ledger: Arc<dyn Ledger>,
    environment: Arc<dyn Environment>,
    address: String,
    instruments: Arc<Instruments>,
    /// Whether others may lead with this ledger.
    is_shared: bool,
    role: watch::Sender<Role>,
}

/// A leader that has not begun, and what callers may know of it.
pub(crate) fn leader(
    settings: Settings,
    ledger: Arc<dyn Ledger>,
    environment: Arc<dyn Environment>,
    address: String,
    instruments: Arc<Instruments>,
) -> (Leader, Leadership) {
    let (role, leadership) = watch::channel(Role::Starting);
    let is_shared = ledger.is_shared();
    (Leader { settings, ledger, environment, address, instruments, is_shared, role }, Leadership(leadership))
}

impl Leader {
    /// Leads whenever it may, until `stop`.
    ///
    /// # Errors
    ///
    /// What ends a term for good: anything where nobody else can lead, and what another attempt
    /// would meet again.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        if self.is_shared {
            self.role.send_replace(Role::Following { leader: None });
            self.check_access().await?;
        }
        let mut throttle = LogThrottle::default();
        loop {
            let ended = tokio::select! {
                ended = self.term(&stop) => ended,
                () = stop.cancelled() => Ok(()),
            };
            if self.is_shared {
                self.role.send_replace(Role::Following { leader: None });
                // Best effort: the lease ends by itself, too.
                let _ = tokio::time::timeout(RESIGN_TIMEOUT, self.ledger.resign()).await;
            }
            match ended {
                _ if stop.is_cancelled() => return ended,
                Ok(()) => throttle.reset(),
                Err(error) if self.is_shared && is_passing(&error) => {
                    let words = format!("{:#}", anyhow::Error::from(error));
                    if throttle.admits(&words) {
                        tracing::warn!("not leading, trying again: {words}");
                    }
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Finds out now, and not when it is to lead, whether this coordinator's secrets are the
    /// cluster's.
    async fn check_access(&self) -> Result<(), Error> {
        if matches!(self.settings.access, Access::Open) {
            return Ok(());
        }
        let records = tokio::time::timeout(CHECK_TIMEOUT, entries::tenancy::load(self.ledger.as_ref())).await;
        // Where the ledger can't be read, the next term will say so.
        let Ok(Ok(loaded)) = records else { return Ok(()) };
        let Ok(tenancy) = Tenancy::restore(self.settings.terms.clone(), loaded.records) else {
            return Ok(());
        };
        self.settings.access.adopt(&tenancy, self.environment.wall(), None)?;
        Ok(())
    }

    /// One term, from the candidacy to its end.
    async fn term(&self, stop: &CancellationToken) -> Result<(), Error> {
        let loading = Core::load(
            self.settings.clone(),
            Arc::clone(&self.ledger),
            Arc::clone(&self.environment),
            Arc::clone(&self.instruments),
        );
        let (core, handle) = tokio::select! {
            loaded = loading => loaded?,
            never = self.watch(), if self.is_shared => match never {},
        };
        let epoch = core.epoch();
        let ended = stop.child_token();
        // However this ends, also by being dropped: nobody goes on with this term's sessions.
        let _ended = ended.clone().drop_guard();
        tracing::info!(%epoch, url = self.address, "coordinator leads");
        self.role.send_replace(Role::Leading(Term { core: handle, ended: ended.clone(), epoch }));
        tokio::select! {
            ended = core.run(ended) => ended,
            () = self.ledger.deposed(epoch) => {
                tracing::warn!(%epoch, "deposed");
                Ok(())
            }
        }
    }

    /// Tells callers who leads for as long as it isn't this coordinator.
    async fn watch(&self) -> std::convert::Infallible {
        loop {
            let leader = self.ledger.leader().await.unwrap_or_else(|error| {
                tracing::debug!("failed to learn who leads: {:#}", anyhow::Error::from(error));
                None
            });
            // While this one loads, it leads, but can't answer yet.
            let is_vacant = leader.is_none();
            let leader = leader.filter(|leader| *leader != self.address);
            self.role.send_if_modified(|role| match role {
                Role::Following { leader: told } if *told == leader => false,
                _ => {
                    match &leader {
                        Some(leader) => tracing::info!(leader, "following"),
                        None if is_vacant => tracing::info!("nobody leads at the moment"),
                        None => {}
                    }
                    *role = Role::Following { leader };
                    true
                }
            });
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether another term may do better.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Ledger(error) | Error::Entry(EntryError::Ledger(error)) => error.is_passing(),
        Error::Entry(_) | Error::Serve(_) | Error::Listen(_) | Error::Advertise(_) | Error::Access(_) => {
            false
        }
    }
}

#[cfg(test)]
mod tests;
