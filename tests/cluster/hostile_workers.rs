//! Workers that lie: a join token is not enough to complete, falsify or ruin other users' jobs. A
//! puppet tells the lies directly to the coordinator's port.

use anyhow::Context as _;
use carlo_kernel::{Accumulator, Job, Level};
use carlo_rest::job::JobStatus;
use carlo_tests::{Client, Cluster};
use carlo_types::Draft;
use carlo_wire::v1;
use carlo_wire::v1::worker_message::Message as FromWorker;

use crate::puppet::{Puppet, computed, hello, lease_of};

const SIMULATIONS: u64 = 200_000;

/// The report of a worker that computed a granted lease with another seed.
fn fabricated(grant: &v1::Grant) -> anyhow::Result<v1::Report> {
    let specification = grant.specification.clone().context("the first grant of a job has it")?;
    let mut draft = Draft::from(specification);
    draft.params.seed = None;
    let spec = draft.check(77).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let (job, lease) = (Job::new(&spec, Level::detect()?), lease_of(grant)?);
    let mut accumulator = Accumulator::new(&job);
    for block in lease.start_block..lease.end_block {
        accumulator.block(&job, block);
    }
    let partial = accumulator.finish().encode();
    Ok(v1::Report { lease: Some(lease), partial, computed_in_us: 1_000, ..Default::default() })
}

#[tokio::test]
async fn a_lease_that_nobody_granted_completes_nothing() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let id = cluster.client.submit(&Client::request(SIMULATIONS, 1)).await?;
    let mut puppet = Puppet::join(&cluster, hello("liar")).await?;
    let grant = puppet.granted().await?;
    let blocks = SIMULATIONS.div_ceil(carlo_types::BLOCK_SIMULATIONS);
    for epoch in 0..puppet.epoch {
        // The whole job, computed correctly, but for a lease that was never granted.
        let lease = v1::Lease { id: 77, epoch, start_block: 0, end_block: blocks, ..lease_of(&grant)? };
        let report = computed(&v1::Grant { lease: Some(lease.clone()), ..grant.clone() })?;
        puppet.say(FromWorker::Report(report)).await?;
        assert!(!puppet.acknowledged(&lease).await?, "epoch {epoch}");
    }
    assert_eq!(cluster.client.job(&id).await?.simulations_complete, 0);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_was_not_computed_is_found_and_the_honest_ones_complete_the_job() -> anyhow::Result<()>
{
    let cluster = Cluster::start().await?;
    let id = cluster.client.submit(&Client::request(SIMULATIONS, 1)).await?;
    let mut puppet = Puppet::join(&cluster, hello("liar")).await?;
    let grant = puppet.granted().await?;
    puppet.say(FromWorker::Report(fabricated(&grant)?)).await?;
    // The report is acknowledged, but it counts as the worker's failure, and its simulations don't
    // count.
    assert!(puppet.acknowledged(&lease_of(&grant)?).await?);
    let job = cluster.client.job(&id).await?;
    assert_eq!((job.status, job.simulations_complete), (JobStatus::Running, 0));
    let _honest = cluster.worker("honest", 1, None).await?;
    drop(puppet);
    let digest = cluster.client.complete(&id).await?.results.context("a complete job has results")?.digest;
    assert_eq!(digest, cluster.client.digest(&Client::request(SIMULATIONS, 1)).await?);
    Ok(())
}

#[tokio::test]
async fn another_worker_s_id_is_of_no_use() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let id = cluster.client.submit(&Client::request(SIMULATIONS, 1)).await?;
    let victim = hello("victim");
    let mut working = Puppet::join(&cluster, victim.clone()).await?;
    let grant = working.granted().await?;
    // The cluster's status shows its id to everybody.
    let thief = v1::Hello { node_id: victim.node_id.clone(), ..hello("thief") };
    let refusal = Puppet::join(&cluster, thief).await.err().context("the thief is refused")?;
    assert!(format!("{refusal:#}").contains("hello.secret"), "{refusal:#}");
    working.say(FromWorker::Report(computed(&grant)?)).await?;
    assert!(working.acknowledged(&lease_of(&grant)?).await?, "the victim's session goes on");
    assert!(cluster.client.job(&id).await?.simulations_complete > 0);
    Ok(())
}
