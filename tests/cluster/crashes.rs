//! The coordinator is killed with SIGKILL at any moment. Afterwards every acknowledged job is there
//! and finishes with the same digest.

use std::collections::BTreeMap;
use std::time::Duration;

use carlo_tests::{Client, Cluster};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const ROUNDS: usize = 5;
const JOBS_PER_ROUND: u64 = 6;
const SIMULATIONS: u64 = 2_000_000;

#[tokio::test]
async fn every_acknowledged_job_survives_a_killed_coordinator() -> anyhow::Result<()> {
    let seed =
        std::env::var("CARLO_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("CARLO_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut cluster = Cluster::start().await?;
    let _first = cluster.worker("first", 1, None).await?;
    let _second = cluster.worker("second", 1, None).await?;

    let mut acknowledged = BTreeMap::new();
    for round in 0..ROUNDS as u64 {
        // A client submits all the time while the coordinator is killed.
        let client = cluster.client.clone();
        let submitting = tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for job in 0..JOBS_PER_ROUND {
                let seed = round * JOBS_PER_ROUND + job;
                if let Ok(id) = client.submit(&Client::request(SIMULATIONS, seed)).await {
                    acknowledged.push((id, seed));
                }
            }
            acknowledged
        });
        tokio::time::sleep(Duration::from_millis(random.random_range(0..400))).await;
        cluster.crash_coordinator().await?;
        acknowledged.extend(submitting.await?);
    }

    assert!(!acknowledged.is_empty());
    let mut digests = BTreeMap::new();
    for (id, seed) in &acknowledged {
        let job = cluster.client.complete(id).await?;
        let results = job.results.expect("a complete job has results");
        assert_eq!(results.simulations_run, SIMULATIONS);
        digests.insert(*seed, results.digest);
    }
    // The same requests to an undisturbed cluster.
    let calm = Cluster::start().await?;
    let _worker = calm.worker("calm", 2, None).await?;
    for (seed, digest) in digests {
        assert_eq!(calm.client.digest(&Client::request(SIMULATIONS, seed)).await?, digest, "seed {seed}");
    }
    Ok(())
}

#[tokio::test]
async fn a_complete_job_keeps_its_answer_over_a_crash() -> anyhow::Result<()> {
    let mut cluster = Cluster::start().await?;
    let _worker = cluster.worker("one", 1, None).await?;
    let id = cluster.client.submit(&Client::request(100_000, 1)).await?;
    let before = cluster.client.complete(&id).await?;
    cluster.crash_coordinator().await?;
    let after = cluster.client.complete(&id).await?;
    assert_eq!(after, before);
    Ok(())
}
