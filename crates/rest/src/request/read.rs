//! Reading a simulation request.

use serde_json::Value;

use super::{CreditCard, FinancialProfile, Goal, Loan, SimulationParams, SimulationRequest, UserInputs};
use crate::problem::FieldError;
use crate::reader::Object;

/// Reads a simulation request and adds every fault of its names and types to `faults`. A field at fault reads as absent.
///
/// Every name is accepted in `camelCase` and in `snake_case`. `pointer` is where `value` stands in the body.
pub fn read(value: &Value, pointer: &str, faults: &mut Vec<FieldError>) -> SimulationRequest {
    let mut request = Object::new(value, pointer.to_owned(), "a simulation request", faults);
    let read = sections(&mut request);
    request.refuse_others();
    read
}

/// The four sections of a request, of an object that may have further fields.
pub(crate) fn sections(request: &mut Object<'_>) -> SimulationRequest {
    SimulationRequest {
        financial_profile: request.object("financialProfile", profile),
        user_inputs: request.object("userInputs", inputs),
        goal: request.object("goal", goal),
        simulation_params: request.object("simulationParams", params),
    }
}

fn profile(o: &mut Object<'_>) -> FinancialProfile {
    FinancialProfile {
        liquid_assets: o.number("liquidAssets"),
        monthly_spending: o.number("monthlySpending"),
        credit_debt: o.number("creditDebt"),
        loan_debt: o.number("loanDebt"),
        monthly_loan_payments: o.number("monthlyLoanPayments"),
        spending_volatility: o.number("spendingVolatility"),
        monthly_income: o.number("monthlyIncome"),
        monthly_bills: o.number("monthlyBills"),
        spending_by_category: o.amounts("spendingByCategory"),
    }
}

fn inputs(o: &mut Object<'_>) -> UserInputs {
    UserInputs {
        monthly_income: o.number("monthlyIncome"),
        risk_tolerance: o.text("riskTolerance"),
        age: o.number("age"),
    }
}

fn goal(o: &mut Object<'_>) -> Goal {
    Goal {
        target_amount: o.number("targetAmount"),
        timeline_months: o.whole("timelineMonths"),
        goal_type: o.text("goalType"),
        goal_text: o.text("goalText"),
    }
}

fn params(o: &mut Object<'_>) -> SimulationParams {
    SimulationParams {
        n_simulations: o.whole("nSimulations"),
        seed: o.seed("seed"),
        annual_return_mean: o.number("annualReturnMean"),
        annual_return_std: o.number("annualReturnStd"),
        inflation_rate: o.number("inflationRate"),
        inflation_volatility: o.number("inflationVolatility"),
        income_volatility: o.number("incomeVolatility"),
        expense_volatility: o.number("expenseVolatility"),
        emergency_probability: o.number("emergencyProbability"),
        emergency_min: o.number("emergencyMin"),
        emergency_max: o.number("emergencyMax"),
        annual_raise_mean: o.number("annualRaiseMean"),
        annual_raise_volatility: o.number("annualRaiseVolatility"),
        promotion_probability: o.number("promotionProbability"),
        promotion_raise_mean: o.number("promotionRaiseMean"),
        promotion_raise_volatility: o.number("promotionRaiseVolatility"),
        target_standard_error: o.number("targetStandardError"),
        use_account_aware_simulation: o.flag("useAccountAwareSimulation"),
        credit_cards: o.list("creditCards", |o| CreditCard {
            id: o.text("id"),
            balance: o.number("balance"),
            apr: o.number("apr"),
            minimum_payment: o.number("minimumPayment"),
        }),
        loans: o.list("loans", |o| Loan {
            id: o.text("id"),
            balance: o.number("balance"),
            interest_rate: o.number("interestRate"),
            monthly_payment: o.number("monthlyPayment"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Seed;
    use serde_json::json;

    fn faults(body: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        read(body, "", &mut faults);
        faults.into_iter().map(|fault| format!("{} {}", fault.pointer, fault.message)).collect()
    }

    #[test]
    fn both_spellings_are_read() {
        let mut none = Vec::new();
        let camel =
            json!({"financialProfile": {"liquidAssets": 5}, "simulationParams": {"nSimulations": 1e6}});
        let snake = json!({"financial_profile": {"liquid_assets": 5}, "simulation_params": {"n_simulations": 1_000_000}});
        let request = read(&camel, "", &mut none);
        assert_eq!(request, read(&snake, "", &mut none));
        assert_eq!(request.simulation_params.n_simulations, Some(1_000_000));
        assert!(none.is_empty());
    }

    #[test]
    fn every_fault_of_names_and_types_is_named_at_once() {
        let body = json!({
            "financialProfile": {"liquidAssets": "much", "liquid_asset": 3, "spendingByCategory": {"a/b": null}},
            "goal": [],
            "simulationParams": {"nSimulation": 5, "seed": -1, "loans": [{"rate": 1}, 7], "emergency_min": 1, "emergencyMin": 2},
            "extra": {}
        });
        assert_eq!(
            faults(&body),
            [
                "/financialProfile/liquidAssets must be a number, not a text",
                "/financialProfile/spendingByCategory/a~1b must be a number, not null",
                "/financialProfile/liquid_asset is not a field of a simulation request",
                "/goal must be an object, not a list",
                "/simulationParams/seed must be a whole number of 64 bits, or one in a text, not -1",
                "/simulationParams/emergencyMin is given twice, as emergencyMin and as emergency_min",
                "/simulationParams/loans/0/rate is not a field of a simulation request",
                "/simulationParams/loans/1 must be an object, not 7",
                "/simulationParams/nSimulation is not a field of a simulation request",
                "/extra is not a field of a simulation request",
            ]
        );
    }

    #[test]
    fn a_body_that_is_no_object_is_one_fault() {
        assert_eq!(faults(&json!(3)), [" must be an object, not 3"]);
    }

    #[test]
    fn a_request_survives_json() {
        let body = json!({
            "financialProfile": {"liquidAssets": 5.0, "spendingByCategory": {"food": 3.0}},
            "userInputs": {"riskTolerance": "low"},
            "goal": {"timelineMonths": 36},
            "simulationParams": {"seed": "18446744073709551615", "creditCards": [{"apr": 20.0}]}
        });
        let mut none = Vec::new();
        let request = read(&body, "", &mut none);
        assert_eq!(request.simulation_params.seed, Some(Seed(u64::MAX)));
        assert_eq!(serde_json::to_value(&request).expect("a request is JSON"), body);
        assert!(none.is_empty());
    }
}
