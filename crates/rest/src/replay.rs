//! One simulation of a job, month by month.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer of `GET /api/jobs/{id}/simulations/{index}`. All sums are dollars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// The simulation's index, from 0.
    pub index: u64,
    /// The balance before the first month.
    pub starting_balance: f64,
    /// Every month of the timeline.
    pub months: Vec<ReplayMonth>,
    /// What was still owed on cards after the last month: it is taken off the balance.
    pub owed: f64,
    /// The final balance: to the last bit what the cluster counted.
    pub final_balance: f64,
    /// Whether it reached the goal.
    pub succeeded: bool,
}

/// One month. The balance is the one before plus income, its noise and the market's return, less spending, its noise, the emergency and
/// the payment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayMonth {
    /// From 1.
    pub month: u32,
    /// Income that was to be expected, raises included.
    pub income: f64,
    /// By how much income was more than that.
    pub income_noise: f64,
    /// Spending that was to be expected, inflation included.
    pub spending: f64,
    /// By how much spending was more than that.
    pub expense_noise: f64,
    /// What an emergency cost, where one fell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<f64>,
    /// What the market gave or took.
    pub market_return: f64,
    /// What loans and cards took.
    pub payment: f64,
    /// The year's raise as a fraction of income, in the month that brings one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annual_raise: Option<f64>,
    /// The raise of a promotion as a fraction of income, where one fell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion_raise: Option<f64>,
    /// The balance after the month.
    pub balance: f64,
}
