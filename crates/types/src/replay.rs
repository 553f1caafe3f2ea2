//! A replay: one simulation of a job, month by month.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A replayed simulation. Its final balance has the bits that the cluster computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// The index of the simulation.
    pub index: u64,
    /// The balance before the first month, in dollars.
    pub starting_balance: f64,
    /// All months of the timeline.
    pub months: Vec<ReplayMonth>,
    /// The card debt after the last month in dollars, which is subtracted from the balance.
    pub owed: f64,
    /// The final balance in dollars.
    pub final_balance: f64,
    /// Whether the simulation reached the goal.
    pub succeeded: bool,
}

/// A month of a simulation. All amounts are in dollars.
///
/// The balance is the previous one plus income, income noise, market return, flows and interest,
/// minus spending, expense noise, emergency and payment, up to rounding in double precision.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayMonth {
    /// Months since the start, from 1.
    pub month: u32,
    /// The expected income, including raises.
    pub income: f64,
    /// The difference of actual to expected income.
    pub income_noise: f64,
    /// The expected spending, including inflation.
    pub spending: f64,
    /// The difference of actual to expected spending.
    pub expense_noise: f64,
    /// The cost of an emergency, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub emergency: Option<f64>,
    /// The gain or loss of the investments.
    pub market_return: f64,
    /// The payments for loans and cards.
    pub payment: f64,
    /// The year's raise as a fraction of income, in the month of the raise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub annual_raise: Option<f64>,
    /// The raise of a promotion as a fraction of income, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub promotion_raise: Option<f64>,
    /// The balance after the month.
    pub balance: f64,
    /// Incomes minus spendings of the plan's flows; absent if the plan has no flows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub flows: Option<f64>,
    /// Interest on a negative balance, which is negative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub interest: Option<f64>,
    /// The multiplier of planned spending that a rule has set. `spending` includes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub spending_multiplier: Option<f64>,
    /// The price level, which starts at 1. Present if the plan has prices or the goal is in real
    /// dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub price_level: Option<f64>,
    /// The balance in the dollars of the start, if the goal is in real dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub real_balance: Option<f64>,
    /// The market's regime, if returns have regimes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub regime: Option<Regime>,
    /// The number of the row from 0, if returns are bootstrapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub row: Option<u32>,
    /// Who is alive, in the order of the plan's people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lives: Vec<bool>,
}

/// A regime of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Regime {
    /// The calm regime.
    Calm,
    /// The stress regime.
    Stress,
}
