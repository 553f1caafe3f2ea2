//! Every pair of a plan's members: it is answered, or refused where the description excludes it.

use std::collections::BTreeSet;

use carlo_kernel::Level;
use carlo_types::JobSpec;
use serde_json::{Value, json};

use crate::kernel::whole;

/// A member of a request: its name, where it is, and what it says.
type Member = (&'static str, &'static str, Value);

/// Pairs that can't stand together: the members, where the fault is told, and a part of the reason.
const EXCLUDED: &[(&str, &str, &str, &str)] = &[
    ("portfolio", "regimes", "/plan/returns/model", "can't be regimes together with a portfolio"),
    ("prices", "rows with inflation", "/plan/prices", "the inflation of bootstrapped rows"),
    ("one person", "accounts", "/plan/people", "together with account-aware simulation"),
    ("two people", "accounts", "/plan/people", "together with account-aware simulation"),
    ("percent", "no spending", "/plan/spendingRule/rule", "needs a positive monthlySpending"),
    ("vpw", "no spending", "/plan/spendingRule/rule", "needs a positive monthlySpending"),
    ("flow with wages", "no income", "/plan/flows/0/index", "without a positive monthlyIncome"),
    ("portfolio", "rows", "/plan/returns/rows/0", "one number for each of the 2 assets"),
    ("portfolio", "rows with inflation", "/plan/returns/rows/0", "one number for each of the 2 assets"),
    ("assets without moments", "normal", "/plan/portfolio/assets/0/mean", "is required, unless returns are"),
    (
        "assets without moments",
        "lognormal",
        "/plan/portfolio/assets/0/mean",
        "is required, unless returns are",
    ),
    (
        "assets without moments",
        "studentT",
        "/plan/portfolio/assets/0/mean",
        "is required, unless returns are",
    ),
    (
        "assets without moments",
        "regimes",
        "/plan/returns/model",
        "can't be regimes together with a portfolio",
    ),
    ("assets without moments", "rows", "/plan/returns/rows/0", "one number for each of the 2 assets"),
    (
        "assets without moments",
        "rows with inflation",
        "/plan/returns/rows/0",
        "one number for each of the 2 assets",
    ),
    ("flow of a person", "accounts", "/plan/people", "together with account-aware simulation"),
    ("flow of a person", "one person", "/plan/flows/0/person", "the number of one of the 1 people"),
    ("late flow", "short timeline", "/plan/flows/0/from", "before the end of the timeline of 12 months"),
    ("incomeUntil", "short timeline", "/plan/incomeUntil", "at most the timeline of 12 months"),
];

/// Members that can't stand alone, with what they need.
const NEEDS: &[(&str, &str)] = &[
    ("flow of a person", "two people"),
    ("assets without moments", "rows of the assets"),
    ("rows of the assets", "assets without moments"),
];

/// Every member, the alternatives of one place one after another.
fn members() -> Vec<Member> {
    let person = |age: u32| json!({ "age": age, "modalAge": 88, "dispersion": 10 });
    let flow = |index: &str| json!([{ "kind": "income", "amount": 700, "from": 3, "index": index }]);
    let asset = |mean: f64| json!({ "id": format!("{mean}"), "mean": mean, "std": 0.1 });
    let rows = |width: usize| json!(vec![vec![0.01; width], vec![-0.02; width], vec![0.03; width]]);
    let bootstrap = |width| json!({ "model": "bootstrap", "rows": rows(width), "meanBlockMonths": 4 });
    let mut moving = bootstrap(1);
    moving["inflation"] = json!([0.001, 0.002, -0.001]);
    let regime = |mean: f64| json!({ "mean": mean, "std": 0.2 });
    let card = json!([{ "balance": 3_000, "apr": 20, "minimumPayment": 90 }]);
    vec![
        ("neverShort", "/goal/success", json!("neverShort")),
        ("floor", "/goal/floor", json!(-2_000)),
        ("real dollars", "/goal/dollars", json!("real")),
        ("short timeline", "/goal/timelineMonths", json!(12)),
        ("reserveMonths", "/plan/reserveMonths", json!(0)),
        ("incomeUntil", "/plan/incomeUntil", json!(20)),
        ("borrowingRate", "/plan/borrowingRate", json!(0.1)),
        ("flow", "/plan/flows", flow("none")),
        ("flow with prices", "/plan/flows", flow("prices")),
        ("flow with wages", "/plan/flows", flow("wages")),
        ("late flow", "/plan/flows", json!([{ "kind": "spending", "amount": 9, "from": 13 }])),
        (
            "flow of a person",
            "/plan/flows",
            json!([{ "kind": "income", "amount": 700, "from": 3, "person": 1, "survivorShare": 0.6 }]),
        ),
        ("prices", "/plan/prices", json!({ "mean": 0.02, "std": 0.01, "persistence": 0.5 })),
        (
            "portfolio",
            "/plan/portfolio",
            json!({
                "assets": [asset(0.07), asset(0.03)],
                "glidePath": [{ "month": 0, "weights": [1, 0] }, { "month": 24, "weights": [0.5, 0.5] }],
            }),
        ),
        ("assets without moments", "/plan/portfolio", json!({ "assets": [{ "id": "a" }, { "id": "b" }] })),
        ("normal", "/plan/returns", json!({ "model": "normal" })),
        ("lognormal", "/plan/returns", json!({ "model": "lognormal" })),
        ("studentT", "/plan/returns", json!({ "model": "studentT", "degreesOfFreedom": 4 })),
        (
            "regimes",
            "/plan/returns",
            json!({
                "model": "regimes", "calm": regime(0.1), "stress": regime(-0.1), "calmToStress": 0.1,
                "stressToCalm": 0.2,
            }),
        ),
        ("rows", "/plan/returns", bootstrap(1)),
        ("rows with inflation", "/plan/returns", moving),
        ("rows of the assets", "/plan/returns", bootstrap(2)),
        (
            "guardrails",
            "/plan/spendingRule",
            json!({ "rule": "guardrails", "up": 0.2, "down": 0.2, "cut": 0.1, "raise": 0.1, "noCutYears": 1 }),
        ),
        ("percent", "/plan/spendingRule", json!({ "rule": "percent", "share": 0.05 })),
        ("vpw", "/plan/spendingRule", json!({ "rule": "vpw", "rate": 0.02 })),
        ("one person", "/plan/people", json!([person(60)])),
        ("two people", "/plan/people", json!([person(60), person(70)])),
        ("survivorSpending", "/plan/survivorSpending", json!(0.7)),
        ("accounts", "/simulationParams", json!({ "useAccountAwareSimulation": true, "creditCards": card })),
        ("no income", "/userInputs/monthlyIncome", json!(0)),
        ("no spending", "/financialProfile/monthlySpending", json!(0)),
    ]
}

fn with(request: &mut Value, (_, pointer, value): &Member) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    request.pointer_mut(parent).unwrap()[name] = value.clone();
}

fn request() -> Value {
    json!({
        "financialProfile": { "liquidAssets": 50_000, "monthlySpending": 2_000 },
        "userInputs": { "monthlyIncome": 2_200 },
        "goal": { "targetAmount": 10_000, "timelineMonths": 30 },
        "simulationParams": {},
        "plan": {},
    })
}

#[test]
fn every_pair_is_answered_or_excluded_with_a_reason() {
    let members = members();
    let named = |name: &str| members.iter().find(|member| member.0 == name).unwrap();
    let mut excluded = BTreeSet::new();
    let mut answered = 0;
    for (i, first) in members.iter().enumerate() {
        for second in members[..i].iter().filter(|second| second.1 != first.1) {
            let pair = |one: &str, other: &str| {
                (first.0, second.0) == (one, other) || (first.0, second.0) == (other, one)
            };
            let refused = EXCLUDED.iter().find(|(one, other, ..)| pair(one, other));
            let mut asked = request();
            // What a member needs comes first, so that the pair may replace it.
            for member in [first, second] {
                for (_, needed) in NEEDS.iter().filter(|(name, _)| *name == member.0) {
                    with(&mut asked, named(needed));
                }
            }
            with(&mut asked, first);
            with(&mut asked, second);
            let both = format!("{} with {}", first.0, second.0);
            match (JobSpec::read(&asked), refused) {
                (Ok(spec), None) => {
                    let mut spec = spec;
                    spec.request.params.n_simulations = 150;
                    let levels = Level::available();
                    let expected = whole(&spec, levels[0]);
                    for &level in &levels[1..] {
                        assert_eq!(whole(&spec, level), expected, "{both}: {level}");
                    }
                    let results = carlo_kernel::results(&spec, &expected);
                    assert_eq!(results.simulations_run, 150, "{both}");
                    assert!(results.mean.is_finite() && results.std.is_finite(), "{both}: {results:?}");
                    answered += 1;
                }
                (Err(fault), Some(&(one, other, pointer, reason))) => {
                    let told = fault.fields.iter().find(|field| field.pointer == pointer);
                    let told = told.unwrap_or_else(|| panic!("{both}: {fault:?}"));
                    assert!(told.message.contains(reason), "{both}: {}", told.message);
                    excluded.insert((one, other));
                }
                (Ok(_), Some(_)) => panic!("{both} is answered"),
                (Err(fault), None) => panic!("{both} is refused: {fault:?}"),
            }
        }
    }
    assert_eq!(excluded.len(), EXCLUDED.len(), "every exclusion was met: {excluded:?}");
    assert!(answered > 300, "{answered}");
}
