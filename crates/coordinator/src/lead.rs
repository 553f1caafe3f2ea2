//! Leadership. A coordinator waits until it may lead, loads the ledger, and serves. When it is
//! deposed, it drops its state and waits again. Services see this through a [`Leadership`]: it has
//! the current term, or the URL of the coordinator that leads instead.
//!
//! ```text
//!              ┌──────── nobody else may lead: at once ───────┐
//!   Starting ──┤                                              ├──► Leading ──┐ shut down
//!              └──► Following ───────── elected, loaded ──────┘              ├──► (ends)
//!                       ▲                                                    │
//!                       └──────────── deposed, or the ledger failed ─────────┘
//! ```
//!
//! The election itself is part of the ledger (`carlo-store`).

use std::sync::Arc;
use std::time::Duration;

use carlo_service::CancellationToken;
use carlo_service::log_throttle::LogThrottle;
use carlo_store::Ledger;
use carlo_tenancy::{Tenancy, Terms};
use carlo_types::Epoch;
use carlo_wire::status;
use tokio::sync::{Notify, watch};
use tonic::Status;

use crate::access::Access;
use crate::config::Settings;
use crate::core::{Core, CoreHandle};
use crate::delivery::sender::Sender;
use crate::entries::{self, EntryError};
use crate::environment::Environment;
use crate::metrics::Instruments;
use crate::{Error, delivery};

/// How often a follower asks who leads.
const POLL_EVERY: Duration = Duration::from_millis(250);
/// The time between a failed term and the next candidacy.
const RETRY: Duration = Duration::from_millis(500);
/// How long it may take to read the cluster's keys.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take to resign.
const RESIGN_TIMEOUT: Duration = Duration::from_secs(1);

/// The current state of this coordinator.
#[derive(Debug, Clone)]
enum State {
    /// Not known yet.
    Starting,
    Following {
        /// The URL of the leader, if there is one.
        leader: Option<String>,
    },
    Leading(Term),
}

/// A term of this coordinator that has begun.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    pub(crate) core: CoreHandle,
    /// Cancelled when the term ends.
    pub(crate) ended: CancellationToken,
    pub(crate) epoch: Epoch,
}

/// The state of a coordinator for probes and metrics.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Not known yet.
    Starting,
    Leading(Term),
    /// The coordinator with this URL leads.
    Standby(String),
    /// No coordinator leads, or the ledger can't be asked.
    Leaderless,
}

/// A handle to the current state of this coordinator.
#[derive(Debug, Clone)]
pub(crate) struct Leadership(watch::Receiver<State>);

impl Leadership {
    /// The current term, or else the status for callers, which names the leader.
    pub(crate) fn term(&self) -> Result<Term, Status> {
        match &*self.0.borrow() {
            State::Leading(term) => Ok(term.clone()),
            State::Following { leader } => Err(status::not_leading(leader.as_deref())),
            State::Starting => Err(status::not_leading(None)),
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        match &*self.0.borrow() {
            State::Starting => Standing::Starting,
            State::Leading(term) => Standing::Leading(term.clone()),
            State::Following { leader: Some(leader) } => Standing::Standby(leader.clone()),
            State::Following { leader: None } => Standing::Leaderless,
        }
    }

    /// Resolves when the role changes. Never resolves after the coordinator has ended.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Resolves once it is known whether this coordinator leads.
    pub(crate) async fn settled(&self) {
        let mut state = self.0.clone();
        // The task that would set the role has ended, so this waits forever.
        if state.wait_for(|state| !matches!(state, State::Starting)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The task that leads whenever it may.
pub(crate) struct Leader {
    settings: Settings,
    ledger: Arc<dyn Ledger>,
    environment: Arc<dyn Environment>,
    address: String,
    instruments: Arc<Instruments>,
    /// Sends the requests of webhooks; `None` if none are sent.
    sender: Option<Arc<Sender>>,
    /// Whether other coordinators may lead with this ledger.
    is_shared: bool,
    state: watch::Sender<State>,
}

/// The leader's task, and a handle to its role.
pub(crate) fn leader(
    settings: Settings,
    ledger: Arc<dyn Ledger>,
    environment: Arc<dyn Environment>,
    address: String,
    instruments: Arc<Instruments>,
    sender: Option<Arc<Sender>>,
) -> (Leader, Leadership) {
    let (state, leadership) = watch::channel(State::Starting);
    let is_shared = ledger.is_shared();
    let leader = Leader { settings, ledger, environment, address, instruments, sender, is_shared, state };
    (leader, Leadership(leadership))
}

impl Leader {
    /// Runs term after term until `stop`.
    ///
    /// # Errors
    ///
    /// If a term fails and another attempt would fail in the same way. If the ledger isn't shared,
    /// any failure of a term is an error.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        if self.is_shared {
            self.state.send_replace(State::Following { leader: None });
            self.check_access().await?;
        }
        let mut throttle = LogThrottle::default();
        loop {
            let ended = tokio::select! {
                ended = self.term(&stop) => ended,
                () = stop.cancelled() => Ok(()),
            };
            if self.is_shared {
                self.state.send_replace(State::Following { leader: None });
                // Failures don't matter, because the leadership expires without this, too.
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

    /// Checks whether this coordinator's secrets are the cluster's, so that wrong ones are reported
    /// at its start rather than when it is elected.
    async fn check_access(&self) -> Result<(), Error> {
        if matches!(self.settings.access, Access::Open) {
            return Ok(());
        }
        let records = tokio::time::timeout(CHECK_TIMEOUT, entries::tenancy::load(self.ledger.as_ref())).await;
        // If the ledger can't be read, the next term reports the error.
        let Ok(Ok(loaded)) = records else { return Ok(()) };
        let Ok(tenancy) = Tenancy::restore(self.settings.terms.clone(), loaded.records) else {
            return Ok(());
        };
        self.settings.access.adopt(&tenancy, self.environment.wall(), None)?;
        Ok(())
    }

    /// Runs one term, from the candidacy to its end.
    async fn term(&self, stop: &CancellationToken) -> Result<(), Error> {
        // From before the ledger is read, so that no change is missed.
        let updates = self.settings.updates.subscribe();
        let mut settings = self.settings.clone();
        if let Some(terms) = settings.updates.terms() {
            (settings.terms, settings.replaces_terms) = (terms, true);
        }
        let loading = Core::load(
            settings,
            Arc::clone(&self.ledger),
            Arc::clone(&self.environment),
            Arc::clone(&self.instruments),
        );
        let (core, handle) = tokio::select! {
            loaded = loading => loaded?,
            never = self.watch(), if self.is_shared => match never {},
        };
        let epoch = core.epoch();
        let deliveries_changed = core.deliveries_changed();
        let ended = stop.child_token();
        // Ends this term's sessions however this function ends, also if it is dropped.
        let _ended = ended.clone().drop_guard();
        tracing::info!(%epoch, url = self.address, "coordinator leads");
        let term = Term { core: handle.clone(), ended: ended.clone(), epoch };
        self.state.send_replace(State::Leading(term));
        tokio::select! {
            ended = core.run(ended) => ended,
            never = self.update(&handle, updates) => match never {},
            never = Box::pin(self.deliver(&handle, deliveries_changed)) => match never {},
            () = self.ledger.deposed(epoch) => {
                tracing::warn!(%epoch, "deposed");
                Ok(())
            }
        }
    }

    /// Delivers events to webhooks while this coordinator leads.
    async fn deliver(&self, core: &CoreHandle, changed: Arc<Notify>) -> std::convert::Infallible {
        match &self.sender {
            Some(sender) => delivery::deliver(core.clone(), Arc::clone(sender), changed).await,
            None => std::future::pending().await,
        }
    }

    /// Carries out changes of the settings while this coordinator leads.
    async fn update(
        &self,
        core: &CoreHandle,
        (mut terms, mut access): (watch::Receiver<Option<Terms>>, watch::Receiver<()>),
    ) -> std::convert::Infallible {
        loop {
            tokio::select! {
                _ = terms.changed() => {
                    let Some(new) = terms.borrow_and_update().clone() else { continue };
                    // A core that has ended is followed by another term, which begins with these.
                    let _ = core.ask(move |core| core.replace_terms(new)).await;
                }
                _ = access.changed() => {
                    let access = self.settings.access.clone();
                    if let Ok(Err(error)) = core.ask(move |core| core.check_access(&access)).await {
                        warn_of_access(error);
                    }
                }
            }
        }
    }

    /// Keeps the leader's URL up to date while this coordinator doesn't lead.
    async fn watch(&self) -> std::convert::Infallible {
        let (_, mut access) = self.settings.updates.subscribe();
        loop {
            if access.has_changed().unwrap_or(false) {
                access.mark_unchanged();
                if let Err(error) = self.check_access().await {
                    warn_of_access(error);
                }
            }
            let leader = self.ledger.leader().await.unwrap_or_else(|error| {
                tracing::debug!("failed to learn who leads: {:#}", anyhow::Error::from(error));
                None
            });
            // This coordinator has been elected, but is still loading the ledger.
            let is_vacant = leader.is_none();
            let leader = leader.filter(|leader| *leader != self.address);
            self.state.send_if_modified(|state| match state {
                State::Following { leader: known } if *known == leader => false,
                _ => {
                    match &leader {
                        Some(leader) => tracing::info!(leader, "following"),
                        None if is_vacant => tracing::info!("nobody leads at the moment"),
                        None => {}
                    }
                    *state = State::Following { leader };
                    true
                }
            });
            tokio::time::sleep(POLL_EVERY).await;
        }
    }
}

/// Says that files that have changed hold other secrets than the cluster's.
fn warn_of_access(error: Error) {
    tracing::warn!("the file is of no use: {:#}", anyhow::Error::from(error));
}

/// Whether another term may succeed after this error.
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
