use carlo_types::JobSpec;
use carlo_types::definition::Kind as _;
use serde_json::{Value, json};

use super::*;

/// Requests with a value for every input, and no value is a default.
fn everything() -> [Value; 2] {
    let household = json!({
        "financialProfile": {
            "liquidAssets": 13_500, "monthlySpending": 3_200, "creditDebt": 1_200, "loanDebt": 18_000,
            "monthlyLoanPayments": 350, "spendingVolatility": 0.12, "monthlyIncome": 5_000,
            "monthlyBills": 1_400, "spendingByCategory": {"food": 400},
        },
        "userInputs": {"monthlyIncome": 5_100, "riskTolerance": "high", "age": 41},
        "goal": {
            "targetAmount": 70_000, "timelineMonths": 360, "goalType": "house", "goalText": "A house",
            "success": "neverShort", "floor": -6_000, "dollars": "real",
        },
        "simulationParams": {
            "nSimulations": 1_000_000, "seed": "18446744073709551615", "annualReturnMean": 0.06,
            "annualReturnStd": 0.12, "inflationRate": 0.03, "inflationVolatility": 0.02,
            "incomeVolatility": 0.1, "expenseVolatility": 0.2, "emergencyProbability": 0.05,
            "emergencyMin": 400, "emergencyMax": 5_000, "annualRaiseMean": 0.02,
            "annualRaiseVolatility": 0.01, "promotionProbability": 0.1, "promotionRaiseMean": 0.1,
            "promotionRaiseVolatility": 0.02, "targetStandardError": 0.001, "sensitivity": false,
        },
    });
    let (mut accounts, mut lifetime) = (household.clone(), household);
    accounts["simulationParams"]["useAccountAwareSimulation"] = true.into();
    accounts["simulationParams"]["creditCards"] =
        json!([{"id": "visa", "balance": 2_500, "apr": 24.9, "minimumPayment": 75}]);
    accounts["simulationParams"]["loans"] =
        json!([{"id": "car", "balance": 14_000, "interestRate": 5.9, "monthlyPayment": 280}]);
    accounts["plan"] = json!({"returns": {"model": "regimes", "calm": {"mean": 0.11, "std": 0.11},
        "stress": {"mean": -0.12, "std": 0.28}, "calmToStress": 0.025, "stressToCalm": 0.12}});
    lifetime["plan"] = json!({
        "reserveMonths": 3, "incomeUntil": 300, "borrowingRate": 0.12, "survivorSpending": 0.7,
        "flows": [{"id": "pension", "kind": "income", "amount": 1_900, "from": 330, "until": 342, "everyMonths": 12,
            "index": "prices", "annualGrowth": 0.04, "person": 1, "survivorShare": 0.5}],
        "prices": {"mean": 0.025, "std": 0.018, "persistence": 0.6, "start": 0.03},
        "portfolio": {
            "assets": [{"id": "stocks", "mean": 0.075, "std": 0.17}, {"id": "bonds", "mean": 0.035, "std": 0.06}],
            "correlation": [[1, 0.1], [0.1, 1]], "annualFee": 0.002,
            "glidePath": [{"month": 0, "weights": [0.8, 0.2]}, {"month": 240, "weights": [0.5, 0.5]}],
        },
        "returns": {"model": "bootstrap", "rows": [[0.01, 0.02], [-0.03, 0.01]], "meanBlockMonths": 24},
        "spendingRule": {"rule": "guardrails", "from": 24, "floor": 0.5, "ceiling": 1.8, "up": 0.2, "down": 0.2,
            "cut": 0.1, "raise": 0.1, "noCutYears": 15},
        "people": [{"age": 65, "modalAge": 88, "dispersion": 10}, {"age": 63, "modalAge": 90, "dispersion": 9}],
    });
    [accounts, lifetime]
}

#[test]
fn every_input_survives_the_wire() {
    for body in everything() {
        let spec = JobSpec::read(&body).unwrap_or_else(|fault| panic!("{fault:?}"));
        let draft = Draft::from(v1::SimulationRequest::from(&spec));
        assert_eq!(draft, spec.to_draft());
        assert_eq!(draft.check(0).unwrap(), spec);
    }
}

#[test]
fn every_model_of_returns_and_every_rule_survives_the_wire() {
    let bodies = [
        json!({"returns": {"model": "normal"}, "spendingRule": {"rule": "percent", "share": 0.04, "from": 24}}),
        json!({"returns": {"model": "lognormal"}, "spendingRule": {"rule": "vpw", "rate": 0.02, "ceiling": 2}}),
        json!({"returns": {"model": "studentT", "degreesOfFreedom": 4}}),
        json!({"returns": {"model": "bootstrap", "rows": [[0.01]], "inflation": [0.002], "meanBlockMonths": 2}}),
    ];
    for plan in bodies {
        let [mut body, _] = everything();
        body["plan"] = plan;
        let spec = JobSpec::read(&body).unwrap_or_else(|fault| panic!("{fault:?}"));
        assert_eq!(Draft::from(v1::SimulationRequest::from(&spec)).check(0).unwrap(), spec);
    }
}

/// A request without an input can't show that the conversion forgets it.
#[test]
fn the_requests_above_leave_no_input_at_its_default() {
    let mut schemas = carlo_types::definition::schema::Components::default();
    carlo_types::Request::components(&mut schemas);
    let bodies = everything().map(|body| body.to_string()).join(" ");
    for (title, schema) in schemas.into_inner() {
        for name in schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys()) {
            assert!(
                bodies.contains(&format!("\"{name}\""))
                    || title.ends_with("Returns")
                    || title.ends_with("Rule"),
                "no request has {title}.{name}"
            );
        }
    }
}
