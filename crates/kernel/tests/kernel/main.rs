//! The kernel from outside: against the model's description, and its partial results.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![expect(clippy::cast_possible_truncation, reason = "a million, at most")]

mod cents;
mod coverage;
mod extras;
mod golden;
mod model;
mod partials;
mod plans;
mod precision;
mod replay;
mod vectors;

use carlo_kernel::{Accumulator, Job, Level, Partial};
use carlo_types::blocks::blocks_of;
use carlo_types::{Draft, JobSpec};

/// The level in the environment, or the best.
fn level() -> Level {
    Level::detect().unwrap()
}

/// The partial result of these blocks of a job.
fn partial(job: &Job, blocks: impl IntoIterator<Item = u64>) -> Partial {
    let mut accumulator = Accumulator::new(job);
    for block in blocks {
        accumulator.block(job, block);
    }
    accumulator.finish()
}

/// The partial result of a whole job.
fn whole(spec: &JobSpec, level: Level) -> Partial {
    partial(&Job::new(spec, level), 0..blocks_of(spec.simulations()))
}

/// Every number at its largest.
fn extreme(draft: &mut Draft, returns: f64) {
    const MOST: Option<f64> = Some(1e12);
    draft.profile.liquid_assets = MOST;
    draft.profile.monthly_spending = MOST;
    draft.profile.credit_debt = MOST;
    draft.profile.monthly_loan_payments = MOST;
    draft.inputs.monthly_income = MOST;
    draft.goal.target_amount = MOST;
    let params = &mut draft.params;
    params.annual_return_mean = Some(returns);
    params.annual_return_std = Some(2.0);
    params.inflation_rate = Some(1.0);
    params.inflation_volatility = Some(1.0);
    params.income_volatility = Some(2.0);
    params.expense_volatility = Some(2.0);
    params.emergency_probability = Some(1.0);
    params.emergency_min = Some(0.0);
    params.emergency_max = MOST;
    params.annual_raise_mean = Some(returns);
    params.annual_raise_volatility = Some(1.0);
    params.promotion_probability = Some(1.0);
    params.promotion_raise_mean = Some(returns);
    params.promotion_raise_volatility = Some(1.0);
}
