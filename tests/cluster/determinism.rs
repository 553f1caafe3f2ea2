//! The same request and seed give the same digest on any cluster.

use carlo_tests::{Client, Cluster};

const SIMULATIONS: u64 = 3_000_000;
/// Few enough for every dispatch level: the portable one is slow where the compiler may not use
/// fused multiply-add.
const FEW: u64 = 100_000;

/// The digest of one job on a cluster of workers with these threads and dispatch levels.
async fn digest(
    simulations: u64,
    workers: &[(usize, Option<&str>)],
) -> anyhow::Result<carlo_types::results::Digest> {
    let cluster = Cluster::start().await?;
    let mut running = Vec::new();
    for (index, (threads, simd)) in workers.iter().enumerate() {
        running.push(cluster.worker(&format!("worker-{index}"), *threads, *simd).await?);
    }
    cluster.client.digest(&Client::request(simulations, 5)).await
}

#[tokio::test]
async fn threads_and_workers_leave_no_trace_in_the_answer() -> anyhow::Result<()> {
    let one = digest(SIMULATIONS, &[(1, None)]).await?;
    assert_eq!(digest(SIMULATIONS, &[(2, None)]).await?, one);
    assert_eq!(digest(SIMULATIONS, &[(1, None), (1, None), (2, None)]).await?, one);
    Ok(())
}

#[tokio::test]
async fn dispatch_levels_leave_no_trace_in_the_answer() -> anyhow::Result<()> {
    let best = digest(FEW, &[(1, None)]).await?;
    for level in available_levels() {
        assert_eq!(digest(FEW, &[(1, Some(level))]).await?, best, "{level}");
    }
    Ok(())
}

/// The dispatch levels of this machine. The portable one comes last: it is slow if the processor
/// has no fused multiply-add.
fn available_levels() -> Vec<&'static str> {
    let mut levels = vec!["portable"];
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            levels.insert(0, "avx2");
        }
        if is_x86_feature_detected!("avx512f") {
            levels.insert(0, "avx512");
        }
    }
    levels
}

#[tokio::test]
async fn a_worker_killed_in_the_middle_leaves_no_trace_in_the_answer() -> anyhow::Result<()> {
    // Large enough that the first worker is still busy when it is killed.
    let request = Client::request(60_000_000, 6);
    let cluster = Cluster::start().await?;
    let mut first = cluster.worker("first", 1, None).await?;
    let id = cluster.client.submit(&request).await?;
    cluster.client.job_until(&id, |job| job.simulations_complete > 0).await?;
    let second = cluster.worker("second", 1, None).await?;
    first.kill().await?;
    let disturbed = cluster.client.complete(&id).await?.results.expect("a complete job has results");
    assert_eq!(disturbed.workers_used, 2);
    assert_eq!(disturbed.simulations_run, 60_000_000);

    let undisturbed = cluster.client.digest(&request).await?;
    assert_eq!(disturbed.digest, undisturbed);
    drop(second);
    Ok(())
}
