//! The faults: a seed decides what fails, when and for how long.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::sleep;

use crate::cluster::{COORDINATORS, Cluster, Process, WORKERS};
use crate::network::{Failure, Wire};

/// The time between two faults, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 500..2_000;
/// How long a fault lasts, in milliseconds. Some end before anybody notices, others outlast every
/// timeout.
const LASTS_MS: std::ops::Range<u64> = 200..6_000;

/// The part of the cluster that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Coordinator(usize),
    Worker(usize),
    Gateway,
    Etcd,
    Wire(Wire),
}

/// The kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Kill,
    Freeze,
    /// SIGTERM.
    Terminate,
    /// The network is disconnected.
    Cut,
    /// The network drops everything without an error.
    Silence,
}

impl Deed {
    /// The fault as the network knows it.
    fn failure(self) -> Failure {
        if self == Self::Cut { Failure::Cut } else { Failure::Silence }
    }
}

/// Causes the faults.
pub(crate) struct Disturber {
    random: ChaCha8Rng,
    ongoing: BTreeMap<Victim, (Deed, Instant)>,
    done: BTreeMap<Deed, usize>,
}

impl Disturber {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed), ongoing: BTreeMap::new(), done: BTreeMap::new() }
    }

    /// Causes faults for this long, then heals everything.
    pub(crate) async fn disturb(&mut self, cluster: &mut Cluster, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            let pause = self.random.random_range(PAUSE_MS);
            let next = Instant::now() + Duration::from_millis(pause);
            while Instant::now() < next {
                self.heal(cluster, Instant::now()).await?;
                sleep(Duration::from_millis(20)).await;
            }
            // The draws don't depend on the state of the cluster, so a seed always gives the same
            // faults.
            let (victim, deed) = self.draw();
            let lasts = Duration::from_millis(self.random.random_range(LASTS_MS));
            let is_possible = !matches!(victim, Victim::Wire(wire) if !cluster.network.reaches(wire));
            if is_possible && let Entry::Vacant(entry) = self.ongoing.entry(victim) {
                println!("{victim:?}: {deed:?} for {lasts:?}");
                harm(cluster, victim, deed).await?;
                entry.insert((deed, Instant::now() + lasts));
                *self.done.entry(deed).or_default() += 1;
            }
        }
        while let Some(last) = self.ongoing.values().map(|(_, until)| *until).max() {
            self.heal(cluster, last).await?;
        }
        Ok(())
    }

    /// A summary of the faults, for people.
    pub(crate) fn done(&self) -> String {
        let done: Vec<_> = self.done.iter().map(|(deed, count)| format!("{count} × {deed:?}")).collect();
        done.join(", ")
    }

    fn draw(&mut self) -> (Victim, Deed) {
        let random = &mut self.random;
        let process = [Deed::Kill, Deed::Freeze];
        let network = [Deed::Cut, Deed::Silence];
        let either = random.random_range(0..2);
        match random.random_range(0..22) {
            0..7 => {
                let deeds = [Deed::Kill, Deed::Freeze, Deed::Terminate];
                (Victim::Worker(random.random_range(0..WORKERS)), deeds[random.random_range(0..deeds.len())])
            }
            7..13 => (Victim::Coordinator(random.random_range(0..COORDINATORS)), process[either]),
            13..15 => (Victim::Wire(Wire::Front(random.random_range(0..COORDINATORS))), network[either]),
            15..17 => (Victim::Wire(Wire::Uplink(random.random_range(0..COORDINATORS))), network[either]),
            17..19 => (Victim::Wire(Wire::Line(random.random_range(0..WORKERS))), network[either]),
            19 => (Victim::Gateway, process[either]),
            _ => (Victim::Etcd, process[either]),
        }
    }

    /// Heals the faults that are due by `now`.
    async fn heal(&mut self, cluster: &mut Cluster, now: Instant) -> anyhow::Result<()> {
        let over: Vec<_> = self.ongoing.iter().filter(|(_, (_, until))| *until <= now).collect();
        let over: Vec<_> = over.into_iter().map(|(victim, (deed, _))| (*victim, *deed)).collect();
        for (victim, deed) in over {
            self.ongoing.remove(&victim);
            mend(cluster, victim, deed).await?;
        }
        Ok(())
    }
}

fn process(cluster: &mut Cluster, victim: Victim) -> Option<&mut Process> {
    match victim {
        Victim::Coordinator(index) => Some(&mut cluster.coordinators[index]),
        Victim::Worker(index) => Some(&mut cluster.workers[index]),
        Victim::Gateway => Some(&mut cluster.gateway),
        Victim::Etcd | Victim::Wire(_) => None,
    }
}

async fn harm(cluster: &mut Cluster, victim: Victim, deed: Deed) -> anyhow::Result<()> {
    if let Some(process) = process(cluster, victim) {
        match deed {
            Deed::Freeze => process.daemon.as_ref().expect("it is well").signal("STOP")?,
            Deed::Terminate => {
                let daemon = process.daemon.take().expect("it is well");
                // It finishes its leases. If no coordinator answers, the next start waits for it no
                // longer than for a killed process.
                drop(tokio::spawn(daemon.terminate()));
            }
            _ => process.daemon.take().expect("it is well").kill().await?,
        }
        return Ok(());
    }
    match (victim, deed) {
        (Victim::Wire(wire), _) => cluster.network.harm(wire, deed.failure())?,
        (_, Deed::Freeze) => cluster.etcd.freeze()?,
        _ => cluster.etcd.kill().await?,
    }
    Ok(())
}

async fn mend(cluster: &mut Cluster, victim: Victim, deed: Deed) -> anyhow::Result<()> {
    if let Some(process) = process(cluster, victim) {
        return match &process.daemon {
            Some(daemon) => daemon.signal("CONT"),
            None => process.start().await,
        };
    }
    match (victim, deed) {
        (Victim::Wire(wire), _) => cluster.network.mend(wire, deed.failure())?,
        (_, Deed::Freeze) => cluster.etcd.thaw()?,
        _ => cluster.etcd.restart().await?,
    }
    Ok(())
}
