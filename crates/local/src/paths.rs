//! The balances of single simulations, month by month.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use carlo_kernel::Job;
use carlo_types::{BLOCK_SIMULATIONS, JobSpec};

use crate::range::{self, TooLarge};
use crate::threads::{Interrupted, Parallelism, Progress};

/// Balances, with a row for each simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    /// The balances after every month in dollars, row by row.
    pub balances: Vec<f32>,
    /// The number of months of each row.
    pub months: usize,
}

/// The balances of `count` simulations from index `first` on. `watch` is called as in
/// [`run`](crate::run()).
///
/// # Errors
///
/// The outer error if the request exceeds a limit, the inner one if `watch` stopped the call.
pub fn paths(
    spec: &JobSpec,
    parallelism: Parallelism,
    first: u64,
    count: u64,
    mut watch: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Result<Paths, Interrupted>, TooLarge> {
    let job = Job::new(spec, parallelism.level());
    let months = job.timeline();
    let numbers = range::numbers(first, count, months)?;
    let mut balances = vec![0.0; numbers];
    let rows = usize::try_from(BLOCK_SIMULATIONS).unwrap_or(usize::MAX);
    let parts = Mutex::new((first..).step_by(rows).zip(balances.chunks_mut(rows * months)));
    let step = |(): &mut (), _| {
        let next = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
        if let Some((first, rows)) = next {
            job.paths(first, rows);
        }
    };
    let done = parallelism.share(count.div_ceil(BLOCK_SIMULATIONS), || (), step, &mut |blocks| {
        watch(Progress { simulations: (blocks * BLOCK_SIMULATIONS).min(count), total: count })
    });
    Ok(done.map(|_| Paths { balances, months }))
}

#[cfg(test)]
mod tests {
    use carlo_types::Draft;
    use carlo_types::limits::SIMULATIONS_MAX;

    use super::*;

    #[test]
    fn a_path_is_that_of_the_replay_wherever_it_is_asked_for() {
        let mut draft = Draft::default();
        draft.profile.liquid_assets = Some(20_000.0);
        draft.profile.monthly_spending = Some(2_900.0);
        draft.inputs.monthly_income = Some(4_000.0);
        draft.goal.target_amount = Some(70_000.0);
        draft.goal.timeline_months = Some(14);
        let plain = draft.check(7).unwrap();
        draft.plan.income_until = Some(9);
        for spec in [plain, draft.check(7).unwrap()] {
            let parallelism = Parallelism::new(None).unwrap();
            let go_on = |_| ControlFlow::Continue(());
            let first = (1 << 32) - 3;
            let found = paths(&spec, parallelism, first, 20_000, go_on).unwrap().unwrap();
            assert_eq!((found.months, found.balances.len()), (14, 280_000));
            for row in [0_usize, 2, 3, 16_386, 16_387, 19_999] {
                let replay = carlo_kernel::replay(&spec, first + row as u64);
                let row = &found.balances[row * 14..(row + 1) * 14];
                for (month, &balance) in replay.months.iter().zip(row) {
                    // The balance of a replay is more precise than single precision.
                    assert!((month.balance - f64::from(balance)).abs() <= 1e-6 * month.balance.abs());
                }
                assert_eq!(f64::from(row[13]), replay.final_balance);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut draft = Draft::default();
        draft.profile.liquid_assets = Some(1.0);
        draft.profile.monthly_spending = Some(1.0);
        draft.inputs.monthly_income = Some(1.0);
        draft.goal.target_amount = Some(1.0);
        draft.goal.timeline_months = Some(1_200);
        let spec = draft.check(7).unwrap();
        let asked = |first, count| {
            let go_on = |_| ControlFlow::Continue(());
            paths(&spec, Parallelism::new(None).unwrap(), first, count, go_on).unwrap_err()
        };
        assert_eq!(asked(0, 1_000_000), TooLarge::Numbers { count: 1_000_000, each: 1_200 });
        assert_eq!(asked(SIMULATIONS_MAX, 1), TooLarge::Index);
        assert_eq!(asked(u64::MAX, u64::MAX), TooLarge::Index);
    }
}
