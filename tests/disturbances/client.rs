//! A client that submits, watches and cancels jobs continuously, and records every inconsistency in
//! the answers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use carlo_rest::job::JobStatus;
use carlo_rest::{Job, Label as _};
use carlo_tests::{Client as Rest, Cluster};
use carlo_types::results::Digest;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::{Method, StatusCode};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Requests differ in their seed, which also determines their size.
const SEEDS: u64 = 8;
/// Simulations of the smallest request.
const SIMULATIONS: u64 = 250_000;
/// The most jobs that are open at the same time.
const OPEN_MAX: usize = 12;
/// How long a caller waits for an answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// How long everything may take to end once all faults are healed.
const PATIENCE: Duration = Duration::from_mins(2);

fn simulations(seed: u64) -> u64 {
    SIMULATIONS * (1 + seed)
}

/// The digests of an undisturbed cluster, by seed.
pub(crate) async fn undisturbed() -> anyhow::Result<Vec<Digest>> {
    let calm = Cluster::start().await?;
    let _worker = calm.worker("calm", 2, None).await?;
    let mut digests = Vec::new();
    for seed in 0..SEEDS {
        digests.push(calm.client.digest(&Rest::request(simulations(seed), seed)).await?);
    }
    Ok(digests)
}

/// A job that was acknowledged.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    seed: u64,
    /// `Some` once a cancellation was requested; whether it was acknowledged.
    cancelled: Option<bool>,
    ended: Option<JobStatus>,
}

#[derive(Debug, Default)]
struct State {
    jobs: BTreeMap<String, Known>,
    violations: Vec<String>,
}

struct Inner {
    rest: Rest,
    answers: Vec<Digest>,
    state: Mutex<State>,
}

/// The client.
pub(crate) struct Client {
    inner: Arc<Inner>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// The outcome of a run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) complete: usize,
    cancelled: usize,
    unacknowledged: usize,
    pub(crate) violations: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { complete, cancelled, unacknowledged, violations } = self;
        write!(
            f,
            "{complete} jobs complete, {cancelled} cancelled, {unacknowledged} kept though their acknowledgement was lost, {} violations",
            violations.len()
        )
    }
}

impl Client {
    /// Starts a client of the gateway at `url`. `answers` are the correct digests.
    pub(crate) fn start(url: String, answers: Vec<Digest>, seed: u64) -> Self {
        let inner = Arc::new(Inner { rest: Rest::new(url), answers, state: Mutex::default() });
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for number in 0..2 {
            let random = ChaCha8Rng::seed_from_u64(seed ^ number);
            let (submitting, watching) = (Arc::clone(&inner), Arc::clone(&inner));
            let stopped = (stop.clone(), stop.clone());
            let others = random.clone();
            tasks.spawn(async move { submitting.submit(random, stopped.0).await });
            tasks.spawn(async move { watching.watch(others, stopped.1).await });
        }
        Self { inner, stop, tasks }
    }

    /// Stops submitting, waits until all jobs have ended, and checks each of them.
    pub(crate) async fn finish(self) -> anyhow::Result<Report> {
        self.stop.cancel();
        self.tasks.join_all().await;
        let inner = self.inner;
        let listed =
            timeout(PATIENCE, inner.all_ended()).await.context("not every job came to its end")??;
        let mut report = Report { complete: 0, cancelled: 0, unacknowledged: 0, violations: Vec::new() };
        for id in &listed {
            // Only the page of a single job has results.
            let before = inner.known(id);
            let job = inner.rest.job(id).await?;
            inner.check(&job, before);
            match job.status {
                JobStatus::Complete => report.complete += 1,
                _ => report.cancelled += 1,
            }
        }
        let mut state = inner.state();
        let missing: Vec<_> = state.jobs.keys().filter(|id| !listed.contains(id)).cloned().collect();
        state
            .violations
            .extend(missing.into_iter().map(|id| format!("{id} was acknowledged and isn't listed")));
        report.unacknowledged = listed.iter().filter(|id| !state.jobs.contains_key(*id)).count();
        report.violations = std::mem::take(&mut state.violations);
        Ok(report)
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> usize {
        self.state().jobs.values().filter(|known| known.ended.is_none()).count()
    }

    async fn submit(&self, mut random: ChaCha8Rng, stop: CancellationToken) {
        while !stop.is_cancelled() {
            sleep(Duration::from_millis(random.random_range(50..400))).await;
            let seed = random.random_range(0..SEEDS);
            let cancel = random.random_ratio(1, 6);
            if self.open() >= OPEN_MAX {
                continue;
            }
            let request = Rest::request(simulations(seed), seed);
            let Ok(Ok(id)) = timeout(CALL_TIMEOUT, self.rest.submit(&request)).await else { continue };
            let known = Known { seed, cancelled: cancel.then_some(false), ended: None };
            self.state().jobs.insert(id.clone(), known);
            if cancel {
                sleep(Duration::from_millis(random.random_range(0..500))).await;
                self.cancel(&id).await;
            }
        }
    }

    async fn cancel(&self, id: &str) {
        let path = format!("/api/jobs/{id}");
        let answer = timeout(CALL_TIMEOUT, self.rest.call(Method::DELETE, &path, None)).await;
        if let Ok(Ok(answer)) = answer
            && answer.status().is_success()
        {
            self.state().jobs.get_mut(id).expect("it was acknowledged").cancelled = Some(true);
        }
    }

    async fn watch(&self, mut random: ChaCha8Rng, stop: CancellationToken) {
        while !stop.is_cancelled() {
            sleep(Duration::from_millis(random.random_range(5..40))).await;
            let (open, all): (Vec<_>, Vec<_>) = {
                let state = self.state();
                let open = state.jobs.iter().filter(|(_, known)| known.ended.is_none());
                (open.map(|(id, _)| id.clone()).collect(), state.jobs.keys().cloned().collect())
            };
            // Mostly the open jobs, but the others must not change.
            let among = if open.is_empty() || random.random_ratio(1, 5) { all } else { open };
            if among.is_empty() {
                continue;
            }
            let id = &among[random.random_range(0..among.len())];
            let before = self.known(id);
            let path = format!("/api/jobs/{id}");
            match timeout(CALL_TIMEOUT, self.rest.call(Method::GET, &path, None)).await {
                Ok(Ok(answer)) if answer.status() == StatusCode::OK => {
                    if let Ok(job) = answer.json().await {
                        self.check(&job, before);
                    }
                }
                Ok(Ok(answer)) if answer.status() == StatusCode::NOT_FOUND => {
                    self.state().violations.push(format!("{id} was acknowledged and is unknown"));
                }
                _ => {}
            }
        }
    }

    /// What the client knows of a job; empty if it was never acknowledged.
    fn known(&self, id: &str) -> Known {
        self.state().jobs.get(id).copied().unwrap_or_default()
    }

    /// Records what is wrong with a job, in whatever state it is. `before` is what was known when
    /// the request was sent, because answers may overtake each other.
    fn check(&self, job: &Job, before: Known) {
        let id = &job.id;
        let mut state = self.state();
        let mut wrong = Vec::new();
        if let Some(known) = state.jobs.get_mut(id) {
            if job.seed != known.seed.to_string() {
                wrong.push(format!("has the seed {} instead of {}", job.seed, known.seed));
            }
            if let Some(ended) = before.ended
                && ended != job.status
            {
                wrong.push(format!("was {} and is {}", ended.label(), job.status.label()));
            }
            if job.status == JobStatus::Cancelled && known.cancelled.is_none() {
                wrong.push("was cancelled by nobody".to_owned());
            }
            if before.cancelled == Some(true) && job.status != JobStatus::Cancelled {
                wrong.push(format!("was cancelled and is {}", job.status.label()));
            }
            known.ended = known.ended.or(job.status.has_ended().then_some(job.status));
        }
        if job.status == JobStatus::Failed {
            wrong.push(format!("failed: {:?}", job.error));
        }
        if job.status == JobStatus::Complete {
            wrong.extend(self.wrong_answer(job));
        }
        state.violations.extend(wrong.into_iter().map(|words| format!("{id} {words}")));
    }

    fn wrong_answer(&self, job: &Job) -> Option<String> {
        let Some(results) = &job.results else { return Some("is complete without results".to_owned()) };
        let seed: usize = job.seed.parse().ok()?;
        let by_nodes: u64 = job.node_progress.values().map(|node| node.simulations).sum();
        let expected = simulations(seed as u64);
        let counts = [job.simulations_total, job.simulations_complete, results.simulations_run, by_nodes];
        if counts != [expected; 4] {
            return Some(format!("counts {counts:?} simulations instead of {expected}"));
        }
        (results.digest != self.answers[seed])
            .then(|| format!("has the digest {} instead of {}", results.digest, self.answers[seed]))
    }

    /// The ids of all jobs, once all have ended. Pages are stable because nothing is submitted any
    /// more.
    async fn all_ended(&self) -> anyhow::Result<Vec<String>> {
        loop {
            let mut jobs: Vec<Job> = Vec::new();
            for page in 1.. {
                let path = format!("/api/jobs?page_size=100&page={page}");
                let answer = timeout(CALL_TIMEOUT, self.rest.call(Method::GET, &path, None)).await;
                let Ok(Ok(answer)) = answer else { break };
                let Ok(list) = answer.json::<carlo_rest::JobList>().await else { break };
                let (total, full) = (usize::try_from(list.total)?, list.jobs.len());
                jobs.extend(list.jobs);
                if jobs.len() == total && jobs.iter().all(|job| job.status.has_ended()) {
                    return Ok(jobs.into_iter().map(|job| job.id).collect());
                }
                if full == 0 {
                    break;
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}
