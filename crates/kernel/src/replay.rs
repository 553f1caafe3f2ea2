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

use crate::lifetime::{self, Lifetime, is_lifetime};
use crate::plan::Plan;
use crate::reference::{self, Month, Stream};

/// Replays simulation `index` of the job. Every `index` below 10¹² can be replayed, even if the job
/// doesn't run it.
pub fn replay(spec: &JobSpec, index: u64) -> Replay {
    if is_lifetime(spec) {
        return lifetime::replay::replay(spec, &Lifetime::new(spec), index);
    }
    let plan = Plan::new(spec);
    let mut stream = Stream::new(spec, index);
    let mut months = Vec::with_capacity(plan.months);
    let final_balance = reference::walk(spec, &plan, index, |month| {
        let words = reference::splits(&mut stream, months.len());
        months.push(split_month(months.len(), &month, &plan, words));
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
