//! A model of jobs and batches from the users' point of view, without the internals of the cluster.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use carlo_rest::batch::BatchStatus;
use carlo_rest::job::JobStatus;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::calls::{Response, User};

/// A job that was acknowledged.
#[derive(Debug)]
pub(super) struct Job {
    user: usize,
    /// The number of simulations and the seed of its request.
    request: (u64, String),
    batch: Option<String>,
    pub(super) may_be_cancelled: bool,
    end: Option<JobStatus>,
}

impl Job {
    pub(super) fn new(user: usize, body: &Value, batch: Option<String>) -> anyhow::Result<Self> {
        let params = &body["simulationParams"];
        let simulations = params["nSimulations"].as_u64().context("a number of simulations")?;
        let seed = params["seed"].as_str().context("a seed")?.to_owned();
        Ok(Self { user, request: (simulations, seed), batch, may_be_cancelled: false, end: None })
    }
}

/// A batch that was acknowledged.
#[derive(Debug)]
pub(super) struct Batch {
    user: usize,
    jobs: Vec<String>,
    is_cancelled: bool,
    end: Option<BatchStatus>,
}

/// A request with a key.
#[derive(Debug, Clone)]
pub(super) struct Creation {
    pub(super) user: usize,
    pub(super) path: &'static str,
    pub(super) body: Value,
    pub(super) key: String,
    pub(super) id: String,
}

/// All that the cluster has acknowledged.
#[derive(Debug, Default)]
pub(super) struct Model {
    jobs: BTreeMap<String, Job>,
    batches: BTreeMap<String, Batch>,
    creations: Vec<Creation>,
    /// The only valid result of each request.
    digests: BTreeMap<(u64, String), String>,
    pub(super) revoked: Vec<User>,
}

impl Model {
    /// A job or a batch was created and acknowledged.
    pub(super) fn created(
        &mut self,
        user: usize,
        path: &'static str,
        body: Value,
        key: String,
        response: &Response,
    ) -> anyhow::Result<()> {
        let id = response.id().filter(|_| response.status == 202);
        let id = id.with_context(|| format!("{path} is refused: {response:?}"))?.to_owned();
        if path == "/api/jobs" {
            self.add_job(id.clone(), Job::new(user, &body, None)?)?;
        } else {
            let simulations = body["simulations"].as_array().context("a batch has simulations")?;
            let batch: carlo_rest::batch::Batch = serde_json::from_value(response.body.clone())?;
            ensure!(batch.job_ids.len() == simulations.len(), "{batch:?}");
            for (job, simulation) in batch.job_ids.iter().zip(simulations) {
                self.add_job(job.clone(), Job::new(user, simulation, Some(id.clone()))?)?;
            }
            let batch = Batch { user, jobs: batch.job_ids, is_cancelled: false, end: None };
            ensure!(self.batches.insert(id.clone(), batch).is_none(), "{id} is given twice");
        }
        self.creations.push(Creation { user, path, body, key, id });
        Ok(())
    }

    pub(super) fn add_job(&mut self, id: String, job: Job) -> anyhow::Result<()> {
        ensure!(!self.jobs.contains_key(&id), "{id} is given twice");
        self.jobs.insert(id, job);
        Ok(())
    }

    pub(super) fn job(&mut self, id: &str) -> anyhow::Result<&mut Job> {
        self.jobs.get_mut(id).with_context(|| format!("nobody asked for {id}"))
    }

    /// Ids and owners of all jobs.
    pub(super) fn jobs(&self) -> Vec<(String, usize)> {
        self.jobs.iter().map(|(id, job)| (id.clone(), job.user)).collect()
    }

    pub(super) fn batches(&self) -> Vec<(String, usize)> {
        self.batches.iter().map(|(id, batch)| (id.clone(), batch.user)).collect()
    }

    /// The number of jobs that a user has had.
    pub(super) fn count(&self, user: usize) -> u64 {
        self.jobs.values().filter(|job| job.user == user).count() as u64
    }

    pub(super) fn any_job(&self, random: &mut ChaCha8Rng) -> Option<(String, usize)> {
        any(&self.jobs(), random)
    }

    pub(super) fn any_batch(&self, random: &mut ChaCha8Rng) -> Option<(String, usize)> {
        any(&self.batches(), random)
    }

    pub(super) fn any_creation(&self, random: &mut ChaCha8Rng) -> Option<Creation> {
        any(&self.creations, random)
    }

    /// A job was shown to its owner.
    pub(super) fn saw_job(&mut self, shown: &carlo_rest::Job) -> anyhow::Result<()> {
        let job = self.job(&shown.id)?;
        ensure!(shown.simulations_total == job.request.0 && shown.seed == job.request.1, "{shown:?}");
        ensure!(shown.simulations_complete <= shown.simulations_total, "{shown:?}");
        ensure!(job.end.is_none_or(|end| end == shown.status), "it was {:?}: {shown:?}", job.end);
        match shown.status {
            JobStatus::Queued | JobStatus::Running => return Ok(()),
            JobStatus::Failed => anyhow::bail!("{shown:?}"),
            JobStatus::Cancelled => ensure!(job.may_be_cancelled, "nobody cancelled {shown:?}"),
            JobStatus::Complete => {}
        }
        job.end = Some(shown.status);
        if let Some(results) = &shown.results {
            let digest = serde_json::to_value(results.results.digest)?;
            let digest = digest.as_str().context("a digest is a text")?.to_owned();
            return self.saw_digest(&shown.id, &digest);
        }
        ensure!(shown.status != JobStatus::Complete, "{shown:?} has no results");
        Ok(())
    }

    /// A job has these results.
    pub(super) fn saw_digest(&mut self, id: &str, digest: &str) -> anyhow::Result<()> {
        let request = self.job(id)?.request.clone();
        let known = self.digests.entry(request).or_insert_with(|| digest.to_owned());
        ensure!(known == digest, "{id} has another answer than its request has had");
        Ok(())
    }

    /// A batch was cancelled by its owner.
    pub(super) fn cancelled_batch(&mut self, id: &str) -> anyhow::Result<()> {
        let batch = self.batches.get_mut(id).with_context(|| format!("nobody asked for {id}"))?;
        batch.is_cancelled = true;
        for job in batch.jobs.clone() {
            self.job(&job)?.may_be_cancelled = true;
        }
        Ok(())
    }

    /// A batch was shown to its owner.
    pub(super) fn saw_batch(&mut self, shown: &carlo_rest::batch::Batch) -> anyhow::Result<()> {
        let batch = self.batches.get_mut(&shown.batch_id);
        let batch = batch.with_context(|| format!("nobody asked for {}", shown.batch_id))?;
        ensure!(shown.job_ids == batch.jobs, "{shown:?}");
        let progress = &shown.progress;
        let ended = progress.completed_jobs + progress.failed_jobs + progress.cancelled_jobs;
        let sum = progress.pending_jobs + progress.running_jobs + ended;
        ensure!(sum == progress.total_jobs && sum as usize == batch.jobs.len(), "{shown:?}");
        ensure!(progress.running_jobs <= shown.parallel_jobs && progress.failed_jobs == 0, "{shown:?}");
        ensure!(!batch.is_cancelled || shown.status == BatchStatus::Cancelled, "{shown:?}");
        if shown.completed_at.is_some() {
            ensure!(batch.end.is_none_or(|end| end == shown.status), "it was {:?}: {shown:?}", batch.end);
            ensure!(batch.is_cancelled || ended == sum, "{shown:?}");
            batch.end = Some(shown.status);
        }
        let jobs = batch.jobs.clone();
        let of_batch = jobs
            .iter()
            .filter(|id| self.jobs.get(*id).is_some_and(|job| job.batch.as_ref() == Some(&shown.batch_id)));
        ensure!(of_batch.count() == jobs.len(), "{shown:?}");
        Ok(())
    }

    /// A user's list of jobs.
    pub(super) fn saw_all_jobs<'a>(
        &self,
        user: usize,
        shown: impl Iterator<Item = &'a str>,
    ) -> anyhow::Result<()> {
        let known = self.jobs.iter().filter(|(_, job)| job.user == user);
        is_all(&known.map(|(id, _)| id.as_str()).collect(), &shown.collect::<Vec<_>>())
    }

    /// A user's list of batches.
    pub(super) fn saw_all_batches<'a>(
        &self,
        user: usize,
        shown: impl Iterator<Item = &'a str>,
    ) -> anyhow::Result<()> {
        let known = self.batches.iter().filter(|(_, batch)| batch.user == user);
        is_all(&known.map(|(id, _)| id.as_str()).collect(), &shown.collect::<Vec<_>>())
    }
}

fn any<T: Clone>(all: &[T], random: &mut ChaCha8Rng) -> Option<T> {
    if all.is_empty() { None } else { Some(all[random.random_range(0..all.len())].clone()) }
}

fn is_all(known: &BTreeSet<&str>, shown: &[&str]) -> anyhow::Result<()> {
    let set: BTreeSet<&str> = shown.iter().copied().collect();
    let (lost, made_up) =
        (known.difference(&set).collect::<Vec<_>>(), set.difference(known).collect::<Vec<_>>());
    ensure!(lost.is_empty() && made_up.is_empty(), "lost {lost:?}, made up {made_up:?}");
    ensure!(set.len() == shown.len(), "an entry is listed twice: {shown:?}");
    Ok(())
}
