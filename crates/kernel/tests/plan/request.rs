//! The members of a request that the plain model reads. It has its own reader, so that a name that
//! the product reads wrongly is noticed.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) financial_profile: Profile,
    pub(crate) user_inputs: Inputs,
    pub(crate) goal: Goal,
    #[serde(default)]
    pub(crate) simulation_params: Params,
    #[serde(default)]
    pub(crate) plan: Plan,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Profile {
    pub(crate) liquid_assets: f64,
    pub(crate) monthly_spending: f64,
    #[serde(default)]
    pub(crate) credit_debt: f64,
    #[serde(default)]
    pub(crate) monthly_loan_payments: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Inputs {
    pub(crate) monthly_income: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Goal {
    #[serde(default)]
    pub(crate) target_amount: f64,
    pub(crate) timeline_months: u32,
    #[serde(default)]
    pub(crate) success: Success,
    #[serde(default)]
    pub(crate) floor: f64,
    #[serde(default)]
    pub(crate) dollars: Dollars,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Success {
    #[default]
    FinalBalance,
    NeverShort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Dollars {
    #[default]
    Nominal,
    Real,
}

/// The defaults are those of a medium tolerance of risk.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Params {
    pub(crate) annual_return_mean: f64,
    pub(crate) annual_return_std: f64,
    pub(crate) inflation_rate: f64,
    pub(crate) inflation_volatility: f64,
    pub(crate) income_volatility: f64,
    pub(crate) expense_volatility: f64,
    pub(crate) emergency_probability: f64,
    pub(crate) emergency_min: f64,
    pub(crate) emergency_max: f64,
    pub(crate) annual_raise_mean: f64,
    pub(crate) annual_raise_volatility: f64,
    pub(crate) promotion_probability: f64,
    pub(crate) promotion_raise_mean: f64,
    pub(crate) promotion_raise_volatility: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            annual_return_mean: 0.07,
            annual_return_std: 0.15,
            inflation_rate: 0.025,
            inflation_volatility: 0.01,
            income_volatility: 0.05,
            expense_volatility: 0.15,
            emergency_probability: 0.08,
            emergency_min: 500.0,
            emergency_max: 3_000.0,
            annual_raise_mean: 0.03,
            annual_raise_volatility: 0.015,
            promotion_probability: 0.15,
            promotion_raise_mean: 0.08,
            promotion_raise_volatility: 0.03,
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Plan {
    pub(crate) reserve_months: Option<f64>,
    pub(crate) income_until: Option<u32>,
    pub(crate) borrowing_rate: f64,
    pub(crate) flows: Vec<Flow>,
    pub(crate) prices: Option<Prices>,
    pub(crate) portfolio: Option<Portfolio>,
    pub(crate) returns: Returns,
    pub(crate) spending_rule: Option<Rule>,
    pub(crate) people: Vec<Person>,
    pub(crate) survivor_spending: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Flow {
    pub(crate) kind: Kind,
    pub(crate) amount: f64,
    pub(crate) from: u32,
    pub(crate) until: Option<u32>,
    pub(crate) every_months: Option<u32>,
    #[serde(default)]
    pub(crate) index: Index,
    #[serde(default)]
    pub(crate) annual_growth: f64,
    pub(crate) person: Option<usize>,
    #[serde(default)]
    pub(crate) survivor_share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    Income,
    Spending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Index {
    #[default]
    None,
    Prices,
    Wages,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Prices {
    pub(crate) mean: f64,
    pub(crate) std: f64,
    pub(crate) persistence: f64,
    pub(crate) start: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Portfolio {
    pub(crate) assets: Vec<Asset>,
    pub(crate) correlation: Option<Vec<Vec<f64>>>,
    #[serde(default)]
    pub(crate) annual_fee: f64,
    #[serde(default)]
    pub(crate) glide_path: Vec<Point>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Asset {
    #[serde(default)]
    pub(crate) mean: f64,
    #[serde(default)]
    pub(crate) std: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Point {
    pub(crate) month: u32,
    pub(crate) weights: Vec<f64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(tag = "model", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Returns {
    #[default]
    Normal,
    Lognormal,
    StudentT {
        degrees_of_freedom: f64,
    },
    Regimes {
        calm: Asset,
        stress: Asset,
        calm_to_stress: f64,
        stress_to_calm: f64,
    },
    Bootstrap {
        rows: Vec<Vec<f64>>,
        inflation: Option<Vec<f64>>,
        mean_block_months: f64,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule {
    #[serde(flatten)]
    pub(crate) kind: RuleKind,
    #[serde(default)]
    pub(crate) from: u32,
    pub(crate) floor: Option<f64>,
    pub(crate) ceiling: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "rule", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum RuleKind {
    Guardrails {
        up: f64,
        down: f64,
        cut: f64,
        raise: f64,
        #[serde(default)]
        no_cut_years: u32,
    },
    Percent {
        share: f64,
    },
    Vpw {
        rate: f64,
    },
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    pub(crate) age: f64,
    pub(crate) modal_age: f64,
    pub(crate) dispersion: f64,
}
