//! The outcomes of single simulations.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use carlo_kernel::{Job, Samples};
use carlo_types::{BLOCK_SIMULATIONS, JobSpec};

use crate::range::{self, TooLarge};
use crate::threads::{Interrupted, Parallelism, Progress};

/// The number of numbers of a sample.
const FIGURES: usize = 5;

/// The outcomes of `count` simulations from index `first` on. `watch` is called as in
/// [`run`](crate::run()).
///
/// # Errors
///
/// The outer error if the request exceeds a limit, the inner one if `watch` stopped the call.
pub fn samples(
    spec: &JobSpec,
    parallelism: Parallelism,
    first: u64,
    count: u64,
    mut watch: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Result<Samples, Interrupted>, TooLarge> {
    range::numbers(first, count, FIGURES)?;
    let job = Job::new(spec, parallelism.level());
    // Each part ends at the end of a block.
    let (start, end) = (first / BLOCK_SIMULATIONS, (first + count).div_ceil(BLOCK_SIMULATIONS));
    let parts = Mutex::new(Vec::new());
    let step = |(): &mut (), part: u64| {
        let from = first.max((start + part) * BLOCK_SIMULATIONS);
        let samples = job.samples(from, first + count - from);
        parts.lock().unwrap_or_else(PoisonError::into_inner).push((part, samples));
    };
    let items = if count == 0 { 0 } else { end - start };
    let done = parallelism.share(items, || (), step, &mut |blocks| {
        watch(Progress { simulations: (blocks * BLOCK_SIMULATIONS).min(count), total: count })
    });
    let mut parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
    parts.sort_unstable_by_key(|&(part, _)| part);
    Ok(done.map(|_| {
        // Without simulations, the lists that the job has are still present, but empty.
        let mut whole = job.samples(first, 0);
        for (_, samples) in parts {
            whole.append(samples);
        }
        whole
    }))
}

#[cfg(test)]
mod tests {
    use carlo_types::Draft;

    use super::*;

    #[test]
    fn samples_are_what_results_count() {
        let mut draft = Draft::default();
        draft.profile.liquid_assets = Some(20_000.0);
        draft.profile.monthly_spending = Some(2_900.0);
        draft.inputs.monthly_income = Some(4_000.0);
        draft.goal.target_amount = Some(70_000.0);
        draft.goal.timeline_months = Some(36);
        draft.params.n_simulations = Some(40_000);
        let goal = draft.check(7).unwrap();
        draft.goal.success = Some("neverShort".to_owned());
        draft.goal.floor = Some(16_000.0);
        for spec in [goal, draft.check(7).unwrap()] {
            let parallelism = Parallelism::new(None).unwrap();
            let go_on = |_| ControlFlow::Continue(());
            let all = samples(&spec, parallelism, 0, 40_000, go_on).unwrap().unwrap();
            let results = crate::run(&spec, parallelism, |at, _| go_on(at)).unwrap().results;
            let successes = all.succeeded.iter().filter(|&&succeeded| succeeded).count();
            assert_eq!(successes as f64 / 40_000.0, results.success_probability);
            let least = all.final_balances.iter().copied().fold(f32::INFINITY, f32::min);
            assert_eq!(f64::from(least), results.worst_case);
            if let Some(path) = &results.path {
                let months = all.first_short_months.as_ref().unwrap();
                let short = months.iter().filter(|&&month| month > 0).count();
                assert_eq!(short as f64 / 40_000.0, path.short_probability);
            } else {
                assert_eq!(all.first_short_months, None);
            }
            assert_eq!((&all.months_lived, &all.lowest_multipliers), (&None, &None));
            let some = samples(&spec, parallelism, 16_380, 10, go_on).unwrap().unwrap();
            assert_eq!(some.final_balances, all.final_balances[16_380..16_390]);
            assert_eq!(some.succeeded, all.succeeded[16_380..16_390]);
            assert!(samples(&spec, parallelism, 5, 0, go_on).unwrap().unwrap().succeeded.is_empty());
        }
    }
}
