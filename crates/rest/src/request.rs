//! A simulation request: its shape, and a reader that names every fault of a body at once.
//!
//! JSON is read into a value first and then field by field, because a derived deserializer stops at the first fault. The reader
//! knows names and JSON types: a field that is not listed, a text where a number belongs, the same field under both its
//! spellings. Ranges are for whoever owns the model's rules.

mod read;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

pub use read::read;
pub(crate) use read::sections;

/// The body of a submission, every field optional. Money in dollars, rates as fractions a year, `apr` and `interestRate` in percent
/// a year.
#[derive(Debug, Clone, PartialEq, Default, Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the fields are the model's inputs, described there")]
pub struct SimulationRequest {
    pub financial_profile: FinancialProfile,
    pub user_inputs: UserInputs,
    pub goal: Goal,
    pub simulation_params: SimulationParams,
}

/// Declares a shape whose fields are all optional and absent from JSON where they have no value.
macro_rules! shape {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default, Serialize, serde::Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase", default)]
        #[expect(missing_docs, reason = "the fields are the model's inputs, described there")]
        pub struct $name {
            $(#[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
        }
    };
}

shape! {
    /// What the household has, owes and spends.
    FinancialProfile {
        liquid_assets: f64,
        monthly_spending: f64,
        credit_debt: f64,
        loan_debt: f64,
        monthly_loan_payments: f64,
        spending_volatility: f64,
        monthly_income: f64,
        monthly_bills: f64,
        spending_by_category: BTreeMap<String, f64>,
    }
}

shape! {
    /// What the person says of themselves.
    UserInputs { monthly_income: f64, risk_tolerance: String, age: f64 }
}

shape! {
    /// What is to be reached, and when.
    Goal { target_amount: f64, timeline_months: u64, goal_type: String, goal_text: String }
}

shape! {
    /// How to simulate it.
    SimulationParams {
        n_simulations: u64,
        seed: Seed,
        annual_return_mean: f64,
        annual_return_std: f64,
        inflation_rate: f64,
        inflation_volatility: f64,
        income_volatility: f64,
        expense_volatility: f64,
        emergency_probability: f64,
        emergency_min: f64,
        emergency_max: f64,
        annual_raise_mean: f64,
        annual_raise_volatility: f64,
        promotion_probability: f64,
        promotion_raise_mean: f64,
        promotion_raise_volatility: f64,
        target_standard_error: f64,
        use_account_aware_simulation: bool,
        credit_cards: Vec<CreditCard>,
        loans: Vec<Loan>,
    }
}

shape! {
    /// A credit card.
    CreditCard { id: String, balance: f64, apr: f64, minimum_payment: f64 }
}

shape! {
    /// A loan.
    Loan { id: String, balance: f64, interest_rate: f64, monthly_payment: f64 }
}

/// A seed: 64 bits, written as a decimal string because JSON numbers lose the last digits of the large ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Seed(pub u64);

impl PartialSchema for Seed {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(u64::MAX));
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9]{1,20}$"));
        OneOfBuilder::new().item(number).item(text).into()
    }
}

impl ToSchema for Seed {}

impl From<Seed> for String {
    fn from(seed: Seed) -> Self {
        seed.0.to_string()
    }
}

impl TryFrom<String> for Seed {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}
