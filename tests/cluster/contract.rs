//! Random calls of several users over the real API, checked against a small [`model`] of the
//! contract, while the coordinator is killed again and again.
//!
//! Acknowledged changes stay. A request that is repeated with the same key is carried out once.
//! Ended
//! jobs and batches never change. Nobody sees or changes jobs and batches of other users. A revoked
//! key stays revoked. In the end every job has run or was cancelled by a call, has the same results
//! as
//! every other job of its request, and is counted once in its user's usage.
//!
//! `CARLO_TEST_SEED=n` runs one seed. The seed of a failure is printed.

mod calls;
mod model;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use carlo_rest::job::JobStatus;
use carlo_tests::{Auth, Client, Cluster, Daemon, PATIENCE};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use reqwest::Method;
use serde_json::{Value, json};

use calls::{Calls, User};
use model::{Job, Model};

/// The seeds of a run by default.
const SEEDS: [u64; 2] = [1, 2];
/// The number of calls of a seed, and of kills of the coordinator meanwhile.
const STEPS: u32 = 60;
const KILLS: u32 = 3;
const USERS: [&str; 2] = ["ann", "bob"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_calls_and_kills_keep_the_contract() -> anyhow::Result<()> {
    let seed = std::env::var("CARLO_TEST_SEED").ok().and_then(|text| text.parse().ok());
    for seed in seed.map_or(SEEDS.to_vec(), |seed| vec![seed]) {
        eprintln!("CARLO_TEST_SEED={seed}");
        let mut world = World::new(seed).await?;
        let ran = world.run().await;
        ran.with_context(|| format!("CARLO_TEST_SEED={seed} shows it again"))?;
    }
    Ok(())
}

struct World {
    random: ChaCha8Rng,
    cluster: Cluster,
    admin: User,
    users: Vec<User>,
    calls: Calls,
    model: Model,
    _worker: Daemon,
}

impl World {
    async fn new(seed: u64) -> anyhow::Result<Self> {
        let cluster = Cluster::with(Auth::On).await?;
        let key = cluster.client.key().context("the cluster has keys")?.to_owned();
        let admin = User { name: "admin".to_owned(), key, key_id: String::new() };
        let calls = Calls::new(cluster.client.url());
        cluster.lift_rate_limits().await?;
        let mut users = Vec::new();
        for name in USERS {
            users.push(calls.new_key(&admin, name).await?);
        }
        let token = cluster.data().join("join-token");
        let token = token.to_str().context("the temporary directory has a readable name")?;
        let url = format!("http://{}", cluster.coordinator_address);
        let arguments =
            ["--coordinator", &url, "--name", "one", "--threads", "1", "--join-token-file", token];
        let worker = Daemon::start("carlo-worker", &arguments, &[])?;
        let random = ChaCha8Rng::seed_from_u64(seed);
        Ok(Self { random, cluster, admin, users, calls, model: Model::default(), _worker: worker })
    }

    async fn run(&mut self) -> anyhow::Result<()> {
        let mut kills: Vec<u32> = (0..KILLS).map(|_| self.random.random_range(5..STEPS)).collect();
        kills.sort_unstable();
        for step in 0..STEPS {
            let done = if kills.first() == Some(&step) {
                kills.retain(|kill| *kill != step);
                self.create_while_it_is_killed().await
            } else {
                self.step().await
            };
            done.with_context(|| format!("step {step}"))?;
        }
        self.end().await.context("at the end")
    }

    fn user(&mut self) -> usize {
        self.random.random_range(0..self.users.len())
    }

    async fn step(&mut self) -> anyhow::Result<()> {
        let user = self.user();
        match self.random.random_range(0..20) {
            0..=4 => self.create(user).await,
            5..=6 => self.repeat().await,
            7..=8 => self.read_job(user).await,
            9..=10 => self.cancel_job(user).await,
            11..=12 => self.read_batch(user).await,
            13 => self.cancel_batch(user).await,
            14..=15 => self.list(user).await,
            16..=17 => self.simulate(user).await,
            18 => self.rotate_key(user).await,
            _ => self.use_revoked_key().await,
        }
    }

    fn request(&mut self) -> (u64, u64) {
        let simulations = [1_000, 20_000, 400_000][self.random.random_range(0..3)];
        (simulations, self.random.random_range(0..3))
    }

    /// A request to create a job or a batch: its path, body and key.
    fn creation(&mut self) -> (&'static str, Value, String) {
        let key = format!("key-{:016x}", self.random.random::<u64>());
        let (simulations, seed) = self.request();
        if self.random.random_bool(0.6) {
            return ("/api/jobs", Client::request(simulations, seed), key);
        }
        let jobs = self.random.random_range(1..6);
        let simulations: Vec<Value> = (0..jobs)
            .map(|_| {
                let (simulations, seed) = self.request();
                Client::request(simulations, seed)
            })
            .collect();
        let body = json!({"simulations": simulations, "parallel_jobs": self.random.random_range(1..4)});
        ("/simulations/batch", body, key)
    }

    async fn create(&mut self, user: usize) -> anyhow::Result<()> {
        let (path, body, key) = self.creation();
        let answer = self.calls.make(&self.users[user], Method::POST, path, Some(&body), Some(&key)).await?;
        self.model.created(user, path, body, key, &answer)
    }

    /// Creates several jobs and batches while the coordinator is killed. Each request is repeated
    /// until there is a response, and must then have been carried out once.
    async fn create_while_it_is_killed(&mut self) -> anyhow::Result<()> {
        let moment = Duration::from_millis(self.random.random_range(0..20));
        let mut asked = Vec::new();
        for _ in 0..self.random.random_range(1..6) {
            let (user, (path, body, key)) = (self.user(), self.creation());
            let (calls, as_user) = (self.calls.clone(), self.users[user].clone());
            asked.push(tokio::spawn(async move {
                let answer = calls.make(&as_user, Method::POST, path, Some(&body), Some(&key)).await;
                (user, path, body, key, answer)
            }));
        }
        tokio::time::sleep(moment).await;
        self.cluster.crash_coordinator().await?;
        for asked in asked {
            let (user, path, body, key, answer) = asked.await?;
            self.model.created(user, path, body, key, &answer?)?;
        }
        Ok(())
    }

    /// Repeats a request with its key, unchanged or with another body.
    async fn repeat(&mut self) -> anyhow::Result<()> {
        let Some(first) = self.model.any_creation(&mut self.random) else { return Ok(()) };
        let user = &self.users[first.user];
        let repeat = async |body: &Value| {
            self.calls.make(user, Method::POST, first.path, Some(body), Some(&first.key)).await
        };
        let again = repeat(&first.body).await?;
        ensure!(again.status == 202 && again.id() == Some(&first.id), "not {}: {again:?}", first.id);
        let mut other = first.body.clone();
        other["priority"] = json!(7);
        let other = repeat(&other).await?;
        ensure!(other.status == 422, "another body with the same key: {other:?}");
        Ok(())
    }

    async fn read_job(&mut self, user: usize) -> anyhow::Result<()> {
        let Some((id, owner)) = self.model.any_job(&mut self.random) else { return Ok(()) };
        let answer = self.calls.get(&self.users[user], &format!("/api/jobs/{id}")).await?;
        if owner != user {
            ensure!(answer.status == 403, "another user's job: {answer:?}");
            return Ok(());
        }
        ensure!(answer.status == 200, "{id} is gone: {answer:?}");
        self.model.saw_job(&serde_json::from_value(answer.body)?)
    }

    async fn cancel_job(&mut self, user: usize) -> anyhow::Result<()> {
        let Some((id, owner)) = self.model.any_job(&mut self.random) else { return Ok(()) };
        let path = format!("/api/jobs/{id}");
        let answer = self.calls.make(&self.users[user], Method::DELETE, &path, None, None).await?;
        let expected: &[u16] = if owner == user { &[200, 409] } else { &[403] };
        ensure!(expected.contains(&answer.status), "{answer:?}");
        if owner == user {
            let job = self.calls.get(&self.users[user], &path).await?;
            let job: carlo_rest::Job = serde_json::from_value(job.body)?;
            ensure!(job.status.has_ended(), "{id} goes on after {answer:?}");
            ensure!(answer.status == 409 || job.status == JobStatus::Cancelled, "{job:?}");
            self.model.job(&id)?.may_be_cancelled = true;
            self.model.saw_job(&job)?;
        }
        Ok(())
    }

    async fn read_batch(&mut self, user: usize) -> anyhow::Result<()> {
        let Some((id, owner)) = self.model.any_batch(&mut self.random) else { return Ok(()) };
        let answer = self.calls.get(&self.users[user], &format!("/simulations/batch/{id}")).await?;
        if owner != user {
            ensure!(answer.status == 403, "another user's batch: {answer:?}");
            return Ok(());
        }
        ensure!(answer.status == 200, "{id} is gone: {answer:?}");
        self.model.saw_batch(&serde_json::from_value(answer.body)?)
    }

    async fn cancel_batch(&mut self, user: usize) -> anyhow::Result<()> {
        let Some((id, owner)) = self.model.any_batch(&mut self.random) else { return Ok(()) };
        let path = format!("/simulations/batch/{id}/cancel");
        let body = json!({"cancel_running": self.random.random_bool(0.5)});
        let answer = self.calls.make(&self.users[user], Method::POST, &path, Some(&body), None).await?;
        let expected: &[u16] = if owner == user { &[200, 409] } else { &[403] };
        ensure!(expected.contains(&answer.status), "{answer:?}");
        if answer.status == 200 {
            self.model.cancelled_batch(&id)?;
            self.model.saw_batch(&serde_json::from_value(answer.body)?)?;
        }
        Ok(())
    }

    /// Checks all pages of a user's lists: exactly the user's jobs or batches, newest first.
    async fn list(&mut self, user: usize) -> anyhow::Result<()> {
        let size = self.random.random_range(3..101);
        let jobs = self.calls.pages(&self.users[user], "/api/jobs", "jobs", size).await?;
        let jobs: Vec<carlo_rest::Job> =
            jobs.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
        ensure!(jobs.is_sorted_by(|a, b| a.created_at >= b.created_at), "newest first");
        self.model.saw_all_jobs(user, jobs.iter().map(|job| job.id.as_str()))?;
        let batches = self.calls.pages(&self.users[user], "/simulations/batch", "batches", size).await?;
        let batches: Vec<carlo_rest::batch::Batch> =
            batches.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
        ensure!(batches.is_sorted_by(|a, b| a.created_at >= b.created_at), "newest first");
        self.model.saw_all_batches(user, batches.iter().map(|batch| batch.batch_id.as_str()))
    }

    async fn simulate(&mut self, user: usize) -> anyhow::Result<()> {
        let (key, (simulations, seed)) =
            (format!("key-{:016x}", self.random.random::<u64>()), self.request());
        let body = Client::request(simulations, seed);
        let user_key = &self.users[user];
        let answer =
            self.calls.make(user_key, Method::POST, "/api/simulate", Some(&body), Some(&key)).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let id = answer.location.as_deref().and_then(|path| path.strip_prefix("/api/jobs/"));
        let id = id.context("the answer has the job's location")?.to_owned();
        let digest = answer.body["results"]["digest"].as_str().or(answer.body["digest"].as_str());
        let digest = digest.with_context(|| format!("{answer:?} has no digest"))?.to_owned();
        self.model.add_job(id.clone(), Job::new(user, &body, None)?)?;
        self.model.saw_digest(&id, &digest)
    }

    async fn rotate_key(&mut self, user: usize) -> anyhow::Result<()> {
        let new = self.calls.new_key(&self.admin, &self.users[user].name).await?;
        let old = std::mem::replace(&mut self.users[user], new);
        let path = format!("/api/admin/keys/{}", old.key_id);
        let answer = self.calls.make(&self.admin, Method::DELETE, &path, None, None).await?;
        // If the response was lost, a repetition finds the key revoked.
        ensure!([200, 404, 409].contains(&answer.status), "{answer:?}");
        self.model.revoked.push(old);
        self.use_revoked_key().await
    }

    async fn use_revoked_key(&mut self) -> anyhow::Result<()> {
        for revoked in &self.model.revoked {
            let answer = self.calls.get(revoked, "/api/jobs").await?;
            ensure!(answer.status == 401, "a revoked key: {answer:?}");
        }
        Ok(())
    }

    /// Waits until everything has ended, and checks that it is unchanged and counted.
    async fn end(&mut self) -> anyhow::Result<()> {
        self.cluster.crash_coordinator().await?;
        for (id, owner) in self.model.jobs() {
            let path = format!("/api/jobs/{id}");
            let ended = async || -> anyhow::Result<carlo_rest::Job> {
                loop {
                    let answer = self.calls.get(&self.users[owner], &path).await?;
                    ensure!(answer.status == 200, "{id} is gone: {answer:?}");
                    let job: carlo_rest::Job = serde_json::from_value(answer.body)?;
                    if job.status.has_ended() {
                        return Ok(job);
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let job =
                tokio::time::timeout(PATIENCE, ended()).await.with_context(|| format!("{id} ends"))??;
            self.model.saw_job(&job)?;
        }
        for user in 0..self.users.len() {
            self.list(user).await?;
            let path = "/simulations/batch/usage/history?periods=1";
            let usage = self.calls.get(&self.users[user], path).await?.body;
            // If the month ends during the test, there are two periods.
            let count = |name: &str, current: &str| {
                let before = usage["history"][0][name].as_u64().unwrap_or_default();
                Some(before + usage["current"][current].as_u64()?)
            };
            let jobs = count("simulations_run", "simulations_used").context("usage counts jobs")?;
            ensure!(jobs == self.model.count(user), "{jobs} are billed, of {}", self.model.count(user));
        }
        for (id, owner) in self.model.batches() {
            let answer = self.calls.get(&self.users[owner], &format!("/simulations/batch/{id}")).await?;
            let batch: carlo_rest::batch::Batch = serde_json::from_value(answer.body)?;
            ensure!(batch.completed_at.is_some(), "{batch:?} has not ended, though its jobs have");
            self.model.saw_batch(&batch)?;
        }
        self.use_revoked_key().await
    }
}
