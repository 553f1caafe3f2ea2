//! One user reaches all limits of the tier. Each refusal names its limit, and the calls of others
//! take
//! little longer.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use carlo_tests::{Auth, Client, Cluster, PATIENCE};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// The limits of the greedy user's tier.
const JOBS: usize = 300;
const STREAMS: usize = 40;
/// The number of measured rounds of calls, alternately with and without the greedy user.
const ROUNDS: usize = 40;
/// The limit of the ratio of other users' median times with and without the greedy user. The
/// promise is 2; the rest is for a busy machine.
const RATIO_MAX: f64 = 3.0;

async fn user(admin: &Client, name: &str, tier: &str) -> anyhow::Result<Client> {
    let body = json!({"user_id": name, "tier": tier});
    let answer = admin.call(Method::POST, "/api/admin/keys", Some(&body)).await?.json::<Value>().await?;
    Ok(admin.with_key(answer["secret"].as_str().with_context(|| answer.to_string())?))
}

/// The limit that a refusal names.
async fn share(answer: Response) -> anyhow::Result<String> {
    ensure!(answer.status() == 429, "{}: {}", answer.status(), answer.text().await?);
    let problem = answer.json::<Value>().await?;
    ensure!(problem["type"].as_str().is_some_and(|kind| kind.ends_with("quota-exceeded")), "{problem}");
    Ok(problem["quota"].as_str().with_context(|| problem.to_string())?.to_owned())
}

fn batch(jobs: usize) -> Value {
    json!({"simulations": vec![Client::request(1_000_000, 1); jobs], "parallel_jobs": 100})
}

/// A round of another user's calls.
async fn round(bob: &Client, id: &str) -> anyhow::Result<Duration> {
    let began = Instant::now();
    for path in [&format!("/api/jobs/{id}"), "/api/jobs", "/simulations/batch/usage"] {
        bob.call(Method::GET, path, None).await?.error_for_status()?;
    }
    let submitted = bob.submit(&Client::request(1_000, 1)).await?;
    bob.call(Method::DELETE, &format!("/api/jobs/{submitted}"), None).await?.error_for_status()?;
    Ok(began.elapsed())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_at_all_bounds_is_told_which_and_slows_nobody_else() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    let admin = &cluster.client;
    let free = json!({"calls_per_second": -1, "calls_per_minute": -1, "calls_per_hour": -1});
    let mut greedy = free.clone();
    greedy["jobs_per_month"] = json!(-1);
    greedy["cost_per_month_usd"] = json!(-1);
    greedy["calls_per_month"] = json!(-1);
    (greedy["open_jobs"], greedy["streams_at_once"], greedy["batch_size"]) =
        (json!(JOBS), json!(STREAMS), json!(100));
    let tiers = json!({"tiers": {"pro": greedy, "enterprise": free}});
    admin.call(Method::PUT, "/api/admin/tiers", Some(&tiers)).await?.error_for_status()?;
    let (ann, bob) = (user(admin, "ann", "pro").await?, user(admin, "bob", "enterprise").await?);
    let bobs = bob.submit(&Client::request(1_000, 1)).await?;

    // Ann uses all of her limits.
    for _ in 0..JOBS / 100 {
        let created = ann.call(Method::POST, "/simulations/batch", Some(&batch(100))).await?;
        ensure!(created.status() == 202, "{}", created.text().await?);
    }
    ensure!(
        share(ann.call(Method::POST, "/api/jobs", Some(&Client::request(1, 1))).await?).await? == "open_jobs"
    );
    ensure!(
        share(ann.call(Method::POST, "/simulations/batch", Some(&batch(1))).await?).await? == "open_jobs"
    );
    let list = ann.call(Method::GET, "/api/jobs", None).await?.json::<carlo_rest::JobList>().await?;
    let id = list.jobs.first().context("ann has jobs")?.id.clone();
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        streams
            .push(ann.call(Method::GET, &format!("/api/jobs/{id}/events"), None).await?.error_for_status()?);
    }
    let events = ann.call(Method::GET, &format!("/api/jobs/{id}/events"), None).await?;
    ensure!(share(events).await? == "streams_at_once");
    let wait = reqwest::Client::new().get(format!("{}/api/jobs/{id}", ann.url())).header("prefer", "wait=20");
    let waited = wait.header("x-api-key", ann.key().context("ann has a key")?).send().await?;
    ensure!(share(waited).await? == "streams_at_once");

    // Bob's calls, alternately while Ann continues with calls and while she doesn't.
    let (mut quiet, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        quiet.push(round(&bob, &bobs).await?);
        let mut asking = JoinSet::new();
        for number in 0..8 {
            let (ann, id) = (ann.clone(), id.clone());
            asking.spawn(async move {
                loop {
                    let made = match number % 4 {
                        0 => ann.call(Method::POST, "/simulations/batch", Some(&batch(1))).await,
                        1 => ann.call(Method::GET, "/simulations/batch?page_size=100", None).await,
                        2 => ann.call(Method::GET, "/api/jobs?page=3&page_size=100", None).await,
                        _ => ann.call(Method::GET, &format!("/api/jobs/{id}/events"), None).await,
                    };
                    // Clients obey Retry-After, so a refused call is not repeated at once.
                    drop(made);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
        }
        beside.push(tokio::time::timeout(PATIENCE, round(&bob, &bobs)).await??);
        asking.shutdown().await;
    }
    let (quiet, beside) = (median(quiet), median(beside));
    ensure!(beside < RATIO_MAX * quiet + 0.02, "{:.1} ms alone, {:.1} ms beside", quiet * 1e3, beside * 1e3);
    drop(streams);
    Ok(())
}
