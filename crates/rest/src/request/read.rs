//! The reader.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    CreditCard, FinancialProfile, Goal, Loan, Seed, SimulationParams, SimulationRequest, UserInputs,
};
use crate::problem::FieldError;

/// Reads a simulation request and adds every fault of its names and types to `faults`. A field at fault reads as absent.
///
/// Every name is accepted in `camelCase` and in `snake_case`. `pointer` is where `value` stands in the body.
pub fn read(value: &Value, pointer: &str, faults: &mut Vec<FieldError>) -> SimulationRequest {
    let mut request = Object::new(value, pointer.to_owned(), faults);
    let read = SimulationRequest {
        financial_profile: request.object("financialProfile", profile),
        user_inputs: request.object("userInputs", inputs),
        goal: request.object("goal", goal),
        simulation_params: request.object("simulationParams", params),
    };
    request.refuse_others();
    read
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

/// One object of the body, the names read from it so far, and where faults go.
struct Object<'a> {
    /// `None` where there is no object to read from: every field of it is absent.
    fields: Option<&'a Map<String, Value>>,
    pointer: String,
    known: BTreeSet<String>,
    faults: &'a mut Vec<FieldError>,
}

impl<'a> Object<'a> {
    fn new(value: &'a Value, pointer: String, faults: &'a mut Vec<FieldError>) -> Self {
        let fields = value.as_object();
        if fields.is_none() {
            faults.push(FieldError::new(&pointer, format!("must be an object, not {}", kind(value))));
        }
        Self { fields, pointer, known: BTreeSet::new(), faults }
    }

    /// The value of a field, under either of its spellings; an explicit null is an absent field.
    fn take(&mut self, name: &str) -> Option<&'a Value> {
        let snake = snake_case(name);
        let fields = self.fields?;
        let (camel_value, snake_value) = (fields.get(name), fields.get(&snake));
        if snake != name && camel_value.is_some() && snake_value.is_some() {
            self.fault(name, format!("is given twice, as {name} and as {snake}"));
        }
        self.known.extend([name.to_owned(), snake]);
        camel_value.or(snake_value).filter(|value| !value.is_null())
    }

    fn read<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        let read = read(value);
        if read.is_none() {
            self.fault(name, format!("must be {expected}, not {}", kind(value)));
        }
        read
    }

    fn number(&mut self, name: &str) -> Option<f64> {
        self.read(name, "a number", Value::as_f64)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.read(name, "a text", |value| value.as_str().map(str::to_owned))
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        self.read(name, "true or false", Value::as_bool)
    }

    fn whole(&mut self, name: &str) -> Option<u64> {
        self.read(name, "a whole number, not negative", whole)
    }

    fn seed(&mut self, name: &str) -> Option<Seed> {
        self.read(name, "a whole number of 64 bits, or one in a text", |value| {
            value.as_u64().or_else(|| value.as_str()?.parse().ok()).map(Seed)
        })
    }

    fn amounts(&mut self, name: &str) -> Option<BTreeMap<String, f64>> {
        let entries = self.read(name, "an object", Value::as_object)?;
        let mut amounts = BTreeMap::new();
        for (entry, value) in entries {
            if let Some(amount) = value.as_f64() {
                amounts.insert(entry.clone(), amount);
            } else {
                let path = format!("{name}/{}", escape(entry));
                self.fault(&path, format!("must be a number, not {}", kind(value)));
            }
        }
        Some(amounts)
    }

    fn object<T: Default>(&mut self, name: &str, read: fn(&mut Object<'_>) -> T) -> T {
        let Some(value) = self.take(name) else { return T::default() };
        let pointer = format!("{}/{name}", self.pointer);
        let mut object = Object::new(value, pointer, self.faults);
        let shape = read(&mut object);
        object.refuse_others();
        shape
    }

    fn list<T>(&mut self, name: &str, read: fn(&mut Object<'_>) -> T) -> Option<Vec<T>> {
        let entries = self.read(name, "a list", Value::as_array)?;
        let pointer = format!("{}/{name}", self.pointer);
        let mut list = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let mut object = Object::new(entry, format!("{pointer}/{index}"), self.faults);
            list.push(read(&mut object));
            object.refuse_others();
        }
        Some(list)
    }

    /// Names every field that nobody has asked for: a mistyped name must not silently run the default.
    fn refuse_others(&mut self) {
        for name in self.fields.into_iter().flat_map(Map::keys) {
            if !self.known.contains(name) {
                let pointer = format!("{}/{}", self.pointer, escape(name));
                self.faults.push(FieldError::new(pointer, "is not a field of a simulation request"));
            }
        }
    }

    fn fault(&mut self, path: &str, message: String) {
        self.faults.push(FieldError::new(format!("{}/{path}", self.pointer), message));
    }
}

/// A whole number, also where it is written as `1e6` or `36.0`.
fn whole(value: &Value) -> Option<u64> {
    /// The largest range in which every whole number is a floating-point number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_u64().or_else(|| {
        let number =
            value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=EXACT).contains(number))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and in range")]
        Some(number as u64)
    })
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// A name as one step of a JSON pointer (RFC 6901, section 3).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
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
