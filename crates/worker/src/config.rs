//! The configuration of a worker.

use std::num::NonZeroUsize;

use carlo_wire::Trust;
use tokio::net::TcpListener;

use crate::join_token::JoinToken;
use crate::machine;

/// The configuration of a worker.
#[derive(Debug)]
pub struct Config {
    /// URLs of the coordinators of one cluster.
    pub coordinators: Vec<String>,
    /// The authorities that are trusted to sign a coordinator's certificate, for `https` URLs.
    pub trust: Trust,
    /// Number of compute threads; `None` for one per available core, within the limit of the
    /// control group.
    pub threads: Option<NonZeroUsize>,
    /// A name for people; `None` for the host's name.
    pub name: Option<String>,
    /// The secret to join with; `None` for a cluster without join tokens.
    pub join_token: Option<JoinToken>,
    /// The listener of the admin endpoint; `None` for no endpoint.
    pub admin: Option<TcpListener>,
}

impl Config {
    /// A worker of these coordinators that uses the whole machine.
    pub fn new(coordinators: Vec<String>) -> Self {
        Self {
            coordinators,
            trust: Trust::default(),
            threads: None,
            name: None,
            join_token: None,
            admin: None,
        }
    }

    /// Number of compute threads.
    pub(crate) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(machine::threads_available).get()
    }
}
