//! What a coordinator is told.

use std::path::PathBuf;

use carlo_tenancy::Terms;
use carlo_wire::PROTOCOL_VERSION;

use crate::access::Access;

/// The configuration of a coordinator.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where its ledger is.
    pub data: Data,
    /// The rules that it leads by.
    pub settings: Settings,
}

/// The rules that a coordinator leads by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How it shares work out.
    pub scheduler: carlo_schedule::Config,
    /// What each tier may do, and what work costs.
    pub terms: Terms,
    /// Who is let in.
    pub access: Access,
}

/// Where a coordinator keeps what it must not forget.
#[derive(Debug, Clone)]
pub enum Data {
    /// In this directory, which is made where there is none.
    Directory(PathBuf),
    /// In memory: everything is forgotten when the process ends.
    Temporary,
}

impl Config {
    /// A coordinator with its data there and the rules of [`Settings::default`].
    pub fn new(data: Data) -> Self {
        Self { data, settings: Settings::default() }
    }
}

impl Default for Settings {
    /// For workers of this build's model and protocol, with the tiers of the contract, open to everybody.
    fn default() -> Self {
        let scheduler = carlo_schedule::Config {
            model_version: carlo_kernel::MODEL_VERSION,
            protocol_version: PROTOCOL_VERSION,
            ..carlo_schedule::Config::default()
        };
        Self { scheduler, terms: Terms::default(), access: Access::Open }
    }
}
