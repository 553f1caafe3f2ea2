//! Failures of workers on real machines. Every answer is compared with an undisturbed run.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use carlo_rest::Job;
use carlo_rest::cluster::NodeStatus;
use carlo_rest::job::JobStatus;
use carlo_tests::{Client, Cluster, Daemon, Link};
use carlo_types::BLOCK_SIMULATIONS;
use carlo_types::limits::HEARTBEAT_TIMEOUT;
use carlo_wire::v1;
use carlo_wire::v1::coordinator_message::Message as FromCoordinator;
use carlo_wire::v1::worker_message::Message as FromWorker;
use tokio::time::sleep;

use crate::puppet::{Puppet, computed, hello, lease_of};

/// More than any machine simulates during a test.
const ENDLESS: u64 = 1_000_000_000_000;
/// Takes a second or more on one thread.
const LONG: u64 = 40_000_000;
/// Longer than the silence after which a node is given up, with a margin for a busy machine.
const FREEZE: Duration = Duration::from_millis(5_500);

/// Waits for the job's end. Its answer must be that of an undisturbed cluster, and every simulation
/// must be counted for one node.
async fn undisturbed(cluster: &Cluster, id: &str, seed: u64) -> anyhow::Result<Job> {
    let job = cluster.client.complete(id).await?;
    let results = job.results.as_ref().expect("a complete job has results");
    assert_eq!(results.simulations_run, LONG);
    assert_eq!(job.node_progress.values().map(|node| node.simulations).sum::<u64>(), LONG);
    let calm = Cluster::start().await?;
    let _worker = calm.worker("calm", 2, None).await?;
    assert_eq!(calm.client.digest(&Client::request(LONG, seed)).await?, results.digest);
    Ok(job)
}

#[tokio::test]
async fn late_reports_of_a_frozen_worker_change_nothing() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let frozen = cluster.worker("frozen", 1, None).await?;
    let id = cluster.client.submit(&Client::request(LONG, 1)).await?;
    cluster.client.job_until(&id, |job| job.simulations_complete > 0).await?;
    frozen.signal("STOP")?;
    let began = Instant::now();
    cluster.node_until("frozen", |node| node.status == NodeStatus::Offline).await?;
    let _other = cluster.worker("other", 1, None).await?;
    sleep(FREEZE.saturating_sub(began.elapsed())).await;
    frozen.signal("CONT")?;
    // It comes back as the same node and works.
    cluster.node_until("frozen", |node| node.status != NodeStatus::Offline).await?;
    let job = undisturbed(&cluster, &id, 1).await?;
    assert_eq!(job.results.map(|results| results.workers_used), Some(2));
    Ok(())
}

#[tokio::test]
async fn a_worker_behind_a_silent_network_is_given_up_and_comes_back() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let link = Link::to(cluster.coordinator_address).await?;
    let _worker = cluster.worker_at(link.address, "far", 1, None).await?;
    let id = cluster.client.submit(&Client::request(LONG, 2)).await?;
    cluster.client.job_until(&id, |job| job.simulations_complete > 0).await?;
    link.silence();
    cluster.node_until("far", |node| node.status == NodeStatus::Offline).await?;
    sleep(HEARTBEAT_TIMEOUT).await;
    // Delayed messages arrive now, on a stream that has been replaced.
    link.mend();
    undisturbed(&cluster, &id, 2).await?;
    Ok(())
}

#[tokio::test]
async fn a_worker_whose_connections_break_again_and_again_gets_on() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let link = Link::to(cluster.coordinator_address).await?;
    let _worker = cluster.worker_at(link.address, "far", 1, None).await?;
    let id = cluster.client.submit(&Client::request(LONG, 3)).await?;
    let mut done = 0;
    for _ in 0..4 {
        cluster.client.job_until(&id, |job| job.simulations_complete > done).await?;
        link.cut();
        sleep(Duration::from_millis(300)).await;
        done = cluster.client.job(&id).await?.simulations_complete;
        link.mend();
    }
    undisturbed(&cluster, &id, 3).await?;
    Ok(())
}

/// Lets a process run for a tenth of the time, as a CPU quota does, until it is dropped.
struct Slowed(Child);

impl Slowed {
    fn new(daemon: &Daemon) -> anyhow::Result<Self> {
        let turns = "while kill -s STOP $0; do sleep 0.09; kill -s CONT $0; sleep 0.01; done 2>/dev/null";
        Ok(Self(Command::new("sh").args(["-c", turns, &daemon.pid()?.to_string()]).spawn()?))
    }
}

impl Drop for Slowed {
    fn drop(&mut self) {
        // It may have ended together with the process.
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

#[tokio::test]
async fn a_slow_worker_gets_smaller_leases() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let _fast = cluster.worker("fast", 1, None).await?;
    let slow = cluster.worker("slow", 1, None).await?;
    let _slowed = Slowed::new(&slow)?;
    let id = cluster.client.submit(&Client::request(LONG, 4)).await?;
    let job = undisturbed(&cluster, &id, 4).await?;
    let node_of = |name: &'static str| {
        let (cluster, job) = (&cluster, &job);
        async move {
            let node = cluster.node_until(name, |_| true).await?;
            anyhow::Ok(job.node_progress.get(&node.id).map_or(0, |progress| progress.simulations))
        }
    };
    let (fast, slow) = (node_of("fast").await?, node_of("slow").await?);
    assert!(slow * 3 < fast, "the slow one did {slow}, the fast one {fast}");
    Ok(())
}

#[tokio::test]
async fn the_end_of_a_job_does_not_wait_for_a_stuck_worker() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    // It is alive, keeps its first lease and never finishes it.
    let mut stuck = Puppet::join(&cluster, hello("stuck")).await?;
    let id = cluster.client.submit(&Client::request(LONG, 5)).await?;
    let held = [lease_of(&stuck.granted().await?)?, lease_of(&stuck.granted().await?)?];
    let _worker = cluster.worker("worker", 1, None).await?;
    let job = undisturbed(&cluster, &id, 5).await?;
    assert_eq!(job.results.map(|results| results.workers_used), Some(1));
    for lease in held {
        let revoked = stuck.hear(|message| match message {
            FromCoordinator::Revoke(revoke) => Some(revoke.lease_id),
            _ => None,
        });
        assert_eq!(revoked.await?, lease.id);
    }
    Ok(())
}

#[tokio::test]
async fn a_range_that_fails_three_times_fails_its_job_and_no_other() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let mut puppet = Puppet::join(&cluster, hello("puppet")).await?;
    let poisoned = cluster.client.submit(&Client::request(1_000, 1)).await?;
    for attempt in 1..=3 {
        let lease = lease_of(&puppet.granted().await?)?;
        assert_eq!((&lease.job_id, lease.attempt), (&poisoned, attempt));
        let message = format!("block {} is poison", lease.start_block);
        puppet.say(FromWorker::Fault(v1::LeaseFault { lease: Some(lease), message })).await?;
    }
    let job = cluster.client.job_until(&poisoned, |job| job.status.has_ended()).await?;
    assert_eq!(job.status, JobStatus::Failed);
    let error = job.error.expect("a failed job says why");
    assert!(error.contains("3 attempts") && error.contains("block 0 is poison"), "{error}");
    // The same worker continues with another job.
    let healthy = cluster.client.submit(&Client::request(1_000, 1)).await?;
    let grant = puppet.granted().await?;
    puppet.say(FromWorker::Report(computed(&grant)?)).await?;
    cluster.client.complete(&healthy).await?;
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_fault_of_its_range() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let mut puppet = Puppet::join(&cluster, hello("puppet")).await?;
    let id = cluster.client.submit(&Client::request(1_000, 1)).await?;
    for partial in [vec![], vec![0xff; 1_000], vec![0; 300_000]] {
        let lease = lease_of(&puppet.granted().await?)?;
        puppet
            .say(FromWorker::Report(v1::Report {
                lease: Some(lease.clone()),
                partial,
                computed_in_us: 1,
                ..Default::default()
            }))
            .await?;
        puppet.acknowledged(&lease).await?;
    }
    let job = cluster.client.job_until(&id, |job| job.status.has_ended()).await?;
    assert_eq!(job.status, JobStatus::Failed);
    Ok(())
}

#[tokio::test]
async fn a_worker_out_of_memory_ends_in_words_and_another_goes_on() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let url = format!("http://{}", cluster.coordinator_address);
    let arguments = ["--coordinator", &url, "--name", "starved", "--threads", "1"];
    // The allocator must ask the system for all memory of a job, instead of reusing freed memory or
    // the address space that the C library reserves for further threads.
    let variables =
        [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "65536"), ("MALLOC_TOP_PAD_", "0")];
    let starved = Daemon::start("carlo-worker", &arguments, &variables)?;
    cluster.node_until("starved", |node| node.status != NodeStatus::Offline).await?;
    let id = cluster.client.submit(&Client::request(LONG, 6)).await?;
    cluster.client.job_until(&id, |job| job.simulations_complete > 0).await?;
    // From now on the system gives it no more memory, and another job needs some.
    let status = Command::new("prlimit").args(["--as=1", "--pid", &starved.pid()?.to_string()]).status()?;
    assert!(status.success(), "prlimit failed");
    cluster.client.submit(&Client::request(LONG, 7)).await?;
    let (status, log) = starved.ended().await?;
    assert!(!status.success());
    assert!(log.contains("memory allocation of"), "{log}");
    cluster.node_until("starved", |node| node.status == NodeStatus::Offline).await?;
    let _other = cluster.worker("other", 1, None).await?;
    undisturbed(&cluster, &id, 6).await?;
    Ok(())
}

#[tokio::test]
async fn a_finished_lease_counts_also_for_the_next_leader() -> anyhow::Result<()> {
    let mut cluster = Cluster::start().await?;
    let greeting = hello("puppet");
    let mut puppet = Puppet::join(&cluster, greeting.clone()).await?;
    let id = cluster.client.submit(&Client::request(ENDLESS, 1)).await?;
    let grant = puppet.granted().await?;
    let report = computed(&grant)?;
    let lease = lease_of(&grant)?;
    cluster.crash_coordinator().await?;

    let mut again = Puppet::join(&cluster, greeting).await?;
    assert!(again.epoch > lease.epoch);
    // The new leader has granted the same blocks again by then. The repeated report is acknowledged
    // again, but counted once.
    let regranted = again.granted().await?;
    assert_eq!(lease_of(&regranted)?.start_block, lease.start_block);
    for _ in 0..2 {
        again.say(FromWorker::Report(report.clone())).await?;
        assert!(again.acknowledged(&lease).await?);
        let job = cluster.client.job(&id).await?;
        assert_eq!(job.simulations_complete, BLOCK_SIMULATIONS * (lease.end_block - lease.start_block));
    }
    let overtaken = computed(&regranted)?;
    again.say(FromWorker::Report(overtaken)).await?;
    assert!(!again.acknowledged(&lease_of(&regranted)?).await?);
    Ok(())
}

#[tokio::test]
async fn a_job_that_waits_says_for_what() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let waits_for = |id: String| {
        let client = cluster.client.clone();
        async move {
            let job = client.job(&id).await?;
            assert_eq!(job.status, JobStatus::Queued);
            anyhow::Ok(job.waiting_for.expect("a queued job says why"))
        }
    };
    let first = cluster.client.submit(&Client::request(ENDLESS, 1)).await?;
    assert_eq!(waits_for(first.clone()).await?, "no worker has joined the cluster yet");
    // It accepts its leases but finishes nothing.
    let _puppet = Puppet::join(&cluster, hello("puppet")).await?;
    cluster.client.job_until(&first, |job| job.status == JobStatus::Running).await?;
    let second = cluster.client.submit(&Client::request(1_000, 1)).await?;
    let why = waits_for(second.clone()).await?;
    assert_eq!(why, "every worker is busy with 1 job of the same or a higher priority of its owner");
    Ok(())
}
