//! Where a process runs: on this machine, or on one of several that are network namespaces of it.

use std::ffi::OsStr;
use std::net::Ipv4Addr;

use tokio::process::Command;

/// A machine, as far as the network goes.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its name for `ip netns`; none for the namespace of the test itself.
    namespace: Option<String>,
}

impl Host {
    /// The test's own, by its loopback address.
    pub fn this() -> Self {
        Self { address: Ipv4Addr::LOCALHOST, namespace: None }
    }

    /// The network namespace of this name, which is reached at this address.
    pub fn namespace(name: impl Into<String>, address: Ipv4Addr) -> Self {
        Self { address, namespace: Some(name.into()) }
    }

    /// Starts a program there. It takes the place of what starts it, so that signals reach it.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let Some(name) = &self.namespace else { return Command::new(program) };
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{name}")).arg("--").arg(program);
        command
    }
}
