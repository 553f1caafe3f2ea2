//! Replays one simulation of a job, month by month, for display.
//!
//! The arithmetic is `reference`'s, so the final balance has the bits that the cluster computed.
//! The cluster draws the three normal terms of a month's cash (income's, spending's, the market's)
//! as one: their sum. Here the sum is split again. Given S = X₁ + X₂ + X₃, where Xᵢ is normal with
//! variance vᵢ, independent Yᵢ with the same variances give
//!
//! Xᵢ = Yᵢ + vᵢ / (v₁ + v₂ + v₃) · (S − Y₁ − Y₂ − Y₃),
//!
//! which add up to S and have the joint distribution of the terms given S: X − (v / Σv)·S is
//! independent of S, and the same function of Y has its distribution (C. Rasmussen and C. Williams,
//! "Gaussian Processes for Machine Learning", 2006, A.2, say how normals are conditioned). The Yᵢ
//! are drawn from blocks of their own: one a month of the source `Replay`.

use carlo_types::{JobSpec, Replay, ReplayMonth};

use crate::lifetime;
use crate::plan::Plan;
use crate::prepared::Prepared;
use crate::reference::{self, Month, Stream};

/// A job that is prepared to replay its simulations one by one. Every index below 10¹² can be
/// replayed, even if the job doesn't run it.
#[derive(Debug)]
pub struct Replayer {
    seed: u64,
    prepared: Prepared,
}

impl Replayer {
    /// Prepares a job. This takes microseconds, and a fraction of a millisecond for a long plan.
    pub fn new(spec: &JobSpec) -> Self {
        Self { seed: spec.seed(), prepared: Prepared::new(spec) }
    }

    /// The final balance of simulation `index` in dollars, with the bits that the cluster computes.
    pub fn final_balance(&self, index: u64) -> f32 {
        match &self.prepared {
            Prepared::Savings(plan) => reference::walk(self.seed, plan, index, |_| {}),
            Prepared::Lifetime(plan) => {
                lifetime::reference::walk(self.seed, plan, index, |_| {}).final_balance
            }
        }
    }

    /// Simulation `index`, month by month.
    pub fn replay(&self, index: u64) -> Replay {
        match &self.prepared {
            Prepared::Savings(plan) => savings(self.seed, plan, index),
            Prepared::Lifetime(plan) => lifetime::replay::replay(self.seed, plan, index),
        }
    }
}

/// Replays simulation `index` of the job.
pub fn replay(spec: &JobSpec, index: u64) -> Replay {
    Replayer::new(spec).replay(index)
}

fn savings(seed: u64, plan: &Plan, index: u64) -> Replay {
    let mut stream = Stream::new(seed, index);
    let mut months = Vec::with_capacity(plan.months);
    let final_balance = reference::walk(seed, plan, index, |month| {
        let words = reference::splits(&mut stream, months.len());
        months.push(split_month(months.len(), &month, plan, words));
    });
    Replay {
        index,
        starting_balance: f64::from(plan.balance[0]) + f64::from(plan.balance[1]),
        months,
        owed: plan.owed[plan.months].into(),
        final_balance: final_balance.into(),
        succeeded: final_balance >= plan.threshold,
    }
}

/// A month, with its cash split into its terms.
fn split_month(before: usize, month: &Month, plan: &Plan, words: [u32; 16]) -> ReplayMonth {
    let Month { income, spending, payment, invested, .. } = *month;
    let expected = invested * plan.return_mean.map(f64::from).iter().sum::<f64>();
    let certain = income - spending - payment - month.emergency.unwrap_or(0.0) + expected;
    // This includes what single precision has rounded away: fractions of a cent.
    let sum = month.balance - month.before - certain;
    let [income_noise, saved, market] = reference::split(sum, month.stds, words);
    ReplayMonth {
        month: u32::try_from(before + 1).expect("at most the timeline"),
        income,
        income_noise,
        spending,
        expense_noise: -saved,
        emergency: month.emergency,
        market_return: expected + market,
        payment,
        annual_raise: month.annual_raise,
        promotion_raise: month.promotion_raise,
        balance: month.balance,
        ..ReplayMonth::default()
    }
}
