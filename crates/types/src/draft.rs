//! A request as it was typed: every field optional, nothing checked. [`Draft::check`](crate::spec) turns it into a
//! [`JobSpec`](crate::JobSpec) or names every fault at once.
//!
//! Names, units and ranges are those of the model's inputs: money in dollars, rates as fractions a year, `apr` and
//! `interest_rate` in percent a year.

use std::collections::BTreeMap;

/// A simulation request, unchecked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// What the household has, owes and spends.
    pub profile: ProfileDraft,
    /// What the person says of themselves.
    pub inputs: InputsDraft,
    /// What is to be reached, and when.
    pub goal: GoalDraft,
    /// How to simulate it.
    pub params: ParamsDraft,
    /// Plans to compare it with, on the same luck.
    pub variants: Vec<Draft>,
    /// What to solve for.
    pub solve: Option<SolveDraft>,
}

/// What to solve for.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the fields are those of `question::Solve`")]
pub struct SolveDraft {
    pub variable: Option<String>,
    pub probability: Option<f64>,
}

/// `financialProfile`.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the fields are the model's inputs, described there")]
pub struct ProfileDraft {
    pub liquid_assets: Option<f64>,
    pub monthly_spending: Option<f64>,
    pub credit_debt: Option<f64>,
    pub loan_debt: Option<f64>,
    pub monthly_loan_payments: Option<f64>,
    pub spending_volatility: Option<f64>,
    pub monthly_income: Option<f64>,
    pub monthly_bills: Option<f64>,
    pub spending_by_category: BTreeMap<String, f64>,
}

/// `userInputs`.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the fields are the model's inputs, described there")]
pub struct InputsDraft {
    pub monthly_income: Option<f64>,
    pub risk_tolerance: Option<String>,
    pub age: Option<f64>,
}

/// `goal`.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the fields are the model's inputs, described there")]
pub struct GoalDraft {
    pub target_amount: Option<f64>,
    pub timeline_months: Option<u64>,
    pub goal_type: Option<String>,
    pub goal_text: Option<String>,
}

/// `simulationParams`.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the fields are the model's inputs, described there")]
pub struct ParamsDraft {
    pub simulations: Option<u64>,
    pub seed: Option<u64>,
    pub annual_return_mean: Option<f64>,
    pub annual_return_std: Option<f64>,
    pub inflation_rate: Option<f64>,
    pub inflation_volatility: Option<f64>,
    pub income_volatility: Option<f64>,
    pub expense_volatility: Option<f64>,
    pub emergency_probability: Option<f64>,
    pub emergency_min: Option<f64>,
    pub emergency_max: Option<f64>,
    pub annual_raise_mean: Option<f64>,
    pub annual_raise_volatility: Option<f64>,
    pub promotion_probability: Option<f64>,
    pub promotion_raise_mean: Option<f64>,
    pub promotion_raise_volatility: Option<f64>,
    pub target_standard_error: Option<f64>,
    pub use_account_aware_simulation: Option<bool>,
    pub credit_cards: Vec<CardDraft>,
    pub loans: Vec<LoanDraft>,
}

/// One of `creditCards`.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the fields are the model's inputs, described there")]
pub struct CardDraft {
    pub id: Option<String>,
    pub balance: Option<f64>,
    pub apr: Option<f64>,
    pub minimum_payment: Option<f64>,
}

/// One of `loans`.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the fields are the model's inputs, described there")]
pub struct LoanDraft {
    pub id: Option<String>,
    pub balance: Option<f64>,
    pub interest_rate: Option<f64>,
    pub monthly_payment: Option<f64>,
}
