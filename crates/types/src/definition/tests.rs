use serde_json::{Value, json};

use crate::fault::Fault;
use crate::request::Request;
use crate::spec::JobSpec;

fn body() -> Value {
    json!({
        "financialProfile": {"liquidAssets": 13_500, "monthlySpending": 3_200},
        "userInputs": {"monthlyIncome": 5_000},
        "goal": {"targetAmount": 70_000, "timelineMonths": 36}
    })
}

/// The body with these values set, by pointer; objects on the way are made.
fn with(values: &[(&str, Value)]) -> Value {
    let mut body = body();
    for (pointer, value) in values {
        let mut at = &mut body;
        for step in pointer.split('/').skip(1) {
            at = &mut at[step];
        }
        *at = value.clone();
    }
    body
}

fn fault(body: &Value) -> Fault {
    JobSpec::read(body).expect_err("the body has faults")
}

fn faults(body: &Value) -> Vec<String> {
    fault(body).fields.into_iter().map(|fault| format!("{} {}", fault.pointer, fault.message)).collect()
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
            "/goal/timelineMonths must be a whole number from 1 to 1200, not a text",
            "/goal/targetAmount must be above 0",
            "/simulationParams/loans/1/balance must be between 0 and 1000000000000, not -1",
            "/simulationParams/loans/1/interestRate is required",
            "/simulationParams/loans/1/monthlyPayment is required",
            "/simulationParams/loans/2 must be an object, not 7",
            "/simulationParams/nSimulation is not a field of SimulationParams; did you mean nSimulations?",
            "/userInputs/monthlyIncome is required, here or as financialProfile.monthlyIncome",
            "/extra is not a field of SimulationRequest",
        ]
    );
}

#[test]
fn faults_are_spelled_as_the_objects_around_them() {
    let snake = json!({
        "financial_profile": {"liquid_assets": 1},
        "user_inputs": {"monthly_income": 1, "risk_tolerances": "low"},
        "goal": {},
        "simulation_params": {"emergency_min": 5, "emergencyMax": 4, "seed": 1, "n_simulations": 2, "nSimulations": 2}
    });
    assert_eq!(
        faults(&snake),
        [
            "/financial_profile/monthly_spending is required",
            "/user_inputs/risk_tolerances is not a field of UserInputs; did you mean risk_tolerance?",
            "/goal/timeline_months is required",
            "/goal/target_amount is required",
            "/simulation_params/nSimulations is given twice, as nSimulations and as n_simulations",
            "/simulation_params/emergencyMax must be at least emergencyMin: 4 < 5",
        ]
    );
}

#[test]
fn a_field_at_fault_puts_no_other_at_fault() {
    let income = json!({"financialProfile": {"liquidAssets": 1, "monthlySpending": 1, "monthlyIncome": "much"},
        "goal": {"targetAmount": 1, "timelineMonths": 1}});
    assert_eq!(faults(&income), ["/financialProfile/monthlyIncome must be a number, not a text"]);
    let emergency = with(&[
        ("/simulationParams/emergencyMin", json!("some")),
        ("/simulationParams/emergencyMax", json!(100)),
    ]);
    assert_eq!(faults(&emergency), ["/simulationParams/emergencyMin must be a number, not a text"]);
    assert_eq!(faults(&with(&[("/goal", json!([]))])), ["/goal must be an object, not a list"]);
    assert_eq!(faults(&json!([])), [" must be an object, not a list"]);
    let default = with(&[("/simulationParams/emergencyMin", json!(5_000))]);
    assert_eq!(
        faults(&default),
        ["/simulationParams/emergencyMax must be at least emergencyMin: 3000 (the default) < 5000"]
    );
}

#[test]
fn a_hundred_faults_are_listed_and_all_are_counted() {
    let mut many = body();
    for i in 0..250 {
        many[format!("unknown_{i}")] = json!(1);
    }
    let fault = fault(&many);
    assert_eq!(fault.fields.len(), 100);
    assert_eq!(fault.message, "the request has 250 faults, of which the first 100 are listed");
}

#[test]
fn the_length_of_a_list_is_checked_before_its_entries_are_read() {
    let cards = with(&[("/simulationParams/creditCards", json!(vec![json!({}); 33]))]);
    assert_eq!(faults(&cards), ["/simulationParams/creditCards must have at most 32 entries, not 33"]);
}

#[test]
fn what_is_echoed_reads_as_the_same_job() {
    let spec = JobSpec::read(&with(&[
        ("/financialProfile/spendingByCategory", json!({"food": 300})),
        ("/userInputs/riskTolerance", json!("low")),
        ("/simulationParams/seed", json!("18446744073709551615")),
        ("/simulationParams/creditCards", json!([{"balance": 1, "apr": 20, "minimumPayment": 3}])),
        ("/plan/returns", json!({"model": "studentT", "degreesOfFreedom": 4})),
        ("/plan/flows", json!([{"kind": "income", "amount": 5, "from": 3}])),
    ]))
    .expect("a good request");
    let echo = serde_json::to_value(&spec.request).expect("a request is JSON");
    assert_eq!(echo["simulationParams"]["inflationRate"], 0.025);
    assert_eq!(echo["plan"]["flows"][0]["everyMonths"], 1);
    let again = JobSpec::read(&echo).expect("what was echoed is good");
    assert_eq!(again, spec);
    assert_eq!(again.canonical(), spec.canonical());
    assert_eq!(spec.to_draft().check(0).expect("a good draft"), spec);
}

#[test]
fn what_was_checked_before_is_read_as_it_is() {
    let stored = with(&[
        ("/financialProfile/liquidAssets", json!(1e15)),
        ("/goal/timelineMonths", json!(5_000)),
        ("/goal/goalText", json!("x".repeat(2_000))),
        ("/simulationParams/emergencyMin", json!(5_000)),
        ("/simulationParams/ofTomorrow", json!(1)),
        ("/plan/flows", json!(vec![json!({"kind": "income", "amount": 5}); 65])),
    ]);
    assert_eq!(faults(&stored).len(), 6, "today's rules refuse all of it");
    let request: Request = serde_json::from_value(stored).expect("an answer is read");
    let values = (request.profile.liquid_assets, request.goal.timeline_months, request.params.emergency_min);
    assert_eq!(values, (1e15, 5_000, 5_000.0));
    assert_eq!((request.goal.goal_text.map(|text| text.len()), request.plan.flows.len()), (Some(2_000), 65));
}

#[test]
fn defaults_say_nothing_to_a_digest() {
    let plain = JobSpec::read(&body()).expect("a good request").canonical();
    let spelled_out = with(&[
        ("/plan", json!({"flows": [], "reserveMonths": 6})),
        ("/simulationParams/sensitivity", json!(true)),
        ("/goal/goalText", json!("a house")),
    ]);
    assert_eq!(JobSpec::read(&spelled_out).expect("a good request").canonical(), plain);
    for (pointer, value) in [
        ("/plan/reserveMonths", json!(5)),
        ("/plan/returns", json!({"model": "lognormal"})),
        ("/goal/floor", json!(1)),
        ("/simulationParams/seed", json!(1)),
    ] {
        let other = JobSpec::read(&with(&[(pointer, value)])).expect("a good request");
        assert_ne!(other.canonical(), plain, "{pointer}");
    }
}

#[test]
fn reading_is_linear_in_the_length_of_a_body() {
    // Quadratic reading of these took tens of seconds.
    let names: serde_json::Map<_, _> = (0..40_000).map(|i| (format!("unknown_name_{i}"), json!(1))).collect();
    let many =
        [json!(names), json!({"goal": names}), json!({"financialProfile": {"spendingByCategory": names}})];
    let begun = std::time::Instant::now();
    for body in many {
        assert!(!fault(&body).fields.is_empty());
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
}
