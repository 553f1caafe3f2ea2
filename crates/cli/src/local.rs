//! Jobs that are computed in this process, without a server.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use anyhow::Context as _;
use carlo_kernel::Partial;
use carlo_local::{JobOutcome, Parallelism};
use carlo_rest::job::{JobKind, JobStatus, NodeProgress, NodeState, PartialResults};
use carlo_rest::{Job, duration};
use carlo_service::{shutdown, stderr};
use carlo_types::analysis::{CompareRequest, SolveRequest};
use carlo_types::definition::{self, Faults, Section};
use carlo_types::limits::PRIORITY_DEFAULT;
use carlo_types::request::envelope::SubmitJob;
use carlo_types::sweep::SweepRequest;
use carlo_types::{Analysis, Fault, JobId, JobSpec, Merge as _, json};
use jiff::{Timestamp, Unit};
use tokio::task::spawn_blocking;

use crate::answer::Answer;
use crate::exit::{BadArgument, say};
use crate::progress::Progress;
use crate::render;

/// The priority of calls that don't name one.
const PRIORITY: u32 = PRIORITY_DEFAULT as u32;
/// The name of this process among the nodes of a job.
const NODE: &str = "local";

/// What is computed: the body of the call that would ask a server for the same.
#[derive(Debug)]
pub enum Submission {
    /// `POST /api/jobs`
    Job(String),
    /// `POST /api/compare`
    Compare(String),
    /// `POST /api/solve`
    Solve(String),
    /// `POST /api/sweep`
    Sweep(String),
}

/// A request has faults.
#[derive(Debug, thiserror::Error)]
#[error("{}", render::faults::text(&.0.message, &.0.fields))]
pub struct InvalidRequest(Fault);

/// Computes a job in this process with this number of threads, and shows its progress. Returns the
/// complete job; `None` after Ctrl-C.
///
/// # Errors
///
/// [`InvalidRequest`] if the submission has faults.
pub async fn compute(
    submission: Submission,
    threads: Option<NonZeroUsize>,
) -> anyhow::Result<Option<Answer<Job>>> {
    stderr::start();
    let mut job = LocalJob::read(submission)?;
    let parallelism = Parallelism::new(threads).map_err(|error| BadArgument(error.to_string()))?;
    let interrupt = shutdown::on_signal().context("failed to listen for Ctrl-C")?;
    let computing = spawn_blocking(move || {
        let mut shown = Ok(());
        let mut progress = Progress::aside();
        let spec = job.spec.clone();
        let outcome = carlo_local::run(&spec, parallelism, |at, partial| {
            shown = progress.show(&job.running(at, partial));
            if interrupt.is_cancelled() || shown.is_err() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        progress.clear();
        shown.map(|()| outcome.ok().map(|outcome| job.complete(outcome)))
    });
    let Some(job) = computing.await.context("the simulation failed")?? else {
        say("interrupted: there are no results");
        return Ok(None);
    };
    Ok(Some(Answer { json: serde_json::to_string(&job)?, value: job }))
}

/// A job of this process.
struct LocalJob {
    spec: JobSpec,
    name: Option<String>,
    priority: u32,
    id: JobId,
    created_at: Timestamp,
    /// The latest summary of the simulations so far.
    so_far: Option<PartialResults>,
}

impl LocalJob {
    fn read(submission: Submission) -> anyhow::Result<Self> {
        let (spec, name, priority, webhook) = match submission {
            Submission::Job(body) => {
                let SubmitJob { request, name, priority, webhook } = read(body)?;
                (JobSpec::of(request), name, priority, webhook)
            }
            Submission::Compare(body) => {
                let spec = read::<CompareRequest>(body)?.into_spec();
                (spec.context("a comparison needs a plan")?, None, PRIORITY, None)
            }
            Submission::Solve(body) => (read::<SolveRequest>(body)?.into_spec(), None, PRIORITY, None),
            Submission::Sweep(body) => {
                let mut sweep: SweepRequest = read(body)?;
                let (name, priority, webhook) = (sweep.name.take(), sweep.priority, sweep.webhook.take());
                (sweep.into_spec(), name, priority, webhook)
            }
        };
        if webhook.is_some() {
            say("note: no events are sent to the request's webhook, because no server takes part");
        }
        Ok(Self {
            spec: spec.seeded(rand::random()),
            name,
            priority,
            id: JobId::from_random(rand::random()),
            created_at: Timestamp::now(),
            so_far: None,
        })
    }

    /// The job while it runs.
    fn running(&mut self, at: carlo_local::Progress, partial: Option<&Partial>) -> Job {
        let counted = self.so_far.as_ref().map(|summary| summary.simulations);
        if let Some(partial) = partial.filter(|partial| Some(partial.simulations()) != counted) {
            let results = carlo_kernel::results(&self.spec, partial);
            self.so_far = Some(PartialResults {
                success_probability: results.success_probability,
                confidence_interval_95: results.confidence_interval_95,
                median_outcome: results.median(),
                simulations: results.simulations_run,
            });
        }
        let job = self.job(JobStatus::Running, at.simulations);
        let speed = job.node_progress.values().map(|node| node.simulations_per_second).sum::<f64>();
        // It isn't known when a job reaches its target error.
        let is_known = speed > 0.0 && self.spec.params.target_standard_error.is_none();
        let remaining = is_known.then(|| (at.total - at.simulations) as f64 / speed);
        Job {
            allocated_nodes: 1,
            estimated_time_remaining: remaining.and_then(duration::text),
            estimated_seconds_remaining: remaining,
            partial_results: self.so_far.clone(),
            ..job
        }
    }

    /// The job at its end.
    fn complete(&self, outcome: JobOutcome) -> Job {
        let JobOutcome { results, sensitivity_results } = outcome;
        let job = self.job(JobStatus::Complete, results.simulations_run);
        Job {
            progress: 100.0,
            completed_at: Some(Timestamp::now()),
            results: Some(results),
            sensitivity_results,
            ..job
        }
    }

    /// The members that a job always has.
    fn job(&self, status: JobStatus, simulations: u64) -> Job {
        let total = self.spec.simulations();
        let progress = simulations as f64 / total as f64 * 100.0;
        let seconds = (Timestamp::now() - self.created_at).total(Unit::Second).unwrap_or_default();
        let node = NodeProgress {
            progress,
            simulations,
            simulations_per_second: if seconds > 0.0 { simulations as f64 / seconds } else { 0.0 },
            state: if status == JobStatus::Running { NodeState::Working } else { NodeState::Idle },
        };
        Job {
            id: self.id.to_string(),
            owner: "local".to_owned(),
            kind: match self.spec.analysis {
                Analysis::None => JobKind::Simulation,
                Analysis::Compare(_) => JobKind::Comparison,
                Analysis::Solve(_) => JobKind::Solution,
                Analysis::Sweep(_) => JobKind::Sweep,
            },
            preview: false,
            status,
            progress,
            allocated_nodes: 0,
            simulations_total: total,
            simulations_complete: simulations,
            queue_position: None,
            estimated_time_remaining: None,
            estimated_seconds_remaining: None,
            created_at: self.created_at,
            started_at: Some(self.created_at),
            completed_at: None,
            name: self.name.clone(),
            priority: self.priority,
            seed: self.spec.seed().to_string(),
            waiting_for: None,
            node_progress: BTreeMap::from([(NODE.to_owned(), node)]),
            partial_results: None,
            results: None,
            sensitivity_results: None,
            error: None,
            webhook_id: None,
        }
    }
}

/// Reads the body of a call. All its faults are one error.
fn read<S: Section>(body: String) -> anyhow::Result<S> {
    let document = json::parse(body.into_bytes())
        .map_err(|error| BadArgument(format!("the request is not JSON: {error}")))?;
    let mut faults = Faults::of(document.duplicates);
    let section = definition::read(&document.value, &mut faults);
    Ok(faults.none_or(section).map_err(InvalidRequest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_of_a_request_are_one_error() {
        let error = LocalJob::read(Submission::Job(r#"{"goal": {"timelineMonths": 0}}"#.to_owned()));
        let error = error.err().expect("it has faults");
        assert!(error.is::<InvalidRequest>());
        let lines = error.to_string();
        assert!(
            lines.starts_with("the request has 5 faults\n") && lines.contains("\n  /goal/timelineMonths "),
            "{lines}"
        );
    }

    #[test]
    fn compared_plans_get_the_seed_of_the_first() {
        let plan = r#"{"financialProfile": {"liquidAssets": 1, "monthlySpending": 1, "monthlyIncome": 2},
            "goal": {"targetAmount": 1, "timelineMonths": 1}}"#;
        let body = format!(r#"{{"requests": [{plan}, {plan}]}}"#);
        let job = LocalJob::read(Submission::Compare(body)).unwrap();
        let Analysis::Compare(others) = &job.spec.analysis else { panic!("{:?}", job.spec.analysis) };
        assert_eq!(others[0].seed(), job.spec.seed());
        assert_eq!(job.job(JobStatus::Running, 50_000).progress, 50.0);
    }
}
