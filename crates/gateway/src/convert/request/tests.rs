use carlo_types::JobSpec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn ready() -> Value {
    json!({
        "financialProfile": {"liquidAssets": 13_500, "monthlySpending": 3_200},
        "userInputs": {"monthlyIncome": 5_000},
        "goal": {"targetAmount": 70_000, "timelineMonths": 36}
    })
}

fn read(body: &Value) -> Result<Draft, Vec<FieldError>> {
    super::read(&Document { value: body.clone(), duplicates: Vec::new() })
}

fn faults(body: &Value) -> Vec<String> {
    let faults = read(body).expect_err("a body with faults");
    faults.into_iter().map(|fault| format!("{} {}", fault.pointer, fault.message)).collect()
}

/// `ready`, with these fields set.
fn with(fields: &[(&str, Value)]) -> Value {
    let mut body = ready();
    for (pointer, value) in fields {
        let (section, name) = pointer[1..].split_once('/').unwrap();
        body[section][name] = value.clone();
    }
    body
}

#[test]
fn a_body_without_faults_is_a_draft() {
    let draft = read(&ready()).unwrap();
    assert_eq!(draft.goal.timeline_months, Some(36));
    assert_eq!(draft.params.simulations, None, "defaults are left to the coordinator");
}

#[test]
fn every_fault_of_names_types_and_ranges_is_named_at_once_in_the_order_of_the_fields() {
    let body = json!({
        "extra": 1,
        "simulationParams": {
            "nSimulation": 5,
            "loans": [{"balance": 1, "interestRate": 1, "monthlyPayment": 1}, {"balance": -1}, 7]
        },
        "goal": {"targetAmount": 0, "timelineMonths": "36"},
        "financialProfile": {"monthlySpending": -1}
    });
    assert_eq!(
        faults(&body),
        [
            "/financialProfile/liquidAssets is required",
            "/financialProfile/monthlySpending must be between 0 and 1000000000000, not -1",
            "/userInputs/monthlyIncome is required",
            "/goal/targetAmount must be above 0",
            "/goal/timelineMonths must be a whole number, not negative, not a text",
            "/simulationParams/loans/1/balance must be between 0 and 1000000000000, not -1",
            "/simulationParams/loans/1/interestRate is required",
            "/simulationParams/loans/1/monthlyPayment is required",
            "/simulationParams/loans/2 must be an object, not 7",
            "/simulationParams/nSimulation is not a field of a simulation request",
            "/extra is not a field of a simulation request",
        ]
    );
}

#[test]
fn entries_of_a_list_are_ordered_by_their_number() {
    let card = json!({"balance": 1, "apr": 1});
    let body = with(&[("/simulationParams/creditCards", json!(vec![card; 11]))]);
    let faults = faults(&body);
    assert!(faults[2].starts_with("/simulationParams/creditCards/2/"), "{faults:?}");
    assert!(faults[10].starts_with("/simulationParams/creditCards/10/"), "{faults:?}");
}

#[test]
fn a_field_of_the_wrong_type_is_not_reported_missing_as_well() {
    assert_eq!(
        faults(&with(&[("/goal/targetAmount", json!("much"))])),
        ["/goal/targetAmount must be a number, not a text"]
    );
    let mut body = ready();
    body["goal"] = json!([]);
    assert_eq!(faults(&body), ["/goal must be an object, not a list"]);
    assert_eq!(faults(&json!([])), [" must be an object, not a list"]);
}

#[test]
fn a_field_that_could_not_be_read_puts_no_other_field_at_fault() {
    let mut body = with(&[("/financialProfile/monthlyIncome", json!("much"))]);
    body["userInputs"] = json!({});
    assert_eq!(faults(&body), ["/financialProfile/monthlyIncome must be a number, not a text"]);
    let emergency =
        [("/simulationParams/emergencyMin", json!("some")), ("/simulationParams/emergencyMax", json!(100))];
    assert_eq!(faults(&with(&emergency)), ["/simulationParams/emergencyMin must be a number, not a text"]);
}

#[test]
fn a_field_with_two_faults_is_listed_once() {
    let faults = faults(&with(&[("/simulationParams/emergencyMax", json!(-1))]));
    assert_eq!(faults, ["/simulationParams/emergencyMax must be between 0 and 1000000000000, not -1"]);
}

#[test]
fn the_shape_of_a_checked_draft_reads_back_as_the_same_job() {
    let body = with(&[
        ("/financialProfile/spendingByCategory", json!({"food": 300})),
        ("/userInputs/riskTolerance", json!("low")),
        ("/goal/goalText", json!("a house")),
        ("/simulationParams/seed", json!("18446744073709551615")),
        ("/simulationParams/promotionRaiseVolatility", json!(0.25)),
        ("/simulationParams/useAccountAwareSimulation", json!(true)),
        ("/simulationParams/creditCards", json!([{"balance": 1, "apr": 20, "minimumPayment": 3}])),
        (
            "/simulationParams/loans",
            json!([{"id": "car", "balance": 1, "interestRate": 2, "monthlyPayment": 3}]),
        ),
    ]);
    let spec: JobSpec = read(&body).unwrap().check(0).unwrap();
    let echoed = serde_json::to_value(write(spec.to_draft())).unwrap();
    assert_eq!(read(&echoed).unwrap().check(1).unwrap(), spec);
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "financialProfile",
        "financial_profile",
        "userInputs",
        "goal",
        "simulationParams",
        "liquidAssets",
        "monthlyIncome",
        "targetAmount",
        "timelineMonths",
        "nSimulations",
        "seed",
        "creditCards",
        "loans",
        "emergencyMin",
        "emergencyMax",
        "spendingByCategory",
        "balance",
        "",
        "a/b~c",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_names_a_field_twice_or_passes_with_a_broken_rule(body in any_json()) {
        match read(&body) {
            Ok(draft) => prop_assert!(draft.check(0).is_ok()),
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                let pointers: BTreeSet<_> = faults.iter().map(|fault| &fault.pointer).collect();
                prop_assert_eq!(pointers.len(), faults.len());
            }
        }
    }
}
