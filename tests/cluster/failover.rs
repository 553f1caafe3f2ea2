//! Several coordinators on a real etcd. The leader is killed, frozen or cut off from etcd while
//! jobs run. Another one leads within seconds, every acknowledged job is there, and each answer has
//! the same bits.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use carlo_rest::cluster::StandbyStatus;
use carlo_tests::replicated::{ReplicatedCluster, gateway, url};
use carlo_tests::{Client, Cluster, PATIENCE};
use carlo_types::NodeFacts;
use carlo_wire::convert::{self, NodeSecret};
use carlo_wire::v1::jobs_client::JobsClient;
use carlo_wire::v1::worker_message::Message;
use carlo_wire::v1::workers_client::WorkersClient;
use carlo_wire::{Coordinators, PROTOCOL_VERSION, status, v1};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

const SIMULATIONS: u64 = 1_000_000;
/// Large enough that the job still runs when the leader changes.
const LONG: u64 = 40_000_000;
/// The promise is 5 s, but a test machine may be busy with other tests. The measured time is in the
/// test's output.
const FAILOVER_MAX: Duration = Duration::from_secs(15);

/// A client that submits all the time, and the ids of acknowledged jobs, by seed.
struct Submitting {
    stop: CancellationToken,
    task: JoinHandle<BTreeMap<u64, String>>,
}

impl Submitting {
    fn start(client: Client) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut acknowledged = BTreeMap::new();
            for seed in 0.. {
                let request = Client::request(SIMULATIONS, seed);
                tokio::select! {
                    () = stopped.cancelled() => break,
                    // The client gives up an attempt that hangs.
                    submitted = timeout(Duration::from_secs(3), client.submit(&request)) => {
                        if let Ok(Ok(id)) = submitted {
                            acknowledged.insert(seed, id);
                        }
                    }
                }
                sleep(Duration::from_millis(200)).await;
            }
            acknowledged
        });
        Self { stop, task }
    }

    async fn stop(self) -> anyhow::Result<BTreeMap<u64, String>> {
        self.stop.cancel();
        Ok(self.task.await?)
    }
}

/// Every acknowledged job completes with the digest of an undisturbed cluster.
async fn all_is_well(client: &Client, acknowledged: &BTreeMap<u64, String>) -> anyhow::Result<()> {
    assert!(!acknowledged.is_empty());
    let calm = Cluster::start().await?;
    let _worker = calm.worker("calm", 2, None).await?;
    for (seed, id) in acknowledged {
        let results = client.complete(id).await?.results.expect("a complete job has results");
        assert_eq!(results.simulations_run, SIMULATIONS);
        let expected = calm.client.digest(&Client::request(SIMULATIONS, *seed)).await?;
        assert_eq!(results.digest, expected, "seed {seed}");
    }
    eprintln!("{} acknowledged jobs, all complete", acknowledged.len());
    Ok(())
}

#[tokio::test]
async fn a_killed_leader_is_followed_by_another_and_nothing_is_lost() -> anyhow::Result<()> {
    let mut cluster = ReplicatedCluster::start(2).await?;
    let _first = cluster.worker("first").await?;
    let _second = cluster.worker("second").await?;
    let long = cluster.client.submit(&Client::request(LONG, 1_000_000)).await?;
    let submitting = Submitting::start(cluster.client.clone());
    cluster.client.job_until(&long, |job| job.simulations_complete > 0).await?;
    for _ in 0..2 {
        sleep(Duration::from_millis(700)).await;
        let leader = cluster.leader().await?;
        cluster.coordinators[leader].kill().await?;
        let (leads, works) = cluster.other_leads(leader, Instant::now()).await?;
        eprintln!("MEASURED leader killed: another led after {leads:?}, and work went on after {works:?}");
        assert!(works < FAILOVER_MAX);
        cluster.restart(leader).await?;
    }
    let acknowledged = submitting.stop().await?;
    all_is_well(&cluster.client, &acknowledged).await?;
    let long = cluster.client.complete(&long).await?.results.expect("a complete job has results");
    assert_eq!(long.simulations_run, LONG);
    Ok(())
}

#[tokio::test]
async fn a_leader_that_is_shut_down_hands_over_at_once() -> anyhow::Result<()> {
    let mut cluster = ReplicatedCluster::start(2).await?;
    let _worker = cluster.worker("one").await?;
    let id = cluster.client.submit(&Client::request(LONG / 4, 1)).await?;
    let leader = cluster.leader().await?;
    let began = Instant::now();
    let ending = cluster.coordinators.remove(leader);
    let before = url(&ending);
    assert_eq!(ending.terminate().await?, Some(0));
    cluster.client.cluster_until(|cluster| cluster.leader != before).await?;
    eprintln!("MEASURED leader shut down: another led after {:?}", began.elapsed());
    cluster.client.complete(&id).await?;
    Ok(())
}

#[tokio::test]
async fn a_frozen_leader_that_wakes_up_can_neither_write_nor_lease() -> anyhow::Result<()> {
    let cluster = ReplicatedCluster::start(2).await?;
    let _first = cluster.worker("first").await?;
    let _second = cluster.worker("second").await?;
    let long = cluster.client.submit(&Client::request(LONG, 1)).await?;
    cluster.client.job_until(&long, |job| job.simulations_complete > 0).await?;
    let submitting = Submitting::start(cluster.client.clone());

    let frozen = cluster.leader().await?;
    let frozen_url = url(&cluster.coordinators[frozen]);
    // These connections are open before the leader freezes, so that their requests wait for it when
    // it wakes up.
    let coordinators = Coordinators::new(std::slice::from_ref(&frozen_url))?;
    JobsClient::new(coordinators.channel()).list(v1::ListJobsRequest::default()).await?;
    cluster.coordinators[frozen].signal("STOP")?;
    let (leads, works) = cluster.other_leads(frozen, Instant::now()).await?;
    eprintln!("MEASURED leader frozen: another led after {leads:?}, and work went on after {works:?}");

    let mut late = JoinSet::new();
    for seed in 0..8 {
        late.spawn(submit_late(coordinators.channel(), seed));
    }
    let leased = tokio::spawn(join_late(coordinators.channel()));
    sleep(Duration::from_millis(300)).await;
    assert!(!leased.is_finished(), "a frozen process says nothing");
    cluster.coordinators[frozen].signal("CONT")?;

    while let Some(answer) = late.join_next().await {
        let refusal = answer?.expect_err("it doesn't lead any more");
        assert!(matches!(refusal.code(), Code::Unavailable | Code::Unknown | Code::Cancelled), "{refusal:?}");
    }
    assert!(!leased.await?, "a deposed leader gave out a lease");
    // The refusal names the new leader.
    let refusal = refusal_of(&frozen_url).await?;
    let leader = cluster.leader().await?;
    assert_eq!(status::leader(&refusal), Some(url(&cluster.coordinators[leader]).as_str()), "{refusal:?}");

    all_is_well(&cluster.client, &submitting.stop().await?).await?;
    let long = cluster.client.complete(&long).await?.results.expect("a complete job has results");
    assert_eq!(long.simulations_run, LONG);
    Ok(())
}

/// Submits a job to a coordinator that doesn't answer yet.
async fn submit_late(channel: tonic::transport::Channel, seed: u64) -> Result<v1::Job, Status> {
    let simulation = v1::SimulationRequest {
        financial_profile: Some(v1::FinancialProfile {
            liquid_assets: Some(13_500.0),
            monthly_spending: Some(3_200.0),
            ..v1::FinancialProfile::default()
        }),
        user_inputs: Some(v1::UserInputs { monthly_income: Some(5_000.0), ..v1::UserInputs::default() }),
        goal: Some(v1::Goal {
            target_amount: Some(70_000.0),
            timeline_months: Some(36),
            ..v1::Goal::default()
        }),
        simulation_params: Some(v1::SimulationParams { seed: Some(seed), ..v1::SimulationParams::default() }),
        ..v1::SimulationRequest::default()
    };
    let request = v1::SubmitRequest { simulation: Some(simulation), ..v1::SubmitRequest::default() };
    Ok(JobsClient::new(channel).submit(request).await?.into_inner())
}

#[tokio::test]
async fn etcd_stopped_for_ten_seconds_loses_nothing_and_service_resumes_by_itself() -> anyhow::Result<()> {
    let mut cluster = ReplicatedCluster::start(2).await?;
    let _worker = cluster.worker("one").await?;
    let submitting = Submitting::start(cluster.client.clone());
    sleep(Duration::from_secs(1)).await;

    cluster.etcd.freeze()?;
    sleep(Duration::from_secs(10)).await;
    let refused = timeout(PATIENCE, cluster.client.submit(&Client::request(SIMULATIONS, 7))).await?;
    assert!(refused.is_err(), "without etcd nothing is durable, and so nothing is acknowledged");
    cluster.etcd.thaw()?;
    resumes(&cluster, "frozen for 10 s").await?;

    cluster.etcd.kill().await?;
    sleep(Duration::from_secs(3)).await;
    cluster.etcd.restart().await?;
    resumes(&cluster, "killed and started again").await?;

    all_is_well(&cluster.client, &submitting.stop().await?).await
}

/// Submits a job and waits until it is complete.
async fn resumes(cluster: &ReplicatedCluster, what: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    let id = ReplicatedCluster::submit(&cluster.client, &Client::request(1_000, 1)).await?;
    let acknowledged = began.elapsed();
    cluster.client.complete(&id).await?;
    eprintln!(
        "MEASURED etcd {what}: a job was acknowledged after {acknowledged:?}, and complete after {:?}",
        began.elapsed()
    );
    Ok(())
}

/// The answer of a coordinator that doesn't lead, once it answers.
async fn refusal_of(address: &str) -> anyhow::Result<Status> {
    let channel = Coordinators::new(&[address.to_owned()])?.channel();
    let asking = async {
        loop {
            let answer = JobsClient::new(channel.clone()).list(v1::ListJobsRequest::default()).await;
            match answer {
                Err(refusal) if status::leader(&refusal).is_some() => return refusal,
                _ => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    Ok(timeout(PATIENCE, asking).await?)
}

#[tokio::test]
async fn a_follower_says_who_leads_and_its_callers_go_there() -> anyhow::Result<()> {
    let cluster = ReplicatedCluster::start(2).await?;
    let leader = cluster.leader().await?;
    let leader_url = url(&cluster.coordinators[leader]);
    let follower_url = url(&cluster.coordinators[1 - leader]);
    let refusal = refusal_of(&follower_url).await?;
    assert_eq!(refusal.code(), Code::Unavailable);
    assert_eq!(status::leader(&refusal), Some(leader_url.as_str()));
    assert!(refusal.message().contains(&format!("{leader_url} does")), "{refusal:?}");

    // A gateway and a worker that know only the follower find the leader.
    let gateway = gateway(std::slice::from_ref(&follower_url)).await?;
    let client = Client::new(format!("http://{}", gateway.address));
    let arguments = ["--coordinator", &follower_url, "--name", "stray", "--threads", "1"];
    let _worker = carlo_tests::Daemon::start("carlo-worker", &arguments, &[])?;
    client.digest(&Client::request(1_000, 1)).await?;
    let cluster_status = client.cluster_until(|_| true).await?;
    assert_eq!(cluster_status.leader, leader_url);
    Ok(())
}

#[tokio::test]
async fn the_cluster_shows_its_standbys_and_they_go_with_their_process() -> anyhow::Result<()> {
    let mut cluster = ReplicatedCluster::start(3).await?;
    let leader = cluster.leader().await?;
    let leader_url = url(&cluster.coordinators[leader]);
    let seen = cluster
        .client
        .cluster_until(|cluster| {
            cluster.standbys.len() == 2 && cluster.standbys.iter().all(|standby| standby.version.is_some())
        })
        .await?;
    let urls: Vec<_> = cluster.urls().into_iter().filter(|url| *url != leader_url).collect();
    for standby in &seen.standbys {
        assert!(urls.contains(&standby.url), "{standby:?}");
        assert_eq!((standby.status, standby.detail.as_deref()), (StandbyStatus::Ready, None));
        assert!(standby.started_at.is_some() && standby.last_seen >= standby.started_at, "{standby:?}");
    }
    // The next leader is the first of them.
    cluster.coordinators[leader].kill().await?;
    let next = cluster.client.cluster_until(|cluster| cluster.leader != leader_url).await?;
    assert_eq!(next.leader, seen.standbys[0].url);
    let left = cluster.client.cluster_until(|cluster| cluster.standbys.len() == 1).await?;
    assert_eq!(left.standbys[0].url, seen.standbys[1].url);
    Ok(())
}

/// Joins a coordinator that doesn't answer yet, as a worker. Returns whether it grants a lease.
async fn join_late(channel: tonic::transport::Channel) -> bool {
    let hello = {
        let facts = NodeFacts {
            hostname: "host".to_owned(),
            name: "late".to_owned(),
            threads: 1,
            instruction_set: "portable".to_owned(),
            version: "0.0.0".to_owned(),
            model_version: 1,
            protocol_version: PROTOCOL_VERSION,
        };
        convert::hello(&NodeSecret::from_random(rand::random(), rand::random()), &facts)
    };
    let (sender, greeting) = tokio::sync::mpsc::channel(1);
    let hello = v1::WorkerMessage { message: Some(Message::Hello(hello)) };
    sender.send(hello).await.expect("there is room for one");
    let joined =
        WorkersClient::new(channel).work(tokio_stream::wrappers::ReceiverStream::new(greeting)).await;
    let Ok(joined) = joined else { return false };
    let mut inbox = joined.into_inner();
    while let Ok(Some(message)) = inbox.message().await {
        if matches!(message.message, Some(v1::coordinator_message::Message::Grant(_))) {
            return true;
        }
    }
    false
}
