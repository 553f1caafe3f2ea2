//! What a worker is told.

use std::num::NonZeroUsize;

use carlo_wire::Trust;
use tokio::net::TcpListener;

use crate::join_token::JoinToken;

/// The configuration of a worker.
#[derive(Debug)]
pub struct Config {
    /// URLs of the coordinators of one cluster.
    pub coordinators: Vec<String>,
    /// Who is believed to be one of them at an `https` URL.
    pub trust: Trust,
    /// Threads that compute; as many as the machine has where absent.
    pub threads: Option<NonZeroUsize>,
    /// A name for people; the machine's where absent.
    pub name: Option<String>,
    /// What it joins with; none for a cluster that is open to everybody.
    pub join_token: Option<JoinToken>,
    /// Where the admin endpoint listens; nowhere where absent.
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

    /// Threads that compute.
    pub(crate) fn threads(&self) -> usize {
        self.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
    }
}
