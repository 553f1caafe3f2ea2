//! The cases of `tests/golden/model.json`: requests, with the answers of an independent program in double precision on another generator, 10⁷
//! simulations each. The file came with the model's description.

use carlo_types::JobSpec;
use carlo_types::draft::{CardDraft, Draft, GoalDraft, InputsDraft, LoanDraft, ParamsDraft, ProfileDraft};
use carlo_types::results::PERCENTILES;
use serde_json::Value;

/// A request and its answer.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) draft: Draft,
    pub(crate) simulations: f64,
    pub(crate) success_probability: f64,
    pub(crate) standard_error: f64,
    pub(crate) mean: f64,
    pub(crate) std: f64,
    pub(crate) percentiles: [f64; 7],
}

impl Case {
    /// The case's job, with this many simulations and this seed.
    pub(crate) fn spec(&self, simulations: u64, seed: u64) -> JobSpec {
        let mut draft = self.draft.clone();
        draft.params.simulations = Some(simulations);
        draft.check(seed).unwrap()
    }
}

/// Every case.
pub(crate) fn cases() -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../golden/model.json")).unwrap();
    cases.iter().map(case).collect()
}

fn case(case: &Value) -> Case {
    let number = |name: &str| case[name].as_f64().unwrap();
    Case {
        name: case["name"].as_str().unwrap().to_owned(),
        draft: draft(&case["request"]),
        simulations: number("n"),
        success_probability: number("successProbability"),
        standard_error: number("standardError"),
        mean: number("mean"),
        std: number("std"),
        percentiles: PERCENTILES.map(|percent| case["percentiles"][format!("p{percent}")].as_f64().unwrap()),
    }
}

fn draft(request: &Value) -> Draft {
    let (profile, inputs) = (&request["financialProfile"], &request["userInputs"]);
    let (goal, params) = (&request["goal"], &request["simulationParams"]);
    let accounts = |name: &str| params[name].as_array().cloned().unwrap_or_default();
    Draft {
        profile: ProfileDraft {
            liquid_assets: profile["liquidAssets"].as_f64(),
            monthly_spending: profile["monthlySpending"].as_f64(),
            credit_debt: profile["creditDebt"].as_f64(),
            monthly_loan_payments: profile["monthlyLoanPayments"].as_f64(),
            spending_volatility: profile["spendingVolatility"].as_f64(),
            ..ProfileDraft::default()
        },
        inputs: InputsDraft {
            monthly_income: inputs["monthlyIncome"].as_f64(),
            risk_tolerance: inputs["riskTolerance"].as_str().map(str::to_owned),
            age: inputs["age"].as_f64(),
        },
        goal: GoalDraft {
            target_amount: goal["targetAmount"].as_f64(),
            timeline_months: goal["timelineMonths"].as_u64(),
            ..GoalDraft::default()
        },
        params: ParamsDraft {
            income_volatility: params["incomeVolatility"].as_f64(),
            emergency_probability: params["emergencyProbability"].as_f64(),
            emergency_min: params["emergencyMin"].as_f64(),
            emergency_max: params["emergencyMax"].as_f64(),
            use_account_aware_simulation: params["useAccountAwareSimulation"].as_bool(),
            credit_cards: accounts("creditCards").iter().map(card).collect(),
            loans: accounts("loans").iter().map(loan).collect(),
            ..ParamsDraft::default()
        },
        ..Draft::default()
    }
}

fn card(account: &Value) -> CardDraft {
    CardDraft {
        id: None,
        balance: account["balance"].as_f64(),
        apr: account["apr"].as_f64(),
        minimum_payment: account["minimumPayment"].as_f64(),
    }
}

fn loan(account: &Value) -> LoanDraft {
    LoanDraft {
        id: None,
        balance: account["balance"].as_f64(),
        interest_rate: account["interestRate"].as_f64(),
        monthly_payment: account["monthlyPayment"].as_f64(),
    }
}
