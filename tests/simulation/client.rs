//! The client submits the plan's jobs, follows each to its end, and checks every answer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use carlo_types::JobSpec;
use carlo_wire::v1::accounts_client::AccountsClient;
use carlo_wire::v1::cluster_client::ClusterClient;
use carlo_wire::v1::jobs_client::JobsClient;
use carlo_wire::{Coordinators, v1};
use futures::future::join_all;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::net;
use crate::oracle::{self, Oracle};
use crate::plan::JobPlan;
use crate::world::{Phase, World, worker};

/// The name of its host.
pub(crate) const HOST: &str = "client";
/// How long after the last change of leaders the previous one may still answer.
const STALE: Duration = Duration::from_secs(5);
/// The number of the first job by which the broken worker is found.
const PROBES: u64 = 1_000;
/// The timeout of a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);

/// A job whose submission was acknowledged, and how it ended.
#[derive(Debug)]
struct Known {
    id: String,
    spec: JobSpec,
    end: v1::JobStatus,
}

struct Client {
    world: Arc<World>,
    coordinators: Coordinators,
    random: RefCell<ChaCha8Rng>,
    oracle: RefCell<Oracle>,
    /// Every specification that was ever submitted, by seed. Submissions that were not acknowledged
    /// may be in the ledger, too.
    submitted: RefCell<BTreeMap<u64, JobSpec>>,
}

/// The client's main task.
pub(crate) async fn run(world: Arc<World>) -> turmoil::Result {
    let client = Client {
        coordinators: Coordinators::connecting(&world.coordinators(), net::connect)?,
        random: RefCell::new(world.random("client", 0)),
        oracle: RefCell::default(),
        submitted: RefCell::default(),
        world,
    };
    let known: Vec<_> = join_all(client.world.plan.jobs.iter().map(|plan| client.follow(plan))).await;
    let mut known = known.into_iter().collect::<Result<Vec<_>, _>>()?;
    known.extend(Box::pin(client.probe()).await?);
    client.world.enter(Phase::Settled);
    while client.world.phase() != Phase::Audit {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.audit(&known).await?;
    client.world.trace.note("the client is done");
    Ok(())
}

impl Client {
    /// Submits further jobs until the broken worker has been found, if it has sent a wrong report and
    /// only a part of the leases is checked. Returns these jobs.
    async fn probe(&self) -> Result<Vec<Known>, String> {
        let mut known = Vec::new();
        for number in PROBES.. {
            let has_erred = self.world.flipped.load(Ordering::Relaxed) > 0;
            if !self.world.marks_later() || !has_erred || self.is_found().await {
                break;
            }
            known.push(Box::pin(self.follow(&JobPlan::probe(number))).await?);
        }
        Ok(known)
    }

    /// Whether the broken worker is quarantined.
    async fn is_found(&self) -> bool {
        loop {
            let coordinator = self.coordinators.current();
            let mut cluster = ClusterClient::new(coordinator.channel.clone());
            let call = cluster.status(v1::ClusterStatusRequest {});
            match tokio::time::timeout(CALL_TIMEOUT, call).await {
                Ok(Ok(status)) => return !status.into_inner().quarantines.is_empty(),
                Ok(Err(why)) => self.coordinators.give_up(&coordinator, Some(&why)),
                Err(_) => self.coordinators.give_up(&coordinator, None),
            }
            self.pause(50, 500).await;
        }
    }

    /// Submits a job until it is acknowledged, then follows it to its end.
    async fn follow(&self, plan: &JobPlan) -> Result<Known, String> {
        tokio::time::sleep(plan.at).await;
        let (id, spec) = self.submit(plan).await;
        self.world.trace.note(format_args!("client: {id} with seed {} is acknowledged", spec.seed()));
        let mut cancelled = None;
        if let Some(time) = plan.cancel_after {
            tokio::time::sleep(time).await;
            cancelled = Some(self.cancel(&id).await?);
        }
        let job = self.end_of(&id).await?;
        let end = job.status();
        self.world.trace.note(format_args!("client: {id} is {}", end.as_str_name()));
        match (end, cancelled) {
            (v1::JobStatus::Complete | v1::JobStatus::Failed, None | Some(false)) => {
                self.check(&job, &spec)?;
            }
            (v1::JobStatus::Cancelled, Some(_)) => {}
            _ => return Err(format!("job {id} ended as {end:?}, cancelled {cancelled:?}: {:?}", job.error)),
        }
        Ok(Known { id, spec, end })
    }

    async fn submit(&self, plan: &JobPlan) -> (String, JobSpec) {
        for attempt in 0.. {
            // Every other job has an idempotency key, so that all its attempts are one job.
            let first = plan.attempt(0);
            let has_key = first.seed().is_multiple_of(2);
            let spec = if has_key { first } else { plan.attempt(attempt) };
            self.submitted.borrow_mut().insert(spec.seed(), spec.clone());
            let request = v1::SubmitRequest {
                simulation: Some(spec.to_draft().into()),
                priority: Some(plan.priority),
                idempotency_key: if has_key { format!("seed-{}", spec.seed()) } else { String::new() },
                name: None,
                webhook: None,
            };
            let answer =
                self.call(async |mut jobs: JobsClient<Channel>| jobs.submit(request.clone()).await).await;
            if let Ok(job) = answer {
                return (job.id, spec);
            }
            self.pause(100, 1_000).await;
        }
        unreachable!("attempts never end")
    }

    /// Cancels a job and returns whether that was acknowledged. It isn't if the job had ended,
    /// perhaps by an earlier cancellation whose answer was lost.
    async fn cancel(&self, id: &str) -> Result<bool, String> {
        loop {
            let request = v1::CancelJobRequest { id: id.to_owned(), reason: String::new() };
            let answer =
                self.call(async |mut jobs: JobsClient<Channel>| jobs.cancel(request.clone()).await).await;
            match answer {
                Ok(_) => {
                    self.world.trace.note(format_args!("client: {id} is cancelled"));
                    return Ok(true);
                }
                Err(status) if status.code() == Code::FailedPrecondition => return Ok(false),
                Err(status) => self.excuse(id, &status)?,
            }
            self.pause(50, 500).await;
        }
    }

    /// Waits until the job has ended.
    async fn end_of(&self, id: &str) -> Result<v1::Job, String> {
        loop {
            match self.get(id).await {
                Ok(job) if matches!(job.status(), v1::JobStatus::Queued | v1::JobStatus::Running) => {}
                Ok(job) => return Ok(job),
                Err(status) => self.excuse(id, &status)?,
            }
            self.pause(50, 700).await;
        }
    }

    async fn get(&self, id: &str) -> Result<v1::Job, Status> {
        let request = v1::GetJobRequest { id: id.to_owned(), wait_ms: 0, with_points: false };
        self.call(async |mut jobs: JobsClient<Channel>| jobs.get(request.clone()).await).await
    }

    /// Whether this refusal is allowed for an acknowledged job.
    fn excuse(&self, id: &str, status: &Status) -> Result<(), String> {
        // A deposed leader that hasn't noticed yet answers with old data.
        let now = turmoil::sim_elapsed().unwrap_or_default();
        let is_stale = self.world.plan.coordinators > 1 && now < self.world.plan.chaos + STALE;
        if status.code() == Code::NotFound && !is_stale {
            return Err(format!("job {id} was acknowledged, and is lost: {}", status.message()));
        }
        Ok(())
    }

    /// After everything is done and the coordinator was restarted: jobs have the same ends and
    /// answers, and every listed job is correct.
    async fn audit(&self, known: &[Known]) -> Result<(), String> {
        for known in known {
            let job = self.end_of(&known.id).await?;
            if job.status() != known.end {
                return Err(format!("job {} was {:?} and is {:?}", known.id, known.end, job.status()));
            }
            if known.end != v1::JobStatus::Cancelled {
                self.check(&job, &known.spec)?;
            }
        }
        let jobs = self.list().await;
        for listed in &jobs {
            if jobs.iter().filter(|job| job.seed == listed.seed).count() > 1 {
                return Err(format!("there is more than one job of seed {}", listed.seed));
            }
            let spec = self.submitted.borrow().get(&listed.seed).cloned();
            let spec = spec.ok_or_else(|| format!("nobody submitted job {}", listed.id))?;
            if known.iter().any(|known| known.id == listed.id) {
                continue;
            }
            self.check(&self.end_of(&listed.id).await?, &spec)?;
        }
        let chaos = self.world.plan.chaos + Duration::from_millis(100);
        tokio::time::sleep(chaos.saturating_sub(turmoil::sim_elapsed().unwrap_or_default())).await;
        self.audit_usage(&self.list().await).await
    }

    /// Whether the usage counts and bills match the jobs exactly.
    async fn audit_usage(&self, jobs: &[v1::Job]) -> Result<(), String> {
        // The year began at the start of the run, and the calendar was off by hours, so jobs count
        // in this month or the previous one. By now the calendar is right again.
        let request = v1::UsageHistoryRequest { periods: 1 };
        let history = loop {
            let coordinator = self.coordinators.current();
            let mut accounts = AccountsClient::new(coordinator.channel.clone());
            let call = accounts.get_usage_history(request);
            match tokio::time::timeout(CALL_TIMEOUT, call).await {
                Ok(Ok(history)) => break history.into_inner(),
                Ok(Err(why)) => self.coordinators.give_up(&coordinator, Some(&why)),
                Err(_) => self.coordinators.give_up(&coordinator, None),
            }
            self.pause(50, 500).await;
        };
        let current = history.current.unwrap_or_default();
        let past = history.history.first().and_then(|past| past.used);
        let (one, other) = (current.used.unwrap_or_default(), past.unwrap_or_default());
        let counted = [
            one.jobs + other.jobs,
            one.jobs_completed + other.jobs_completed,
            one.jobs_failed + other.jobs_failed,
            one.jobs_cancelled + other.jobs_cancelled,
            one.tokens + other.tokens,
            one.cost_nanodollars + other.cost_nanodollars,
            current.reserved_nanodollars,
        ];
        let of = |status| jobs.iter().filter(|job| job.status() == status).count() as u64;
        let wanted = [
            jobs.len() as u64,
            of(v1::JobStatus::Complete),
            of(v1::JobStatus::Failed),
            of(v1::JobStatus::Cancelled),
            jobs.iter().filter_map(|job| job.tokens_used).sum(),
            jobs.iter().filter_map(|job| job.cost_nanodollars).sum(),
            0,
        ];
        if counted == wanted {
            Ok(())
        } else {
            Err(format!("{counted:?} is counted, and {wanted:?} is right"))
        }
    }

    async fn list(&self) -> Vec<v1::Job> {
        loop {
            let request = v1::ListJobsRequest { page: 1, page_size: 100, ..Default::default() };
            let answer = self.call(async |mut jobs: JobsClient<Channel>| jobs.list(request).await).await;
            if let Ok(list) = answer {
                return list.jobs;
            }
            self.pause(50, 500).await;
        }
    }

    /// Checks the end of a job that nobody cancelled.
    fn check(&self, job: &v1::Job, spec: &JobSpec) -> Result<(), String> {
        let poison = self.world.plan.poison_of(spec.seed()).filter(|poison| poison.ends_job());
        match (job.status(), poison) {
            (v1::JobStatus::Complete, None) if self.is_excused(job)? => Ok(()),
            (v1::JobStatus::Complete, None) => oracle::check(job, self.oracle.borrow_mut().answer(spec)),
            (v1::JobStatus::Failed, Some(poison)) => oracle::check_failure(job, poison),
            (end, poison) => {
                Err(format!("job {} ended as {end:?}, with {poison:?}: {:?}", job.id, job.error))
            }
        }
    }

    /// Whether a complete job may have a wrong answer: it is marked, or it may be marked later.
    fn is_excused(&self, job: &v1::Job) -> Result<bool, String> {
        let doubts = job.results.iter().flat_map(|results| &results.doubts);
        let broken = self.world.plan.broken.map(|broken| worker(broken.worker));
        let names: Vec<&str> = doubts.map(|doubt| doubt.node.as_str()).collect();
        if let Some(other) = names.iter().find(|name| broken.as_deref() != Some(**name)) {
            return Err(format!("job {} is doubted because of {other}, which computes rightly", job.id));
        }
        Ok(!names.is_empty() || (self.world.marks_later() && self.world.phase() == Phase::Work))
    }

    async fn call<T>(
        &self,
        call: impl AsyncFnOnce(JobsClient<Channel>) -> Result<Response<T>, Status>,
    ) -> Result<T, Status> {
        let coordinator = self.coordinators.current();
        let answer =
            tokio::time::timeout(CALL_TIMEOUT, call(JobsClient::new(coordinator.channel.clone()))).await;
        let answer = answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer")));
        // Another coordinator may answer, whatever the error.
        answer.map(Response::into_inner).inspect_err(|why| self.coordinators.give_up(&coordinator, Some(why)))
    }

    async fn pause(&self, min_ms: u64, max_ms: u64) {
        let time = self.random.borrow_mut().random_range(min_ms..max_ms);
        tokio::time::sleep(Duration::from_millis(time)).await;
    }
}
