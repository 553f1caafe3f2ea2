//! One simulation of a job, month by month: what happened in it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A simulation, replayed. Its final balance has the bits of what the cluster computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// The simulation's index.
    pub index: u64,
    /// Dollars before the first month.
    pub starting_balance: f64,
    /// Every month of the timeline.
    pub months: Vec<ReplayMonth>,
    /// Still owed on cards after the last month, dollars: taken off the balance.
    pub owed: f64,
    /// The final balance, dollars.
    pub final_balance: f64,
    /// Whether it reached the goal.
    pub succeeded: bool,
}

/// A month of a simulation. All sums are dollars.
///
/// The balance is the one before plus income, income noise, market return, flows and interest, less
/// spending, expense noise, emergency and payment: to within rounding in double precision.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayMonth {
    /// Months since the start, from 1.
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
    #[schema(nullable = false)]
    pub emergency: Option<f64>,
    /// What the market gave or took.
    pub market_return: f64,
    /// What loans and cards took.
    pub payment: f64,
    /// The year's raise, as a fraction of income, in the month that brings one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub annual_raise: Option<f64>,
    /// The raise of a promotion, as a fraction of income, where one fell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub promotion_raise: Option<f64>,
    /// The balance after the month.
    pub balance: f64,
    /// What the plan's flows brought, less what they took; absent where the plan has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub flows: Option<f64>,
    /// Interest on a negative balance: below 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub interest: Option<f64>,
    /// The multiple of planned spending that a rule set. `spending` is that of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub spending_multiplier: Option<f64>,
    /// The price level, which starts at 1, where prices follow the plan or dollars are real.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub price_level: Option<f64>,
    /// The balance in the dollars of the start, where the goal asks for real dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub real_balance: Option<f64>,
    /// The market's regime, where returns have regimes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub regime: Option<Regime>,
    /// The number of the row, from 0, where returns are bootstrapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub row: Option<u32>,
    /// Who lives, in the order of the plan's people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lives: Vec<bool>,
}

/// A regime of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Regime {
    /// The calm one.
    Calm,
    /// That of stress.
    Stress,
}
