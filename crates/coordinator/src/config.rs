//! What a coordinator is told.

use std::path::PathBuf;

use carlo_wire::PROTOCOL_VERSION;

/// The configuration of a coordinator.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where its ledger is.
    pub data: Data,
    /// How it shares work out.
    pub scheduler: carlo_schedule::Config,
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
    /// A coordinator with its data there, for workers of this build's model and protocol.
    pub fn new(data: Data) -> Self {
        let scheduler = carlo_schedule::Config {
            model_version: carlo_kernel::MODEL_VERSION,
            protocol_version: PROTOCOL_VERSION,
            ..carlo_schedule::Config::default()
        };
        Self { data, scheduler }
    }
}
