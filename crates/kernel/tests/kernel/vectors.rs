//! The bits are pinned: digests and balances of many requests, as the current model version gave
//! them when it was released, on every set of instructions and with one thread and two.
//!
//! `tests/golden/vectors.json` holds them. A change of any bit without a new model version fails
//! here; a new version writes the file anew:
//!
//! ```sh
//! cargo test -p carlo-kernel --test kernel -- --ignored write_vectors
//! ```

use std::fmt::Write as _;

use carlo_kernel::{Accumulator, Job, Level, MODEL_VERSION, Partial, results};
use carlo_types::analysis::SolveDraft;
use carlo_types::blocks::blocks_of;
use carlo_types::request::{CardDraft, LoanDraft};
use carlo_types::sweep::SweepAxisDraft;
use carlo_types::{BLOCK_SIMULATIONS, Draft, JobSpec, Merge};
use serde_json::{Value, json};

use crate::extreme;

/// Balances of each request that are in the file.
const BALANCES: usize = 32;
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/vectors.json");
const WHAT_TO_DO: &str = "the bits of a result have changed. If that is not intended, find out what changed them. If it is: \
     raise MODEL_VERSION, write the vectors anew (see the top of tests/kernel/vectors.rs), commit both together, and say \
     in CHANGELOG.md that results of older versions are computed again";

/// A household that saves for a house.
fn base(months: u64) -> Draft {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(13_500.0);
    draft.profile.monthly_spending = Some(3_200.0);
    draft.profile.credit_debt = Some(1_200.0);
    draft.profile.monthly_loan_payments = Some(350.0);
    draft.inputs.monthly_income = Some(5_000.0);
    draft.goal.target_amount = Some(70_000.0);
    draft.goal.timeline_months = Some(months);
    draft.params.n_simulations = Some(2_000);
    draft
}

fn with(mut draft: Draft, change: impl FnOnce(&mut Draft)) -> Draft {
    change(&mut draft);
    draft
}

/// Sets every volatility and probability to 0.
fn certain(draft: &mut Draft) {
    let params = &mut draft.params;
    for none in [
        &mut params.annual_return_std,
        &mut params.inflation_volatility,
        &mut params.income_volatility,
        &mut params.expense_volatility,
        &mut params.emergency_probability,
        &mut params.annual_raise_volatility,
        &mut params.promotion_probability,
        &mut params.promotion_raise_volatility,
    ] {
        *none = Some(0.0);
    }
}

fn accounts(draft: &mut Draft) {
    let card = |balance, apr, payment| CardDraft {
        id: None,
        balance: Some(balance),
        apr: Some(apr),
        minimum_payment: Some(payment),
    };
    draft.params.use_account_aware_simulation = Some(true);
    draft.params.credit_cards = vec![card(4_000.0, 24.0, 100.0), card(900.0, 0.0, 75.0)];
    draft.params.loans = vec![LoanDraft {
        id: None,
        balance: Some(15_000.0),
        interest_rate: Some(6.5),
        monthly_payment: Some(410.0),
    }];
}

fn solving(variable: &str, probability: f64) -> impl FnOnce(&mut Draft) {
    move |draft| {
        draft.solve =
            Some(SolveDraft { variable: Some(variable.to_owned()), probability: Some(probability) });
    }
}

/// More than one block.
fn two_blocks(draft: &mut Draft) {
    draft.params.n_simulations = Some(BLOCK_SIMULATIONS + 116);
}

/// A request: its name, its seed, and what was asked.
type Request = (&'static str, u64, Draft);

/// Every request.
fn requests() -> Vec<Request> {
    [households(), markets(), questions(), timelines(), plans(), plans_by_chance()].concat()
}

fn households() -> Vec<Request> {
    let risk = |risk: &str| {
        let risk = risk.to_owned();
        move |draft: &mut Draft| draft.inputs.risk_tolerance = Some(risk)
    };
    vec![
        ("two blocks", 1, with(base(36), two_blocks)),
        ("the largest seed", u64::MAX, with(base(36), two_blocks)),
        ("one simulation", 3, with(base(36), |draft| draft.params.n_simulations = Some(1))),
        ("low risk", 4, with(base(60), risk("low"))),
        ("high risk", 5, with(base(60), risk("high"))),
        ("accounts", 6, with(base(36), accounts)),
        ("accounts, ten years", 7, with(base(120), accounts)),
        (
            "a debt larger than the assets",
            8,
            with(base(24), |draft| draft.profile.credit_debt = Some(90_000.0)),
        ),
        ("nothing left to chance", 9, with(base(36), certain)),
        ("nothing left to chance, 1,200 months", 10, with(base(1_200), certain)),
        (
            "emergencies of one size",
            11,
            with(base(18), |draft| {
                certain(draft);
                draft.params.emergency_probability = Some(0.08);
                (draft.params.emergency_min, draft.params.emergency_max) = (Some(1_500.0), Some(1_500.0));
            }),
        ),
        (
            "certain emergencies and promotions",
            12,
            with(base(30), |draft| {
                draft.params.emergency_probability = Some(1.0);
                draft.params.promotion_probability = Some(1.0);
            }),
        ),
    ]
}

fn markets() -> Vec<Request> {
    vec![
        (
            "rare and large emergencies",
            13,
            with(base(48), |draft| {
                draft.params.emergency_probability = Some(0.001);
                (draft.params.emergency_min, draft.params.emergency_max) = (Some(0.0), Some(1e6));
            }),
        ),
        ("extremes that grow", 14, with(base(36), |draft| extreme(draft, 1.0))),
        (
            "extremes that shrink, 1,200 months",
            15,
            with(base(1_200), |draft| {
                extreme(draft, -1.0);
                draft.params.n_simulations = Some(200);
            }),
        ),
        (
            "hyperinflation",
            16,
            with(base(240), |draft| {
                draft.params.inflation_rate = Some(1.0);
                draft.params.inflation_volatility = Some(1.0);
                draft.params.n_simulations = Some(500);
            }),
        ),
        (
            "deflation, and raises that take everything",
            17,
            with(base(60), |draft| {
                draft.params.inflation_rate = Some(-0.5);
                draft.params.annual_raise_mean = Some(-1.0);
                draft.params.annual_raise_volatility = Some(0.5);
            }),
        ),
        (
            "the widest volatilities of cash",
            18,
            with(base(36), |draft| {
                draft.params.income_volatility = Some(2.0);
                draft.profile.spending_volatility = Some(2.0);
            }),
        ),
        (
            "retired",
            19,
            with(base(360), |draft| {
                draft.profile.liquid_assets = Some(1e6);
                draft.inputs.monthly_income = Some(0.0);
                draft.goal.target_amount = Some(1.0);
                draft.params.n_simulations = Some(500);
            }),
        ),
        (
            "cents",
            20,
            with(base(36), |draft| {
                draft.profile.liquid_assets = Some(0.02);
                draft.profile.monthly_spending = Some(0.01);
                draft.inputs.monthly_income = Some(0.03);
                draft.goal.target_amount = Some(0.5);
            }),
        ),
    ]
}

fn questions() -> Vec<Request> {
    vec![
        (
            "a comparison",
            21,
            with(base(36), |draft| {
                two_blocks(draft);
                let poorer = with(base(36), |draft| draft.inputs.monthly_income = Some(4_700.0));
                let others = [base(48), poorer, with(base(36), accounts)];
                draft.variants = others.map(|other| with(other, two_blocks)).to_vec();
            }),
        ),
        (
            "a sweep",
            27,
            with(base(36), |draft| {
                two_blocks(draft);
                let axis = |pointer: &str, values: &[f64]| SweepAxisDraft {
                    pointer: Some(pointer.to_owned()),
                    values: values.to_vec(),
                };
                draft.sweep = vec![
                    axis("/goal/timelineMonths", &[24.0, 36.0]),
                    axis("/plan/incomeUntil", &[12.0, 20.0, 24.0]),
                ];
            }),
        ),
        ("solved for income", 22, with(base(36), solving("minIncome", 0.8))),
        ("solved for spending", 23, with(base(36), solving("maxSpending", 0.5))),
        ("solved for the month", 24, with(base(36), solving("earliestMonth", 0.9))),
        ("solved for the target", 25, with(base(36), solving("maxTarget", 0.9))),
        ("solved for the assets", 26, with(base(36), solving("minLiquidAssets", 0.75))),
    ]
}

/// The base household's request with a plan, and with other members of its goal.
#[expect(clippy::needless_pass_by_value, reason = "the requests below read better without references")]
fn planned(months: u64, goal: Value, plan: Value) -> Draft {
    let mut request = json!({
        "financialProfile": {"liquidAssets": 250_000.0, "monthlySpending": 3_200.0},
        "userInputs": {"monthlyIncome": 5_000.0},
        "goal": goal,
        "simulationParams": {"nSimulations": 1_000},
        "plan": plan,
    });
    request["goal"]["timelineMonths"] = months.into();
    if request["goal"].get("success").is_none() {
        request["goal"]["targetAmount"] = 300_000.0.into();
    }
    JobSpec::read(&request).unwrap_or_else(|fault| panic!("{fault:?}")).to_draft()
}

/// Plans whose members decide: amounts, months, rules.
fn plans() -> Vec<Request> {
    let never_short = || json!({"success": "neverShort", "floor": -5_000.0, "targetAmount": 20_000.0});
    vec![
        (
            "reserve, retirement and interest on debt",
            51,
            planned(240, json!({}), json!({"reserveMonths": 0, "incomeUntil": 90, "borrowingRate": 0.12})),
        ),
        (
            "flows of every kind",
            52,
            planned(
                180,
                never_short(),
                json!({"flows": [
                    {"kind": "income", "amount": 900.0, "from": 60, "index": "prices"},
                    {"kind": "income", "amount": 4_000.0, "from": 11, "everyMonths": 12, "index": "wages", "until": 130},
                    {"kind": "spending", "amount": 25_000.0, "from": 40, "until": 41},
                    {"kind": "spending", "amount": 150.0, "from": 0, "annualGrowth": 0.06},
                ]}),
            ),
        ),
        (
            "real dollars",
            53,
            planned(
                120,
                json!({"dollars": "real"}),
                json!({"flows": [
                    {"kind": "income", "amount": 100.0, "from": 5, "index": "prices"},
                ]}),
            ),
        ),
        (
            "real dollars, cards, never short",
            54,
            with(
                planned(60, json!({"dollars": "real", "success": "neverShort"}), json!({"incomeUntil": 50})),
                accounts,
            ),
        ),
        (
            "guardrails",
            55,
            planned(
                360,
                never_short(),
                json!({"incomeUntil": 60, "reserveMonths": 0, "spendingRule": {
                    "rule": "guardrails", "from": 60, "up": 0.2, "down": 0.2, "cut": 0.1, "raise": 0.1,
                    "noCutYears": 10, "floor": 0.4, "ceiling": 2.5,
                }}),
            ),
        ),
        (
            "a share of the balance",
            56,
            planned(
                240,
                json!({"success": "neverShort"}),
                json!({"incomeUntil": 0, "spendingRule": {"rule": "percent", "share": 0.05, "floor": 0.2}}),
            ),
        ),
        (
            "an annuity",
            57,
            planned(
                240,
                json!({"success": "neverShort"}),
                json!({"incomeUntil": 0, "spendingRule": {"rule": "vpw", "rate": 0.03, "from": 12}}),
            ),
        ),
        (
            "solved for retirement",
            58,
            with(
                planned(180, never_short(), json!({"incomeUntil": 100})),
                solving("earliestRetirement", 0.6),
            ),
        ),
        (
            "solved for the month of a path",
            59,
            with(planned(90, never_short(), json!({"incomeUntil": 60})), solving("earliestMonth", 0.5)),
        ),
    ]
}

/// Plans whose members are chance's: prices, markets, lives.
fn plans_by_chance() -> Vec<Request> {
    let portfolio = || {
        json!({
            "assets": [{"id": "stocks", "mean": 0.07, "std": 0.16}, {"id": "bonds", "mean": 0.025, "std": 0.05}],
            "correlation": [[1.0, 0.2], [0.2, 1.0]],
            "annualFee": 0.003,
            "glidePath": [{"month": 12, "weights": [0.9, 0.1]}, {"month": 150, "weights": [0.3, 0.7]}],
        })
    };
    let returns = |returns: Value| json!({"reserveMonths": 0, "returns": returns});
    let rows: Vec<Vec<f64>> = (0..37_i32)
        .map(|row| vec![f64::from(row * row % 23 - 10) / 400.0, f64::from(row % 7 - 3) / 900.0])
        .collect();
    let inflation: Vec<f64> = (0..37_i32).map(|row| f64::from(row % 5) / 1_000.0).collect();
    let person = |age: f64| json!({"age": age, "modalAge": 88.0, "dispersion": 9.5});
    vec![
        (
            "inflation with memory",
            61,
            planned(
                150,
                json!({"dollars": "real"}),
                json!({"prices": {"mean": 0.025, "std": 0.02, "persistence": 0.6, "start": 0.06}}),
            ),
        ),
        (
            "inflation with memory from any year",
            62,
            planned(150, json!({}), json!({"prices": {"mean": 0.03, "std": 0.015, "persistence": 0.5}})),
        ),
        ("a portfolio", 63, planned(180, json!({}), json!({"portfolio": portfolio()}))),
        ("log-normal returns", 64, planned(120, json!({}), returns(json!({"model": "lognormal"})))),
        (
            "Student's t",
            65,
            planned(120, json!({}), returns(json!({"model": "studentT", "degreesOfFreedom": 4.5}))),
        ),
        (
            "regimes",
            66,
            planned(
                120,
                json!({}),
                returns(json!({
                    "model": "regimes", "calm": {"mean": 0.1, "std": 0.1}, "stress": {"mean": -0.15, "std": 0.3},
                    "calmToStress": 0.03, "stressToCalm": 0.12,
                })),
            ),
        ),
        (
            "a bootstrap with a portfolio and inflation",
            67,
            planned(
                150,
                json!({"dollars": "real"}),
                json!({
                    "portfolio": portfolio(),
                    "returns": {"model": "bootstrap", "rows": rows, "inflation": inflation, "meanBlockMonths": 9.0},
                }),
            ),
        ),
        (
            "one person",
            68,
            planned(
                480,
                json!({"success": "neverShort"}),
                json!({"people": [person(62.0)], "incomeUntil": 30}),
            ),
        ),
        (
            "a couple",
            69,
            planned(
                420,
                json!({"success": "neverShort"}),
                json!({
                    "people": [person(66.0), person(61.5)], "survivorSpending": 0.65, "incomeUntil": 0,
                    "flows": [
                        {"kind": "income", "amount": 1_700.0, "from": 0, "index": "prices", "person": 0, "survivorShare": 0.6},
                        {"kind": "income", "amount": 800.0, "from": 24, "index": "prices", "person": 1},
                    ],
                }),
            ),
        ),
    ]
}

fn timelines() -> Vec<Request> {
    let few = |months: u64| {
        move |draft: &mut Draft| draft.params.n_simulations = Some(if months == 1_200 { 200 } else { 2_000 })
    };
    [
        ("1 month", 31, 1),
        ("5 months", 32, 5),
        ("6 months", 33, 6),
        ("11 months", 34, 11),
        ("12 months", 35, 12),
        ("13 months", 36, 13),
        ("1,200 months", 37, 1_200),
    ]
    .map(|(name, seed, months)| (name, seed, with(base(months), few(months))))
    .to_vec()
}

/// The job's partial result, its blocks dealt to so many threads.
fn computed(spec: &JobSpec, level: Level, threads: u64) -> Partial {
    let job = Job::new(spec, level);
    let share = |thread: u64| {
        let mut accumulator = Accumulator::new(&job);
        for block in (thread..blocks_of(spec.simulations())).step_by(threads as usize) {
            accumulator.block(&job, block);
        }
        accumulator.finish()
    };
    let parts: Vec<Partial> = std::thread::scope(|scope| {
        let share = &share;
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    parts
        .into_iter()
        .reduce(|mut sum, part| {
            sum.merge(&part);
            sum
        })
        .unwrap()
}

/// The number as C's `%a` writes it.
fn hexadecimal(x: f32) -> String {
    let (sign, bits) = (if x.is_sign_negative() { "-" } else { "" }, x.to_bits() & 0x7fff_ffff);
    let (exponent, fraction) = (bits >> 23, bits & 0x007f_ffff);
    let mut text = format!("{sign}0x");
    let (first, exponent) = match (exponent, fraction) {
        (0, 0) => (0, 0),
        (0, _) => (0, -126),
        _ => (1, exponent.cast_signed() - 127),
    };
    let digits = format!("{:06x}", fraction << 1);
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    write!(text, "{first}{point}{digits}p{exponent:+}").unwrap();
    text
}

/// The vector of a request.
fn vector(name: &str, seed: u64, draft: &Draft, level: Level, threads: u64) -> Value {
    let spec = draft.check(seed).unwrap();
    let balances = Job::new(&spec, level).final_balances(0);
    json!({
        "name": name,
        "digest": results(&spec, &computed(&spec, level, threads)).digest.to_string(),
        "balances": balances.iter().take(BALANCES).map(|&x| hexadecimal(x)).collect::<Vec<_>>(),
    })
}

#[test]
fn the_bits_are_those_of_the_model_version() {
    let file: Value = serde_json::from_str(include_str!("../golden/vectors.json")).unwrap();
    assert_eq!(file["modelVersion"], MODEL_VERSION, "the vectors are of another version: {WHAT_TO_DO}");
    let requests = requests();
    assert_eq!(file["vectors"].as_array().unwrap().len(), requests.len(), "{WHAT_TO_DO}");
    for ((name, seed, draft), expected) in requests.iter().zip(file["vectors"].as_array().unwrap()) {
        for level in Level::available() {
            for threads in [1, 2] {
                let found = vector(name, *seed, draft, level, threads);
                assert_eq!(&found, expected, "{name}, {level}, {threads} threads: {WHAT_TO_DO}");
            }
        }
    }
}

#[test]
#[ignore = "writes tests/golden/vectors.json for a new model version"]
fn write_vectors() {
    let vector = |(name, seed, draft): &Request| vector(name, *seed, draft, Level::available()[0], 1);
    let vectors: Vec<Value> = requests().iter().map(vector).collect();
    let file = json!({ "modelVersion": MODEL_VERSION, "vectors": vectors });
    std::fs::write(FILE, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
}

#[test]
fn hexadecimal_floats_are_those_of_c() {
    let written = [
        (1.0, "0x1p+0"),
        (-0.0, "-0x0p+0"),
        (70_000.5, "0x1.11708p+16"),
        (-0.1, "-0x1.99999ap-4"),
        (f32::MIN_POSITIVE / 2.0, "0x0.8p-126"),
    ];
    for (number, text) in written {
        assert_eq!(hexadecimal(number), text);
    }
}
