//! Checks reports of workers against the job's specification. A worker that computes nonsense, by
//! mistake or on purpose, must not get it into a result. The checks run in the worker's own
//! session, not in the core's task.
//!
//! Everything that follows from the specification is derived and compared: the grid, the scales,
//! the targets, the number of variants. The rest is sampled: the report's worst and best simulation
//! are replayed here, which takes microseconds, and must end with the reported balances to the bit.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use carlo_kernel::{Accumulator, Job, Level, Partial, Replayer};
use carlo_schedule::Command;
use carlo_types::analysis::Analysis;
use carlo_types::{BlockRange, Fault, FaultCode, JobId, JobSpec, Merge};
use tokio::sync::OnceCell;

use crate::core::CoreHandle;

/// Jobs whose expectations are remembered. Those of the longest plan take a quarter of a megabyte.
const JOBS_MAX: usize = 256;

/// The expected form of a job's reports.
#[derive(Debug)]
struct Expected {
    simulations: u64,
    /// A partial result without simulations.
    nothing: Partial,
    replayer: Replayer,
}

impl Expected {
    /// Derives the expectations from a specification. Takes a millisecond or so, because the job's
    /// grid depends on a pilot; much longer for a sweep.
    fn of(spec: &JobSpec) -> Self {
        let level = Level::detect().unwrap_or(Level::Portable);
        let nothing = Accumulator::new(&Job::new(spec, level)).finish();
        Self { simulations: spec.simulations(), nothing, replayer: Replayer::new(spec) }
    }

    /// Checks the partial result of a range. The error describes what is wrong.
    fn check(&self, range: BlockRange, partial: &Partial) -> Result<(), String> {
        let simulations = range.simulations(self.simulations);
        if partial.simulations() != simulations {
            return Err(format!(
                "the report has {} simulations instead of {simulations}",
                partial.simulations()
            ));
        }
        if !self.nothing.fits(partial) {
            return Err("the report belongs to another specification".to_owned());
        }
        let indices = range.indices(self.simulations);
        for (index, balance) in partial.extremes().into_iter().flatten() {
            if !indices.contains(&index) {
                return Err(format!("simulation {index} is not in blocks {range}"));
            }
            // A report has no negative zero. The comparison takes both zeros for equal.
            let replayed = self.replayer.final_balance(index);
            if replayed != balance {
                return Err(format!(
                    "simulation {index} ends with ${replayed:.2} here, but with ${balance:.2} in the report"
                ));
            }
        }
        Ok(())
    }
}

/// The checks of all workers' reports. Sessions share what is derived from a job.
#[derive(Debug, Default)]
pub(crate) struct ReportChecks(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    jobs: HashMap<JobId, Arc<KnownJob>>,
    /// The jobs in the order in which they were added.
    order: VecDeque<JobId>,
}

#[derive(Debug)]
struct KnownJob {
    spec: Arc<JobSpec>,
    /// Derived when the first report comes.
    expected: OnceCell<Expected>,
}

impl KnownJob {
    async fn expected(&self) -> Result<&Expected, Fault> {
        let derive = || async {
            let spec = Arc::clone(&self.spec);
            if !matches!(spec.analysis, Analysis::Sweep(_)) {
                return Ok(Expected::of(&spec));
            }
            // Of a thousand points this takes a second.
            let derived = tokio::task::spawn_blocking(move || Expected::of(&spec)).await;
            derived.map_err(|error| {
                Fault::new(FaultCode::Internal, format!("failed to prepare the checks of reports: {error}"))
            })
        };
        self.expected.get_or_try_init(derive).await
    }
}

impl ReportChecks {
    /// Checks a report. Turns one that can't be correct into a fault of its lease. Other commands
    /// pass.
    pub(crate) async fn check(
        &self,
        command: Command<Partial>,
        core: &CoreHandle,
    ) -> Result<Command<Partial>, Fault> {
        let Command::Report { node, lease, partial, computed_in } = command else { return Ok(command) };
        let job = lease.job;
        let known = self.known().jobs.get(&job).cloned();
        let known = match known {
            Some(known) => Some(known),
            // A job that has ended has no specification, and the report won't be counted.
            None => core.ask(move |core| core.spec(job)).await?.map(|spec| self.add(job, spec)),
        };
        let Some(known) = known else {
            return Ok(Command::Report { node, lease, partial, computed_in });
        };
        Ok(match known.expected().await?.check(lease.range, &partial) {
            Ok(()) => Command::Report { node, lease, partial, computed_in },
            Err(message) => {
                tracing::warn!(%node, %job, lease = %lease.id, "a report can't be correct: {message}");
                Command::Fail { node, lease, message }
            }
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A panic can't leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a job instead of the one that was added first, if there are too many.
    fn add(&self, job: JobId, spec: Arc<JobSpec>) -> Arc<KnownJob> {
        let mut known = self.known();
        if let Some(other) = known.jobs.get(&job) {
            return Arc::clone(other);
        }
        if known.order.len() >= JOBS_MAX
            && let Some(first) = known.order.pop_front()
        {
            known.jobs.remove(&first);
        }
        known.order.push_back(job);
        let added = Arc::new(KnownJob { spec, expected: OnceCell::new() });
        known.jobs.insert(job, Arc::clone(&added));
        added
    }
}

#[cfg(test)]
mod tests {
    use carlo_types::Draft;

    use super::*;

    fn spec(target: f64) -> Arc<JobSpec> {
        seeded(target, 3)
    }

    fn seeded(target: f64, seed: u64) -> Arc<JobSpec> {
        let mut draft = Draft::default();
        draft.profile.liquid_assets = Some(1_000.0);
        draft.profile.monthly_spending = Some(2_000.0);
        draft.inputs.monthly_income = Some(3_000.0);
        draft.goal.target_amount = Some(target);
        draft.goal.timeline_months = Some(6);
        draft.params.n_simulations = Some(40_000);
        Arc::new(draft.check(seed).unwrap())
    }

    /// A worker's report for these blocks of a job.
    fn partial(spec: &JobSpec, blocks: std::ops::Range<u64>) -> Partial {
        let job = Job::new(spec, Level::Portable);
        let mut accumulator = Accumulator::new(&job);
        blocks.for_each(|block| accumulator.block(&job, block));
        accumulator.finish()
    }

    #[test]
    fn a_correct_report_passes_and_that_of_another_job_or_range_does_not() {
        let expected = Expected::of(&spec(5_000.0));
        let range = BlockRange::new(1, 2).unwrap();
        assert_eq!(expected.check(range, &partial(&spec(5_000.0), 1..2)), Ok(()));
        let other_goal = expected.check(range, &partial(&spec(50_000.0), 1..2)).unwrap_err();
        assert!(other_goal.contains("another specification"), "{other_goal}");
        let too_many = expected.check(range, &partial(&spec(5_000.0), 0..2)).unwrap_err();
        assert!(too_many.contains("simulations instead of"), "{too_many}");
        let other_range = expected.check(range, &partial(&spec(5_000.0), 0..1)).unwrap_err();
        assert!(other_range.contains("is not in blocks 1..2"), "{other_range}");
    }

    /// Requests from the model's documentation, including plans over a lifetime.
    fn described() -> Vec<(String, Arc<JobSpec>)> {
        let files = [
            include_str!("../../kernel/tests/golden/model.json"),
            include_str!("../../kernel/tests/golden/plan.json"),
        ];
        let cases = files.iter().flat_map(|file| {
            let file: serde_json::Value = serde_json::from_str(file).unwrap();
            file.as_array().unwrap().clone()
        });
        let spec = |case: serde_json::Value| {
            let mut spec = JobSpec::read(&case["request"]).unwrap();
            spec.request.params.n_simulations = 4_000;
            (case["name"].to_string(), Arc::new(spec))
        };
        cases.map(spec).collect()
    }

    #[test]
    fn every_kind_of_request_passes_on_every_instruction_set() {
        for (name, spec) in described() {
            let expected = Expected::of(&spec);
            for level in Level::available() {
                let job = Job::new(&spec, level);
                let mut accumulator = Accumulator::new(&job);
                accumulator.block(&job, 0);
                let checked = expected.check(BlockRange::new(0, 1).unwrap(), &accumulator.finish());
                assert_eq!(checked, Ok(()), "{name} on {}", level.as_str());
            }
        }
    }

    #[test]
    fn balances_that_the_simulations_do_not_have_are_found() {
        // The same household with another seed has a result of the same form, but other numbers.
        let other = seeded(5_000.0, 4);
        let range = BlockRange::new(0, 1).unwrap();
        let checked = Expected::of(&spec(5_000.0)).check(range, &partial(&other, 0..1));
        assert!(checked.is_err(), "{checked:?}");
    }
}
