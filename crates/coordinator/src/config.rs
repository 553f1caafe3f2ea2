//! The configuration of a coordinator.

use std::path::PathBuf;
use std::sync::Arc;

use carlo_service::tls::Identity;
use carlo_store::{Ledger, LedgerError, RedbLedger};
use carlo_tenancy::Terms;
use carlo_wire::PROTOCOL_VERSION;
use tokio::net::TcpListener;

use crate::access::Access;

/// The configuration of a coordinator.
#[derive(Debug)]
pub struct Config {
    /// Where its ledger is.
    pub data: Data,
    /// The rules that it leads by.
    pub settings: Settings,
    /// The URL at which gateways and workers reach it, told by the others while it leads; where
    /// absent, the address that it listens on.
    pub advertise: Option<String>,
    /// Where the admin endpoint listens; nowhere where absent.
    pub admin: Option<TcpListener>,
}

/// How a coordinator schedules, bills and authenticates.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How it shares work out.
    pub scheduler: carlo_schedule::Config,
    /// What each tier may do, and what work costs, unless the ledger says otherwise.
    pub terms: Terms,
    /// Whether that replaces what the ledger says.
    pub replaces_terms: bool,
    /// Who is let in.
    pub access: Access,
    /// What it shows those who connect, over TLS; without it, nothing is encrypted.
    pub tls: Option<Identity>,
    /// The most simulations of a job whose answer is waited for in the call: more would hold calls
    /// of many callers for long.
    pub waited_simulations_max: u64,
}

/// Where a coordinator keeps what it must not forget.
#[derive(Debug, Clone)]
pub enum Data {
    /// In this directory, which is made where there is none.
    Directory(PathBuf),
    /// In memory: everything is forgotten when the process ends.
    Temporary,
    /// In etcd, shared with other coordinators, of which one leads.
    #[cfg(feature = "etcd")]
    Etcd(carlo_store::EtcdConfig),
}

/// The ledger's file in its directory.
pub(crate) const LEDGER_FILE: &str = "ledger.redb";

impl Data {
    /// Opens it for the coordinator that is reached at `address`.
    #[cfg_attr(
        not(feature = "etcd"),
        expect(unused_variables, reason = "nobody else needs to know it where nobody else can lead")
    )]
    pub(crate) fn open(&self, address: &str) -> Result<Arc<dyn Ledger>, LedgerError> {
        Ok(match self {
            Self::Directory(directory) => Arc::new(RedbLedger::open(directory.join(LEDGER_FILE))?),
            Self::Temporary => Arc::new(RedbLedger::temporary()?),
            #[cfg(feature = "etcd")]
            Self::Etcd(config) => Arc::new(carlo_store::EtcdLedger::new(config.clone(), address)?),
        })
    }
}

impl Config {
    /// A coordinator with its data there and the rules of [`Settings::default`].
    pub fn new(data: Data) -> Self {
        Self { data, settings: Settings::default(), advertise: None, admin: None }
    }
}

impl Default for Settings {
    /// For workers of this build's model and protocol, with the tiers of the contract, open to
    /// everybody.
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
            waited_simulations_max: 10_000_000,
        }
    }
}
