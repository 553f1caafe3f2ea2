//! The balances of single simulations, month by month.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use carlo_kernel::Job;
use carlo_types::limits::SIMULATIONS_MAX;
use carlo_types::{BLOCK_SIMULATIONS, JobSpec};

use crate::threads::{Interrupted, Machine, Progress};

/// The most numbers of one call: 4 GB.
pub const NUMBERS_MAX: u64 = 1_000_000_000;

/// Balances, a row for each simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    /// The balances after every month, dollars: those of the first simulation, then those of the next one.
    pub balances: Vec<f32>,
    /// Months of a row.
    pub months: usize,
}

/// More was asked for than one call gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// There is no such simulation.
    #[error("first + count must be at most {SIMULATIONS_MAX}")]
    Index,
    /// It would not fit into memory.
    #[error("count × months must be at most {NUMBERS_MAX}, and {count} × {months} is more")]
    Numbers {
        /// Simulations that were asked for.
        count: u64,
        /// Months of each.
        months: usize,
    },
}

/// The balances of the simulations from index `first` on. `watch` is told how far it is, like that of [`run`](crate::run()).
///
/// # Errors
///
/// Where it is too much. Within, where `watch` ended it.
pub fn paths(
    spec: &JobSpec,
    machine: Machine,
    first: u64,
    count: u64,
    mut watch: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Result<Paths, Interrupted>, TooLarge> {
    if first.checked_add(count).is_none_or(|end| end > SIMULATIONS_MAX) {
        return Err(TooLarge::Index);
    }
    let job = Job::new(spec, machine.level());
    let months = job.timeline();
    let numbers = count.checked_mul(months as u64).filter(|&numbers| numbers <= NUMBERS_MAX);
    let Some(numbers) = numbers.and_then(|numbers| usize::try_from(numbers).ok()) else {
        return Err(TooLarge::Numbers { count, months });
    };
    let mut balances = vec![0.0; numbers];
    let rows = usize::try_from(BLOCK_SIMULATIONS).unwrap_or(usize::MAX);
    let parts = Mutex::new((first..).step_by(rows).zip(balances.chunks_mut(rows * months)));
    let step = |(): &mut (), _| {
        let next = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
        if let Some((first, rows)) = next {
            job.paths(first, rows);
        }
    };
    let done = machine.share(count.div_ceil(BLOCK_SIMULATIONS), || (), step, &mut |blocks| {
        watch(Progress { simulations: (blocks * BLOCK_SIMULATIONS).min(count), total: count })
    });
    Ok(done.map(|_| Paths { balances, months }))
}

#[cfg(test)]
mod tests {
    use carlo_types::Draft;

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
            let machine = Machine::new(None).unwrap();
            let go_on = |_| ControlFlow::Continue(());
            let first = (1 << 32) - 3;
            let found = paths(&spec, machine, first, 20_000, go_on).unwrap().unwrap();
            assert_eq!((found.months, found.balances.len()), (14, 280_000));
            for row in [0_usize, 2, 3, 16_386, 16_387, 19_999] {
                let replay = carlo_kernel::replay(&spec, first + row as u64);
                let months: Vec<f64> = replay.months.iter().map(|month| month.balance).collect();
                let row = &found.balances[row * 14..(row + 1) * 14];
                assert_eq!(row.iter().copied().map(f64::from).collect::<Vec<_>>(), months);
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
            paths(&spec, Machine::new(None).unwrap(), first, count, go_on).unwrap_err()
        };
        assert_eq!(asked(0, 1_000_000), TooLarge::Numbers { count: 1_000_000, months: 1_200 });
        assert_eq!(asked(SIMULATIONS_MAX, 1), TooLarge::Index);
        assert_eq!(asked(u64::MAX, u64::MAX), TooLarge::Index);
    }
}
