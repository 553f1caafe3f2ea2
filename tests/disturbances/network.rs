//! The network between the processes and its failures: network namespaces on a bridge if the test
//! has a private network, otherwise proxies in front of each coordinator and between it and etcd.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use anyhow::ensure;
use carlo_tests::{Host, Link};

use crate::cluster::{COORDINATORS, WORKERS};

/// The bridge and the test's own address on it. All addresses are loopback addresses, which daemons
/// trust, and which these namespaces route.
const BRIDGE: (&str, &str) = ("bridge", "127.77.2.1/16");
/// The network of etcd and the coordinators.
const SERVERS: &str = "127.77.0.0/24";
/// The network of the coordinators' clients.
const CLIENTS: &str = "127.77.1.0/24";
/// Enables routing of loopback addresses, except the one that stays local to each machine.
const ROUTED: &str = "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
    ip address flush dev lo; ip address add 127.0.0.1/32 dev lo; ip link set lo up";

/// A process of the cluster, which has a machine of the network to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    Etcd,
    Gateway,
    Coordinator(usize),
    Worker(usize),
}

impl Component {
    fn name(self) -> String {
        match self {
            Self::Etcd => "etcd".to_owned(),
            Self::Gateway => "gateway".to_owned(),
            Self::Coordinator(index) => format!("coordinator{index}"),
            Self::Worker(index) => format!("worker{index}"),
        }
    }

    fn address(self) -> Ipv4Addr {
        let number = |index| u8::try_from(index + 2).expect("there are few");
        match self {
            Self::Etcd => Ipv4Addr::new(127, 77, 0, 1),
            Self::Coordinator(index) => Ipv4Addr::new(127, 77, 0, number(index)),
            Self::Gateway => Ipv4Addr::new(127, 77, 1, 1),
            Self::Worker(index) => Ipv4Addr::new(127, 77, 1, number(index)),
        }
    }
}

/// A part of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wire {
    /// Between a coordinator and its clients.
    Front(usize),
    /// Between a coordinator and etcd.
    Uplink(usize),
    /// Between a worker and all others. Proxies can't cut it.
    Line(usize),
}

/// How a part of the network fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is disconnected: the cable is unplugged, or connections are closed.
    Cut,
    /// Packets are dropped without an error, at least in one direction.
    Silence,
}

/// See the module documentation.
pub(crate) enum Network {
    Proxies {
        /// From each coordinator to etcd.
        to_etcd: Vec<Link>,
        /// From all clients to each coordinator.
        to_coordinator: Vec<Link>,
    },
    /// Each machine is a namespace with the machine's name, connected to the bridge.
    Namespaces,
}

impl Network {
    /// A network of proxies, which are created on demand.
    pub(crate) fn of_proxies() -> Self {
        Self::Proxies { to_etcd: Vec::new(), to_coordinator: Vec::new() }
    }

    /// Creates a namespace for each machine and connects them all.
    pub(crate) fn of_namespaces() -> anyhow::Result<Self> {
        let (bridge, address) = BRIDGE;
        shell(&format!(
            "{ROUTED}; ip link add {bridge} type bridge
            ip address add {address} dev {bridge}; ip link set {bridge} up"
        ))?;
        let coordinators = (0..COORDINATORS).map(Component::Coordinator);
        let workers = (0..WORKERS).map(Component::Worker);
        for component in [Component::Etcd, Component::Gateway].into_iter().chain(coordinators).chain(workers)
        {
            let (name, address) = (component.name(), component.address());
            shell(&format!(
                "ip netns add {name}; ip link add {name} type veth peer name eth0 netns {name}
                ip link set {name} master {bridge} up
                nsenter --net=/run/netns/{name} sh -ec '{ROUTED}'
                ip -n {name} address add {address}/16 dev eth0; ip -n {name} link set eth0 up"
            ))?;
        }
        Ok(Self::Namespaces)
    }

    /// The host of a process.
    pub(crate) fn host(&self, component: Component) -> Host {
        match self {
            Self::Proxies { .. } => Host::this(),
            Self::Namespaces => Host::namespace(component.name(), component.address()),
        }
    }

    /// The address under which the next coordinator reaches the etcd at this address.
    pub(crate) async fn uplink(&mut self, etcd: SocketAddr) -> anyhow::Result<SocketAddr> {
        let Self::Proxies { to_etcd, .. } = self else { return Ok(etcd) };
        to_etcd.push(Link::to(etcd).await?);
        Ok(to_etcd.last().expect("one was added").address)
    }

    /// The address under which clients reach the next coordinator, which listens at this address.
    pub(crate) async fn front(&mut self, coordinator: SocketAddr) -> anyhow::Result<SocketAddr> {
        let Self::Proxies { to_coordinator, .. } = self else { return Ok(coordinator) };
        to_coordinator.push(Link::to(coordinator).await?);
        Ok(to_coordinator.last().expect("one was added").address)
    }

    /// Whether this part can fail.
    pub(crate) fn reaches(&self, wire: Wire) -> bool {
        matches!((self, wire), (Self::Namespaces, _) | (_, Wire::Front(_) | Wire::Uplink(_)))
    }

    pub(crate) fn harm(&self, wire: Wire, failure: Failure) -> anyhow::Result<()> {
        let Self::Proxies { to_etcd, to_coordinator } = self else { return alter(wire, failure, true) };
        let link = match wire {
            Wire::Front(index) => &to_coordinator[index],
            Wire::Uplink(index) => &to_etcd[index],
            Wire::Line(_) => unreachable!("proxies are in front of coordinators and etcd alone"),
        };
        match failure {
            Failure::Cut => link.cut(),
            Failure::Silence => link.silence(),
        }
        Ok(())
    }

    pub(crate) fn mend(&self, wire: Wire, failure: Failure) -> anyhow::Result<()> {
        match (self, wire) {
            (Self::Namespaces, _) => alter(wire, failure, false)?,
            (Self::Proxies { to_coordinator, .. }, Wire::Front(index)) => to_coordinator[index].mend(),
            (Self::Proxies { to_etcd, .. }, Wire::Uplink(index)) => to_etcd[index].mend(),
            (Self::Proxies { .. }, Wire::Line(_)) => unreachable!("it wasn't harmed"),
        }
        Ok(())
    }
}

/// Breaks or mends a part of the network, by unplugging a cable or by a route that drops
/// everything.
fn alter(wire: Wire, failure: Failure, breaks: bool) -> anyhow::Result<()> {
    let (cable, route) = if breaks { ("down", "add") } else { ("up", "del") };
    let (etcd, of) = (Component::Etcd, |index| Component::Coordinator(index));
    let swallow = |at: Component, what: &str| format!("ip -n {} route {route} blackhole {what}", at.name());
    shell(&match (wire, failure) {
        (Wire::Front(index), Failure::Cut) => format!("ip link set {} {cable}", of(index).name()),
        (Wire::Line(index), Failure::Cut) => {
            format!("ip link set {} {cable}", Component::Worker(index).name())
        }
        // The coordinator can't reach etcd and gets an error at once.
        (Wire::Uplink(index), Failure::Cut) => {
            format!("ip -n {} route {route} unreachable {}", of(index).name(), etcd.address())
        }
        // The coordinator receives requests but can't answer.
        (Wire::Front(index), Failure::Silence) => swallow(of(index), CLIENTS),
        (Wire::Uplink(index), Failure::Silence) => swallow(etcd, &of(index).address().to_string()),
        (Wire::Line(index), Failure::Silence) => swallow(Component::Worker(index), SERVERS),
    })
}

fn shell(script: &str) -> anyhow::Result<()> {
    let output = Command::new("sh").args(["-ec", script]).output()?;
    ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
