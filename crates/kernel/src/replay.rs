//! One simulation of a job on its own, month by month, as a person reads it.
//!
//! The arithmetic is `reference`'s, so the final balance has the bits that the cluster computed. The cluster draws the three normal terms
//! of a month's cash (income's, spending's, the market's) as one: their sum. Here the sum is split again. Given S = X₁ + X₂ + X₃, where Xᵢ
//! is normal with variance vᵢ, independent Yᵢ with the same variances give
//!
//! Xᵢ = Yᵢ + vᵢ / (v₁ + v₂ + v₃) · (S − Y₁ − Y₂ − Y₃),
//!
//! which add up to S and have the joint distribution of the terms given S: X − (v / Σv)·S is independent of S, and the same
//! function of Y has its distribution (C. Rasmussen and C. Williams, "Gaussian Processes for Machine Learning", 2006, A.2, say how
//! normals are conditioned). The Yᵢ are made of words that no simulation reads: those of the stream 2⁶³ above the simulation's own.

use carlo_types::{JobSpec, Replay, ReplayMonth};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::plan::Plan;
use crate::reference::{self, Month};

/// Added to a simulation's index, the number of the stream that its months are split with.
const SPLITS: u64 = 1 << 63;

/// Simulation `index` of the job. Every `index` below 10¹² has one, also those that the job doesn't run.
pub fn replay(spec: &JobSpec, index: u64) -> Replay {
    let plan = Plan::new(spec);
    let mut splits = reference::stream(spec, index + SPLITS);
    let mut months = Vec::with_capacity(plan.months);
    let final_balance = reference::walk(spec, &plan, index, |month| {
        months.push(told(months.len(), &month, &plan, &mut splits));
    });
    Replay {
        index,
        starting_balance: plan.balance.into(),
        months,
        owed: plan.owed[0].into(),
        final_balance: final_balance.into(),
        succeeded: final_balance >= plan.target,
    }
}

/// A month, its cash split into what it is made of.
fn told(before: usize, month: &Month, plan: &Plan, splits: &mut ChaCha8Rng) -> ReplayMonth {
    let [income, spending, payment, invested] =
        [month.income, month.spending, month.payment, month.invested].map(f64::from);
    let emergency = month.emergency.map(f64::from);
    let expected = invested * f64::from(plan.return_mean);
    let certain = income - spending - payment - emergency.unwrap_or(0.0) + expected;
    // What single precision rounded away is part of it: fractions of a cent.
    let sum = f64::from(month.balance) - f64::from(month.before) - certain;
    let [income_noise, saved, market] = split(sum, month.stds.map(f64::from), splits);
    ReplayMonth {
        month: u32::try_from(before + 1).expect("at most the timeline"),
        income,
        income_noise,
        spending,
        expense_noise: -saved,
        emergency,
        market_return: expected + market,
        payment,
        annual_raise: month.annual_raise.map(f64::from),
        promotion_raise: month.promotion_raise.map(f64::from),
        balance: month.balance.into(),
    }
}

/// Three normals with these standard deviations, given their sum. The one with the largest takes what rounding leaves.
fn split(sum: f64, stds: [f64; 3], words: &mut ChaCha8Rng) -> [f64; 3] {
    let mut normals = || reference::normals_f64(words.next_u32(), words.next_u32() >> 13);
    let ([z0, z1], [z2, _]) = (normals(), normals());
    let free = [stds[0] * z0, stds[1] * z1, stds[2] * z2];
    let variance: f64 = stds.iter().map(|std| std * std).sum();
    let rest = sum - free.iter().sum::<f64>();
    let mut parts = [0.0; 3];
    if variance > 0.0 {
        for i in 0..3 {
            parts[i] = free[i] + stds[i] * stds[i] / variance * rest;
        }
    }
    let largest = (0..3).fold(0, |largest, i| if stds[i].abs() > stds[largest].abs() { i } else { largest });
    parts[largest] = 0.0;
    parts[largest] = sum - parts.iter().sum::<f64>();
    parts
}
