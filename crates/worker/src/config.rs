//! What a worker is told.

use std::num::NonZeroUsize;

/// The configuration of a worker.
#[derive(Debug, Clone)]
pub struct Config {
    /// URLs of the coordinators of one cluster.
    pub coordinators: Vec<String>,
    /// Threads that compute; as many as the machine has where absent.
    pub threads: Option<NonZeroUsize>,
    /// A name for people; the machine's where absent.
    pub name: Option<String>,
}

impl Config {
    /// A worker of these coordinators that uses the whole machine.
    pub fn new(coordinators: Vec<String>) -> Self {
        Self { coordinators, threads: None, name: None }
    }

    /// Threads that compute.
    pub(crate) fn threads(&self) -> usize {
        self.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
    }
}
