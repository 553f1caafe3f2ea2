//! The configuration of a coordinator.

use std::path::PathBuf;
use std::sync::Arc;

use carlo_service::files;
use carlo_service::tls::{ClientIdentity, Identity, Trust};
use carlo_store::{Ledger, LedgerError, RedbLedger};
use carlo_tenancy::Terms;
use carlo_webhooks::Reach;
use carlo_wire::PROTOCOL_VERSION;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::access::Access;

/// What [`run`](crate::run) needs besides a listener.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct Config {
    pub data: Data,
    pub settings: Settings,
    /// The URL at which gateways and workers reach this coordinator. `None` for the address of the
    /// listener.
    pub advertise: Option<String>,
    /// The listener of the admin endpoint; `None` for no admin endpoint.
    pub admin: Option<TcpListener>,
    /// What it presents to etcd, whose expiry is measured.
    pub client_identity: Option<ClientIdentity>,
}

/// The settings for scheduling, billing and authentication.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct Settings {
    pub scheduler: carlo_schedule::Config,
    /// The limits of each tier and the price of a token. Used only if the ledger contains none, or
    /// with `replaces_terms`.
    pub terms: Terms,
    /// Whether `terms` replace those of the ledger.
    pub replaces_terms: bool,
    pub access: Access,
    /// The certificates and the key for TLS. `None` for connections without encryption.
    pub tls: Option<Identity>,
    /// Names in certificates that workers may join with instead of a token. `tls` says which
    /// authorities sign them.
    pub client_names: Vec<String>,
    /// What changes of this while the coordinator runs.
    pub updates: Updates,
    /// The most simulations of a job that a caller may wait for in one call, so that calls don't
    /// last too long.
    pub waited_simulations_max: u64,
    /// Where webhooks may be sent.
    pub webhook_reach: Reach,
    /// The authorities of the certificates of webhooks' receivers.
    pub webhook_trust: Trust,
}

/// Changes of the settings while the coordinator runs. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Updates {
    terms: watch::Sender<Option<Terms>>,
    access: watch::Sender<()>,
}

impl Updates {
    /// These terms replace the cluster's, now and in later terms of this coordinator.
    pub fn replace_terms(&self, terms: Terms) {
        self.terms.send_replace(Some(terms));
    }

    /// The terms that were replaced last, if any were.
    pub fn terms(&self) -> Option<Terms> {
        self.terms.borrow().clone()
    }

    /// The files of the admin key and the join token have changed.
    pub fn check_access(&self) {
        self.access.send_replace(());
    }

    pub(crate) fn subscribe(&self) -> (watch::Receiver<Option<Terms>>, watch::Receiver<()>) {
        (self.terms.subscribe(), self.access.subscribe())
    }
}

/// The place of the ledger.
#[derive(Debug, Clone)]
pub enum Data {
    /// In this directory, which is created if it doesn't exist.
    Directory(PathBuf),
    /// In memory. Everything is lost when the process ends.
    Temporary,
    /// In etcd. Several coordinators can share it, and one of them leads.
    #[cfg(feature = "etcd")]
    Etcd(carlo_store::EtcdConfig),
}

/// The name of the ledger's file in its directory.
pub(crate) const LEDGER_FILE: &str = "ledger.redb";

impl Data {
    /// Opens the ledger for the coordinator with this URL.
    #[cfg_attr(
        not(feature = "etcd"),
        expect(unused_variables, reason = "nobody else needs to know it where nobody else can lead")
    )]
    pub(crate) fn open(&self, address: &str) -> Result<Arc<dyn Ledger>, LedgerError> {
        Ok(match self {
            Self::Directory(directory) => {
                let ledger = RedbLedger::open(directory.join(LEDGER_FILE))?;
                files::check_private_directory(directory);
                files::check_secret(&directory.join(LEDGER_FILE));
                Arc::new(ledger)
            }
            Self::Temporary => Arc::new(RedbLedger::temporary()?),
            #[cfg(feature = "etcd")]
            Self::Etcd(config) => Arc::new(carlo_store::EtcdLedger::new(config.clone(), address)?),
        })
    }
}

impl Config {
    /// A configuration with [`Settings::default`].
    pub fn new(data: Data) -> Self {
        Self { data, settings: Settings::default(), advertise: None, admin: None, client_identity: None }
    }
}

impl Default for Settings {
    /// For workers of the same release, with the default tiers, and without authentication.
    fn default() -> Self {
        let scheduler = carlo_schedule::Config {
            model_version: carlo_kernel::MODEL_VERSION,
            protocol_version: PROTOCOL_VERSION,
            ..carlo_schedule::Config::default()
        };
        Self {
            scheduler,
            terms: Terms::default(),
            replaces_terms: false,
            access: Access::Open,
            tls: None,
            client_names: Vec::new(),
            updates: Updates::default(),
            waited_simulations_max: 10_000_000,
            webhook_reach: Reach::default(),
            webhook_trust: Trust::system(),
        }
    }
}
