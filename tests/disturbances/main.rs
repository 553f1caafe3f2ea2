//! Chaos with real processes: two coordinators on an etcd, four workers, a gateway, and a client
//! that submits, watches and cancels throughout, while every second or two something is killed,
//! frozen or cut off. Then everything is healed. Every acknowledged job must be there and have
//! ended correctly, with the digest of an undisturbed run and each simulation counted once.
//!
//! * `cluster`: the processes. `network`: the network between them, with its failures. `own`: a
//!   private network for the test, where the system allows it.
//! * `disturb`: the faults, from a seed. `client`: the load and the checks.
//!
//! `tests/chaos --seconds N --seed S`. The seed decides which faults happen and when. Their effect
//! depends on the machine.

mod client;
mod cluster;
mod disturb;
mod namespaces;
mod network;

use std::time::Duration;

use anyhow::ensure;
use client::Client;
use cluster::Cluster;
use disturb::Disturber;
use namespaces::Isolation;
use network::Network;

/// The default duration in seconds.
const SECONDS: u64 = 15;

fn variable(name: &str) -> anyhow::Result<Option<u64>> {
    Ok(std::env::var(name).ok().map(|text| text.parse()).transpose()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_frozen_or_cut_every_acknowledged_job_has_its_answer() -> anyhow::Result<()> {
    let network =
        match namespaces::enter("whatever_is_killed_frozen_or_cut_every_acknowledged_job_has_its_answer")? {
            Isolation::Done => return Ok(()),
            Isolation::Inside => Network::of_namespaces()?,
            Isolation::Unavailable => Network::of_proxies(),
        };
    let seconds = variable("CARLO_CHAOS_SECONDS")?.unwrap_or(SECONDS);
    let seed = variable("CARLO_CHAOS_SEED")?.unwrap_or_else(rand::random);
    println!("tests/chaos --seconds {seconds} --seed {seed}");
    let answers = client::undisturbed().await?;
    let mut cluster = Cluster::start(network).await?;
    let client = Client::start(cluster.gateway_url(), answers, seed);
    let mut disturber = Disturber::new(seed);
    disturber.disturb(&mut cluster, Duration::from_secs(seconds)).await?;
    let report = client.finish().await?;
    println!("{}; {report}", disturber.done());
    ensure!(report.violations.is_empty(), "seed {seed}: {:#?}", report.violations);
    ensure!(report.complete > 0, "seed {seed}: a run in which nothing completes tests nothing");
    Ok(())
}
