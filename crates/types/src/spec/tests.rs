use serde_json::json;

use super::*;
use crate::analysis::{Solve, Variable};
use crate::request::{CardDraft, LoanDraft};

/// The smallest request that is one.
fn minimal() -> Draft {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(1000.0);
    draft.profile.monthly_spending = Some(2000.0);
    draft.inputs.monthly_income = Some(3000.0);
    draft.goal.target_amount = Some(5000.0);
    draft.goal.timeline_months = Some(12);
    draft
}

fn pointers(draft: &Draft) -> Vec<String> {
    draft.check(0).unwrap_err().fields.into_iter().map(|fault| fault.pointer).collect()
}

#[test]
fn a_minimal_request_takes_the_model_s_defaults() {
    let spec = minimal().check(7).unwrap();
    assert_eq!(spec.simulations(), 100_000);
    assert_eq!(spec.seed(), 7);
    assert_eq!((spec.params.annual_return_mean, spec.params.annual_return_std), (0.07, 0.15));
    assert_eq!(spec.params.expense_volatility, 0.15);
    assert_eq!(spec.goal.goal_type, "custom");
}

#[test]
fn an_empty_request_names_every_required_field() {
    assert_eq!(
        pointers(&Draft::default()),
        [
            "/financialProfile/liquidAssets",
            "/financialProfile/monthlySpending",
            "/goal/timelineMonths",
            "/goal/targetAmount",
            "/userInputs/monthlyIncome",
        ]
    );
}

#[test]
fn every_fault_is_named_at_once() {
    let mut draft = minimal();
    draft.profile.liquid_assets = Some(f64::NAN);
    draft.goal.target_amount = Some(0.0);
    draft.goal.timeline_months = Some(1201);
    draft.inputs.risk_tolerance = Some("bold".to_owned());
    draft.params.n_simulations = Some(0);
    draft.params.emergency_min = Some(10.0);
    draft.params.emergency_max = Some(9.0);
    draft.params.loans = vec![LoanDraft::default()];
    draft.profile.spending_by_category.insert("a/b".to_owned(), -1.0);
    assert_eq!(
        pointers(&draft),
        [
            "/financialProfile/liquidAssets",
            "/financialProfile/spendingByCategory/a~1b",
            "/userInputs/riskTolerance",
            "/goal/timelineMonths",
            "/goal/targetAmount",
            "/simulationParams/nSimulations",
            "/simulationParams/loans/0/balance",
            "/simulationParams/loans/0/interestRate",
            "/simulationParams/loans/0/monthlyPayment",
            "/simulationParams/emergencyMax",
        ]
    );
}

#[test]
fn an_explicit_parameter_beats_the_implied_one() {
    let mut draft = minimal();
    draft.inputs.risk_tolerance = Some("high".to_owned());
    draft.params.annual_return_std = Some(0.3);
    draft.profile.spending_volatility = Some(0.4);
    let params = draft.check(0).unwrap().request.params;
    assert_eq!((params.annual_return_mean, params.annual_return_std), (0.10, 0.3));
    assert_eq!(params.expense_volatility, 0.4);
    draft.params.expense_volatility = Some(0.0);
    assert_eq!(draft.check(0).unwrap().params.expense_volatility, 0.0);
}

#[test]
fn the_profile_s_income_is_the_fallback() {
    let mut draft = minimal();
    draft.inputs.monthly_income = None;
    draft.profile.monthly_income = Some(2500.0);
    assert_eq!(draft.check(0).unwrap().inputs.monthly_income, 2500.0);
}

#[test]
fn a_specification_survives_the_way_through_a_draft() {
    let mut draft = minimal();
    draft.inputs.age = Some(41.0);
    draft.profile.spending_by_category.insert("food".to_owned(), 400.0);
    draft.params.credit_cards = vec![CardDraft {
        id: Some("visa".to_owned()),
        balance: Some(100.0),
        apr: Some(24.9),
        minimum_payment: Some(25.0),
    }];
    draft.params.target_standard_error = Some(0.001);
    let spec = draft.check(99).unwrap();
    assert_eq!(spec.to_draft().check(0).unwrap(), spec);
}

#[test]
fn variants_have_the_random_numbers_of_the_plan_that_they_are_compared_with() {
    let mut variant = minimal();
    variant.goal.timeline_months = Some(24);
    let draft = Draft { variants: vec![minimal(), variant], ..minimal() };
    let spec = draft.check(7).unwrap();
    let Analysis::Compare(variants) = &spec.analysis else { panic!("no comparison: {:?}", spec.analysis) };
    assert_eq!(variants.iter().map(JobSpec::seed).collect::<Vec<_>>(), [7, 7]);
    assert_eq!(variants[1].simulations(), spec.simulations());
    assert_eq!(spec.months(), 12 + 12 + 24);
    assert_eq!(spec.to_draft().check(0).unwrap(), spec);
}

#[test]
fn the_faults_of_variants_are_named_with_theirs() {
    let mut own_seed = minimal();
    own_seed.params.seed = Some(8);
    own_seed.goal.target_amount = None;
    let nested = Draft { variants: vec![minimal()], ..minimal() };
    let mut draft = Draft { variants: vec![minimal(), own_seed, nested], ..minimal() };
    draft.params.seed = Some(7);
    assert_eq!(
        pointers(&draft),
        ["/variants/1/simulationParams/seed", "/variants/1/goal/targetAmount", "/variants/2"]
    );
    draft.variants = vec![minimal(); VARIANTS_MAX + 1];
    assert_eq!(pointers(&draft), ["/variants"]);
    draft.solve = Some(SolveDraft::default());
    assert_eq!(pointers(&draft), ["/solve"]);
}

#[test]
fn what_is_solved_for_has_a_name_and_a_probability() {
    let mut draft = minimal();
    draft.solve = Some(SolveDraft { variable: Some("maxTarget".to_owned()), probability: Some(0.9) });
    let spec = draft.check(7).unwrap();
    assert_eq!(spec.analysis, Analysis::Solve(Solve { variable: Variable::MaxTarget, probability: 0.9 }));
    assert_eq!(spec.months(), 12);
    assert_eq!(spec.to_draft().check(0).unwrap(), spec);
    draft.solve = Some(SolveDraft { variable: Some("maxFun".to_owned()), probability: Some(1.0) });
    assert_eq!(pointers(&draft), ["/solve/for", "/solve/probability"]);
    draft.solve = Some(SolveDraft::default());
    assert_eq!(pointers(&draft), ["/solve/for", "/solve/probability"]);
}

#[test]
fn inputs_without_effect_are_named() {
    let request = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut request = json!({
            "financialProfile": {"liquidAssets": 1.0, "monthlySpending": 2.0},
            "userInputs": {"monthlyIncome": 3.0}, "simulationParams": {}, "plan": {},
            "goal": {"targetAmount": 4.0, "timelineMonths": 36},
        });
        change(&mut request);
        let request = JobSpec::read(&request).unwrap_or_else(|fault| panic!("{fault:?}")).request;
        request.idle_inputs()
    };
    assert_eq!(request(&|_| ()), Vec::<String>::new());
    let card = || json!([{"balance": 100, "apr": 20, "minimumPayment": 10}]);
    let cards = |request: &mut serde_json::Value| request["simulationParams"]["creditCards"] = card();
    let aware = |request: &mut serde_json::Value| {
        request["simulationParams"]["useAccountAwareSimulation"] = json!(true);
    };
    let debt = |request: &mut serde_json::Value| request["financialProfile"]["creditDebt"] = json!(9);
    let one = |change: &dyn Fn(&mut serde_json::Value), begins: &str| {
        let idle = request(change);
        assert!(idle.len() == 1 && idle[0].starts_with(begins), "{begins}: {idle:?}");
    };
    one(&|request| request["financialProfile"]["loanDebt"] = json!(5), "financialProfile.loanDebt");
    one(&cards, "simulationParams.creditCards");
    one(&|request| (aware(request), debt(request)).1, "financialProfile.creditDebt");
    assert_eq!(request(&|request| (aware(request), debt(request), cards(request)).2), Vec::<String>::new());
    one(&|request| request["goal"]["floor"] = json!(5), "goal.floor");
    one(&|request| request["plan"]["survivorSpending"] = json!(0.5), "plan.survivorSpending");
    let rows =
        json!({"model": "bootstrap", "rows": [[0.01], [0.0]], "inflation": [0.0, 0.0], "meanBlockMonths": 2});
    one(
        &|request| {
            request["simulationParams"]["annualReturnMean"] = json!(0.03);
            request["plan"]["returns"] = rows.clone();
        },
        "simulationParams.annualReturnMean",
    );
    one(
        &|request| {
            request["simulationParams"]["inflationRate"] = json!(0.03);
            request["plan"]["prices"] = json!({"mean": 0.02, "std": 0.01, "persistence": 0.5});
        },
        "simulationParams.inflationRate",
    );
}

#[test]
fn what_ends_with_the_timeline_ends_with_another_one_when_an_answer_is_edited() {
    let request = json!({
        "financialProfile": {"liquidAssets": 1.0, "monthlySpending": 2.0},
        "userInputs": {"monthlyIncome": 3.0},
        "goal": {"targetAmount": 4.0, "timelineMonths": 360},
        "simulationParams": {"seed": 7},
        "plan": {"incomeUntil": 360, "flows": [{"kind": "income", "amount": 5.0, "from": 3, "until": 360}]},
    });
    let spec = JobSpec::read(&request).unwrap();
    let mut echoed = serde_json::to_value(&spec.request).unwrap();
    assert_eq!(echoed["plan"].get("incomeUntil"), None);
    assert_eq!(echoed["plan"]["flows"][0].get("until"), None);
    echoed["goal"]["timelineMonths"] = json!(240);
    let edited = JobSpec::read(&echoed).unwrap();
    assert_eq!((edited.plan.income_until, edited.plan.flows[0].until), (None, None));
    // A digest covers the ends all the same.
    let mut open = request.clone();
    open["plan"] = json!({"flows": [{"kind": "income", "amount": 5.0, "from": 3}]});
    assert_eq!(JobSpec::read(&open).unwrap().canonical(), spec.canonical());
    let mut shorter = request;
    shorter["plan"]["flows"][0]["until"] = json!(359);
    assert_ne!(JobSpec::read(&shorter).unwrap().canonical(), spec.canonical());
}
