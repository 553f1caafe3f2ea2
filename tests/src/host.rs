//! Where a process runs: on this machine, or in a network namespace that acts as another machine.

use std::ffi::OsStr;
use std::net::Ipv4Addr;

use tokio::process::Command;

/// A machine, as far as the network is concerned.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Host {
    pub address: Ipv4Addr,
    /// Its name for `ip netns`; `None` for the test's own namespace.
    namespace: Option<String>,
}

impl Host {
    /// The test's own host, by its loopback address.
    pub fn this() -> Self {
        Self { address: Ipv4Addr::LOCALHOST, namespace: None }
    }

    /// The network namespace with this name, which can be reached at this address.
    pub fn namespace(name: impl Into<String>, address: Ipv4Addr) -> Self {
        Self { address, namespace: Some(name.into()) }
    }

    /// A command for a program on this host. The program replaces the command that starts it, so
    /// that signals reach it.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let Some(name) = &self.namespace else { return Command::new(program) };
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{name}")).arg("--").arg(program);
        command
    }
}
