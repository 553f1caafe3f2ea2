//! Checks reports of workers against the job's specification. A worker that computes nonsense, by
//! mistake or on purpose, must not get it into a result. The checks run in the worker's own
//! session, not in the core's task.
//!
//! Everything that follows from the specification is derived and compared: the grid, the scales,
//! the targets, the number of variants. The rest is sampled: the report's most extreme simulations
//! are replayed here, which takes about a millisecond each, and must end with the reported
//! balances.

use std::collections::VecDeque;
use std::sync::Arc;

use carlo_kernel::{Accumulator, Job, Level, Partial};
use carlo_types::{BlockRange, JobId, JobSpec, Merge};

/// Jobs that a session remembers.
const JOBS_MAX: usize = 4;
/// Simulations that are replayed per report.
const REPLAYS: usize = 2;
/// The allowed difference of a replayed balance, as a fraction: replays and reports round in
/// different places.
const TOLERANCE: f64 = 1e-5;

/// The expected form of a job's reports.
#[derive(Debug)]
pub(crate) struct Expected {
    spec: Arc<JobSpec>,
    /// A partial result without simulations.
    nothing: Partial,
}

impl Expected {
    /// Derives the expectations from a specification. Takes some milliseconds, because the job's
    /// grid depends on a pilot.
    pub(crate) fn of(spec: Arc<JobSpec>) -> Self {
        let level = Level::detect().unwrap_or(Level::Portable);
        let nothing = Accumulator::new(&Job::new(&spec, level)).finish();
        Self { spec, nothing }
    }

    /// Checks the partial result of a range. The error describes what is wrong.
    pub(crate) fn check(&self, range: BlockRange, partial: &Partial) -> Result<(), String> {
        let simulations = range.simulations(self.spec.simulations());
        if partial.simulations() != simulations {
            return Err(format!(
                "the report has {} simulations instead of {simulations}",
                partial.simulations()
            ));
        }
        if !self.nothing.fits(partial) {
            return Err("the report belongs to another specification".to_owned());
        }
        let indices = range.indices(self.spec.simulations());
        let Some(notable) = carlo_kernel::results(&self.spec, partial).notable else { return Ok(()) };
        for claimed in [notable.worst, notable.best].into_iter().take(REPLAYS) {
            if !indices.contains(&claimed.index) {
                return Err(format!("simulation {} is not in blocks {range}", claimed.index));
            }
            let replayed = carlo_kernel::replay(&self.spec, claimed.index).final_balance;
            if (replayed - claimed.balance).abs() > TOLERANCE * replayed.abs().max(1_000.0) {
                return Err(format!(
                    "simulation {} ends with ${replayed:.2} here, but with ${:.2} in the report",
                    claimed.index, claimed.balance
                ));
            }
        }
        Ok(())
    }
}

/// The expectations for the jobs that a session has recently reported on, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Expectations(VecDeque<(JobId, Arc<Expected>)>);

impl Expectations {
    pub(crate) fn get(&self, job: JobId) -> Option<Arc<Expected>> {
        self.0.iter().find(|(id, _)| *id == job).map(|(_, expected)| Arc::clone(expected))
    }

    pub(crate) fn insert(&mut self, job: JobId, expected: Arc<Expected>) {
        self.0.push_back((job, expected));
        if self.0.len() > JOBS_MAX {
            self.0.pop_front();
        }
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
        let expected = Expected::of(spec(5_000.0));
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
            let expected = Expected::of(Arc::clone(&spec));
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
        let checked = Expected::of(spec(5_000.0)).check(range, &partial(&other, 0..1));
        assert!(checked.is_err(), "{checked:?}");
    }
}
