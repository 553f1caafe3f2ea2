//! Simulates a job.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use carlo_kernel::{Accumulator, Job, Partial};
use carlo_rest::job::{JobResults, SensitivityResults};
use carlo_schedule::{Fold, Segments};
use carlo_types::{BLOCK_SIMULATIONS, BlockRange, JobSpec, Merge as _};
use serde::Serialize;

use crate::threads::{Interrupted, Parallelism, Progress};

/// The results of a job, in the form of the REST API.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobOutcome {
    /// The results of the job's own plan, and of its other plans.
    pub results: JobResults,
    /// `None` if the request doesn't ask for sensitivity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitivity_results: Option<SensitivityResults>,
}

/// How long the threads compute between two partial results of the whole job.
const STRETCH: Duration = Duration::from_millis(500);
/// The blocks of each thread in the first stretch.
const BLOCKS_FIRST: u64 = 64;

/// Simulates a job. About every 50 ms, `watch` is called on the calling thread with the progress
/// and the partial result so far, and can stop the call.
///
/// # Errors
///
/// If `watch` stopped the call.
///
/// # Panics
///
/// If the kernel panics.
pub fn run(
    spec: &JobSpec,
    parallelism: Parallelism,
    mut watch: impl FnMut(Progress, Option<&Partial>) -> ControlFlow<()>,
) -> Result<JobOutcome, Interrupted> {
    let job = Job::new(spec, parallelism.level());
    let total = spec.simulations();
    let segments = Segments::new(total, spec.params.target_standard_error);
    let mut fold = Fold::new(segments.expect("a checked job has at least one simulation"));
    let mut blocks = BLOCKS_FIRST.saturating_mul(parallelism.threads());
    let mut so_far: Option<Partial> = None;
    while let Some(segment) = fold.pending() {
        let mut start = segment.start();
        while start < segment.end() {
            let began = Instant::now();
            let range = BlockRange::new(start, segment.end().min(start + blocks)).expect("it isn't empty");
            let partial = simulate(&job, range, parallelism, &mut |blocks| {
                let simulations = ((start + blocks) * BLOCK_SIMULATIONS).min(total);
                watch(Progress { simulations, total }, so_far.as_ref())
            })?;
            fold.add(range, partial);
            so_far = fold.merged();
            start = range.end();
            if began.elapsed() < STRETCH {
                blocks = blocks.saturating_mul(2);
            }
        }
    }
    let partial = fold.into_prefix().expect("every segment was simulated");
    let stopped_early = partial.simulations() < total;
    let results = carlo_kernel::results(spec, &partial);
    let sensitivity_results = results.sensitivity.as_ref().map(|sensitivity| {
        SensitivityResults::new(sensitivity, carlo_kernel::recommendations(spec, sensitivity))
    });
    let results = JobResults::new(spec.clone(), spec.seed(), results, stopped_early, 1);
    Ok(JobOutcome { results, sensitivity_results })
}

/// The merged partial result of a range.
fn simulate(
    job: &Job,
    range: BlockRange,
    parallelism: Parallelism,
    watch: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Partial, Interrupted> {
    let step = |accumulator: &mut Accumulator, block| accumulator.block(job, range.start() + block);
    let parts = parallelism.share(range.len(), || Accumulator::new(job), step, watch)?;
    let mut parts = parts.into_iter().map(Accumulator::finish);
    let mut whole = parts.next().expect("a range has at least one block, and so at least one thread");
    parts.for_each(|part| whole.merge(&part));
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use carlo_types::Draft;

    use super::*;

    fn spec(simulations: u64, target: Option<f64>) -> JobSpec {
        let mut draft = Draft::default();
        draft.profile.liquid_assets = Some(20_000.0);
        draft.profile.monthly_spending = Some(2_900.0);
        draft.inputs.monthly_income = Some(4_000.0);
        draft.goal.target_amount = Some(70_000.0);
        draft.goal.timeline_months = Some(36);
        draft.params.n_simulations = Some(simulations);
        draft.params.target_standard_error = target;
        draft.check(7).unwrap()
    }

    fn parallelism(threads: usize) -> Parallelism {
        Parallelism::new(NonZeroUsize::new(threads)).unwrap()
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let spec = spec(100_000, None);
        let go_on = |_, _: Option<&Partial>| ControlFlow::Continue(());
        let alone = run(&spec, parallelism(1), go_on).unwrap();
        assert_eq!(run(&spec, parallelism(5), go_on).unwrap(), alone);
        assert_eq!(alone.results.simulations_run, 100_000);
        assert!(!alone.results.stopped_early);
        assert_eq!(alone.sensitivity_results.unwrap().sensitivities.len(), 7);
    }

    #[test]
    fn it_ends_at_the_checkpoint_that_meets_the_target_error() {
        let answer =
            run(&spec(10_000_000, Some(0.0015)), parallelism(2), |_, _| ControlFlow::Continue(())).unwrap();
        assert!(answer.results.stopped_early);
        assert_eq!(answer.results.simulations_run, 131_072);
        assert!(answer.results.standard_error <= 0.0015);
    }

    #[test]
    fn the_caller_can_stop_it() {
        let mut looks = Vec::new();
        let answer = run(&spec(1_000_000_000, None), parallelism(2), |progress, _| {
            looks.push(progress);
            if looks.len() < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert_eq!(answer, Err(Interrupted));
        assert_eq!(looks.len(), 3);
        assert!(looks.is_sorted_by_key(|progress| progress.simulations));
        assert_eq!(looks[0].total, 1_000_000_000);
    }
}
