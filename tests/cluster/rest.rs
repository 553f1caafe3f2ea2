//! The REST contract of jobs, on a whole cluster.

use std::collections::BTreeSet;

use carlo_rest::Problem;
use carlo_rest::job::{Cancelled, JobStatus};
use carlo_tests::{Client, Cluster};
use reqwest::Method;
use serde_json::json;

/// More than any machine simulates during a test.
const ENDLESS: u64 = 1_000_000_000_000;

#[tokio::test]
async fn a_job_goes_all_the_way() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let _worker = cluster.worker("one", 1, None).await?;
    let id = cluster.client.submit(&Client::request(1_000_000, 1)).await?;
    let job = cluster.client.complete(&id).await?;

    let results = job.results.expect("a complete job has results");
    // The golden answer, computed by the independent program, with a tolerance of four standard
    // errors of both.
    assert!((results.success_probability - 0.479_804_6).abs() < 4.0 * 0.000_524, "{results:?}");
    assert_eq!(results.simulations_run, 1_000_000);
    assert_eq!(job.simulations_complete, 1_000_000);
    assert_eq!(job.progress, 100.0);
    assert_eq!(job.seed, "1");
    assert_eq!(results.workers_used, 1);
    assert_eq!(results.histogram.counts.iter().sum::<u64>(), 1_000_000);
    assert!(results.worst_case <= results.percentiles[0] && results.percentiles[6] <= results.best_case);
    let shares: u64 = job.node_progress.values().map(|node| node.simulations).sum();
    assert_eq!(shares, 1_000_000);
    Ok(())
}

#[tokio::test]
async fn the_assumptions_of_an_answer_are_a_request_for_the_same_answer() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let _worker = cluster.worker("one", 1, None).await?;
    let id = cluster.client.submit(&Client::request(20_000, 77)).await?;
    let first = cluster.client.complete(&id).await?.results.expect("a complete job has results");
    let again = serde_json::to_value(&first.assumptions)?;
    assert_eq!(cluster.client.digest(&again).await?, first.digest);
    Ok(())
}

#[tokio::test]
async fn progress_streams_back_while_a_job_runs_and_cancelling_ends_it() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let _worker = cluster.worker("one", 1, None).await?;
    let id = cluster.client.submit(&Client::request(ENDLESS, 1)).await?;
    let running = cluster
        .client
        // The cluster's speed is known one tick after its first report.
        .job_until(&id, |job| job.partial_results.is_some() && job.estimated_seconds_remaining.is_some())
        .await?;
    assert_eq!(running.status, JobStatus::Running);
    assert!(running.simulations_complete > 0);
    assert_eq!(running.allocated_nodes, 1);
    assert_eq!(running.node_progress.len(), 1);
    assert!(running.started_at.is_some());
    let so_far = running.partial_results.expect("waited for");
    assert!((0.4..0.6).contains(&so_far.success_probability), "{so_far:?}");

    let path = format!("/api/jobs/{id}");
    let answer = cluster.client.call(Method::DELETE, &path, None).await?;
    assert_eq!(answer.status(), 200);
    assert!(answer.json::<Cancelled>().await?.success);
    assert_eq!(cluster.client.job(&id).await?.status, JobStatus::Cancelled);
    // Cancelling again is a conflict, and the cluster continues to work.
    let answer = cluster.client.call(Method::DELETE, &path, None).await?;
    assert_eq!(answer.status(), 409);
    cluster.client.digest(&Client::request(1_000, 1)).await?;
    Ok(())
}

#[tokio::test]
async fn a_job_without_workers_waits_and_says_why() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let id = cluster.client.submit(&Client::request(1_000, 1)).await?;
    let job = cluster.client.job(&id).await?;
    assert_eq!(job.status, JobStatus::Queued);
    assert_eq!(job.queue_position, Some(1));
    assert!(job.waiting_for.is_some_and(|why| why.contains("no worker")));
    let _worker = cluster.worker("late", 1, None).await?;
    cluster.client.complete(&id).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_404() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    for id in ["job_00000000000040008000000000000000", "nonsense", "node_1"] {
        for method in [Method::GET, Method::DELETE] {
            let answer = cluster.client.call(method, &format!("/api/jobs/{id}"), None).await?;
            assert_eq!(answer.status(), 404, "{id}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            let problem: Problem = answer.json().await?;
            assert_eq!(problem.error, problem.detail);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_bad_body_is_told_every_fault_at_once_and_nothing_is_queued() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let mut request = Client::request(0, 1);
    request["goal"]["timelineMonths"] = json!("three years");
    request["financialProfile"]["liquidAssets"] = json!(-1);
    request["simulationParams"]["nSimulation"] = json!(5);
    let answer = cluster.client.call(Method::POST, "/api/jobs", Some(&request)).await?;
    assert_eq!(answer.status(), 400);
    let problem: Problem = answer.json().await?;
    let pointers: BTreeSet<_> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
    let expected = [
        "/financialProfile/liquidAssets",
        "/goal/timelineMonths",
        "/simulationParams/nSimulation",
        "/simulationParams/nSimulations",
    ];
    assert_eq!(pointers, BTreeSet::from(expected));

    for rubbish in [&b""[..], b"{", b"\xff\xfe", b"NaN", b"[1e400]", &b"[".repeat(100_000)] {
        let answer = cluster.client.post_bytes("/api/jobs", rubbish.to_vec()).await?;
        assert_eq!(answer.status(), 400);
        answer.json::<Problem>().await?;
    }
    let answer = cluster.client.post_bytes("/api/jobs", vec![b' '; 2 << 20]).await?;
    assert_eq!(answer.status(), 413);
    assert_eq!(cluster.client.jobs().await?.total, 0);
    Ok(())
}

#[tokio::test]
async fn lists_are_newest_first_in_pages() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let mut ids = Vec::new();
    for seed in 0..3 {
        ids.push(cluster.client.submit(&Client::request(1_000, seed)).await?);
        // Two jobs submitted in the same millisecond have no defined order.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let page = |number: u32| {
        let client = cluster.client.clone();
        async move {
            let path = format!("/api/jobs?page={number}&page_size=2&status=queued");
            anyhow::Ok(client.call(Method::GET, &path, None).await?.json::<carlo_rest::JobList>().await?)
        }
    };
    let first = page(1).await?;
    let second = page(2).await?;
    let listed: Vec<_> = first.jobs.iter().chain(&second.jobs).map(|job| job.id.clone()).collect();
    ids.reverse();
    assert_eq!(listed, ids);
    assert_eq!((first.total, first.jobs.len(), second.jobs.len()), (3, 2, 1));
    Ok(())
}
