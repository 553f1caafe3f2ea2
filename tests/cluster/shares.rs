//! One user reaches all limits of the tier. Each refusal names its limit, and the calls of others
//! take at most twice as long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use carlo_tests::{Auth, Client, Cluster, PATIENCE};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// The limits of the greedy user's tier.
const JOBS: usize = 300;
const STREAMS: usize = 40;
/// Calls that the greedy user makes at the same time, and the time between two of them.
const CALLS: usize = 8;
const CALL_EVERY: Duration = Duration::from_millis(100);
/// The number of measured rounds of another user's calls, alternately with and without the greedy
/// user. More of them on a machine so busy that their times say nothing.
const ROUNDS: usize = 40;
const ATTEMPTS: usize = 3;
/// The limit of the ratio of other users' median times with and without the greedy user.
const RATIO_MAX: f64 = 2.0;

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
    let (ann, bob) = (admin.of_new_user("ann", "pro").await?, admin.of_new_user("bob", "enterprise").await?);
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

    // Bob's calls beside Ann's, alternately with those of a user of an undisturbed cluster.
    let alone = Cluster::with(Auth::On).await?;
    alone.client.call(Method::PUT, "/api/admin/tiers", Some(&tiers)).await?.error_for_status()?;
    let eve = alone.client.of_new_user("eve", "enterprise").await?;
    let eves = eve.submit(&Client::request(1_000, 1)).await?;
    let calls = Calls::begin(&ann, &id);
    let mut ratios = Vec::new();
    for _ in 0..ATTEMPTS {
        let (mut quiet, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            calls.pause().await;
            quiet.push(tokio::time::timeout(PATIENCE, round(&eve, &eves)).await??);
            calls.go_on().await;
            beside.push(tokio::time::timeout(PATIENCE, round(&bob, &bobs)).await??);
        }
        ratios.push(median(beside) / median(quiet));
        eprintln!("others' calls take {ratios:.2?} times as long");
        if ratios.last().is_some_and(|ratio| *ratio < RATIO_MAX) {
            drop(streams);
            return Ok(());
        }
    }
    anyhow::bail!("others' calls take {ratios:.2?} times as long")
}

/// The calls of a user who asks as often as the tier allows.
struct Calls {
    is_asking: Arc<AtomicBool>,
    running: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Calls {
    fn begin(ann: &Client, id: &str) -> Self {
        let (is_asking, running) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for number in 0..CALLS {
            let (ann, events) = (ann.clone(), format!("/api/jobs/{id}/events"));
            let (is_asking, running) = (Arc::clone(&is_asking), Arc::clone(&running));
            tasks.spawn(async move {
                loop {
                    running.fetch_add(1, Ordering::SeqCst);
                    if is_asking.load(Ordering::SeqCst) {
                        let made = match number % 4 {
                            0 => ann.call(Method::POST, "/simulations/batch", Some(&batch(1))).await,
                            1 => ann.call(Method::GET, "/simulations/batch?page_size=100", None).await,
                            2 => ann.call(Method::GET, "/api/jobs?page=3&page_size=100", None).await,
                            _ => ann.call(Method::GET, &events, None).await,
                        };
                        // Clients obey Retry-After, so a refused call is not repeated at once.
                        drop(made);
                    }
                    running.fetch_sub(1, Ordering::SeqCst);
                    tokio::time::sleep(CALL_EVERY).await;
                }
            });
        }
        Self { is_asking, running, _tasks: tasks }
    }

    /// Returns when none of the calls is being made.
    async fn pause(&self) {
        self.is_asking.store(false, Ordering::SeqCst);
        while self.running.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Returns when each of the calls has been made again.
    async fn go_on(&self) {
        self.is_asking.store(true, Ordering::SeqCst);
        tokio::time::sleep(CALL_EVERY).await;
    }
}
