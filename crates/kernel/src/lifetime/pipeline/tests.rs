use carlo_types::JobSpec;
use proptest::prelude::*;
use proptest::strategy::Union;
use serde_json::{Value, json};

use super::*;
use crate::chart::{BINS, Scale};
use crate::level::Level;
use crate::lifetime::reference;

/// The number of simulations that are compared. It isn't a multiple of a register's width.
const COUNT: usize = 139;

/// The specification of a request.
pub(crate) fn spec(request: &Value) -> JobSpec {
    JobSpec::read(request).unwrap_or_else(|fault| panic!("{fault:?}: {request:#}"))
}

fn walked(plans: &[&Lifetime], level: Level, first: u64, count: usize) -> Vec<Outcomes> {
    let mut outcomes = vec![Outcomes::default(); plans.len()];
    for outcomes in &mut outcomes {
        outcomes.resize(count);
    }
    let observation = Observation::None;
    level.run(Walk { plans, first, outcomes: &mut outcomes, observed: &[], observation });
    outcomes
}

/// Either nothing or a value.
fn maybe(value: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), value]
}

fn flow(months: u32) -> impl Strategy<Value = Value> {
    let index = prop_oneof![Just("none"), Just("prices"), Just("wages")];
    let kind = prop_oneof![Just("income"), Just("spending")];
    (kind, 0.0..3_000.0, 0..months, 1_u32..40, index, -0.1..0.1, 0.0..1.0, any::<(bool, bool)>()).prop_map(
        move |(kind, amount, from, every, index, growth, share, (open, mine))| {
            let mut flow = json!({
                "kind": kind, "amount": amount, "from": from, "everyMonths": every, "index": index,
                "annualGrowth": growth, "survivorShare": share,
            });
            if !open {
                flow["until"] = (from + 1 + every).min(months).into();
            }
            flow["person"] = u32::from(mine).into();
            flow
        },
    )
}

fn returns() -> impl Strategy<Value = Value> {
    let regime = || (-0.3..0.3, 0.0..0.5).prop_map(|(mean, std)| json!({ "mean": mean, "std": std }));
    let t = (2.1..100.0).prop_map(|degrees| json!({ "model": "studentT", "degreesOfFreedom": degrees }));
    let regimes = (regime(), regime(), 0.01..1.0, 0.0..1.0).prop_map(|(calm, stress, enter, leave)| {
        json!({
            "model": "regimes", "calm": calm, "stress": stress, "calmToStress": enter, "stressToCalm": leave,
        })
    });
    let rows = proptest::collection::vec((-0.2..0.2, -0.1..0.1, -0.01..0.02), 1..30);
    let bootstrap = (rows, 1.0..30.0, any::<bool>()).prop_map(|(rows, block, prices)| {
        let returns: Vec<[f64; 2]> = rows.iter().map(|row| [row.0, row.1]).collect();
        let inflation: Vec<f64> = rows.iter().map(|row| row.2).collect();
        let mut model = json!({ "model": "bootstrap", "rows": returns, "meanBlockMonths": block });
        if prices {
            model["inflation"] = json!(inflation);
        }
        model
    });
    Union::new(vec![
        Just(json!({ "model": "normal" })).boxed(),
        Just(json!({ "model": "lognormal" })).boxed(),
        t.boxed(),
        regimes.boxed(),
        bootstrap.boxed(),
    ])
}

fn rule(months: u32) -> impl Strategy<Value = Value> {
    let kinds = prop_oneof![
        (0.0..0.4, 0.0..0.4, 0.0..0.3, 0.0..0.3, 0_u32..5).prop_map(|(up, down, cut, raise, years)| {
            json!({ "rule": "guardrails", "up": up, "down": down, "cut": cut, "raise": raise, "noCutYears": years })
        }),
        (0.0..0.2).prop_map(|share| json!({ "rule": "percent", "share": share })),
        prop_oneof![Just(0.0), 0.0..0.1].prop_map(|rate| json!({ "rule": "vpw", "rate": rate })),
    ];
    (kinds, 0..months, 0.0..1.0_f64, 1.0..3.0_f64).prop_map(|(mut rule, from, floor, ceiling)| {
        rule["from"] = from.into();
        rule["floor"] = floor.into();
        rule["ceiling"] = ceiling.into();
        rule
    })
}

fn portfolio(months: u32) -> impl Strategy<Value = Value> {
    (-0.1..0.2, 0.0..0.4, 0.0..0.4, -1.0..1.0, 0.0..0.05, 0.0..1.0, 0..months).prop_map(
        |(mean, std, other, correlation, fee, weight, month)| {
            json!({
                "assets": [{ "id": "a", "mean": mean, "std": std }, { "id": "b", "mean": 0.03, "std": other }],
                "correlation": [[1, correlation], [correlation, 1]],
                "annualFee": fee,
                "glidePath": [
                    { "month": month / 3, "weights": [weight, 1.0 - weight] },
                    { "month": month / 3 + 40, "weights": [0.5, 0.5] },
                ],
            })
        },
    )
}

fn person() -> impl Strategy<Value = Value> {
    (20.0..100.0, 60.0..110.0, 2.0..20.0)
        .prop_map(|(age, modal, spread)| json!({ "age": age, "modalAge": modal, "dispersion": spread }))
}

/// Any plan.
pub(crate) fn request() -> impl Strategy<Value = Value> {
    let months = prop_oneof![3 => 1..80_u32, 1 => 80..=400_u32];
    months.prop_flat_map(|months| {
        let prices = (-0.1..0.3, 0.0..0.3, 0.0..0.99, maybe((-0.1..0.3).prop_map(Value::from))).prop_map(
            |(mean, std, persistence, start)| {
                let mut prices = json!({ "mean": mean, "std": std, "persistence": persistence });
                if !start.is_null() {
                    prices["start"] = start;
                }
                prices
            },
        );
        let amounts = (0.0..1e6, 0.0..8_000.0, 100.0..6_000.0, 0.0..30_000.0);
        let goal = (-20_000.0..20_000.0, any::<(bool, bool)>());
        let simple = (0..=months, 0.0..30.0, 0.0..0.5, 0.0..1.0);
        let members = (
            maybe(prices),
            maybe(portfolio(months)),
            returns(),
            maybe(rule(months)),
            proptest::collection::vec(person(), 0..3),
            proptest::collection::vec(flow(months), 0..4),
        );
        (Just(months), amounts, goal, simple, members).prop_map(|(months, amounts, goal, simple, members)| {
            let (prices, portfolio, mut returns, rule, people, mut flows) = members;
            let (floor, (short, real)) = goal;
            for flow in &mut flows {
                let person = flow["person"].as_u64().unwrap();
                if person >= people.len() as u64 {
                    flow.as_object_mut().unwrap().remove("person");
                }
                if flow["index"] == "wages" && amounts.1 == 0.0 {
                    flow["index"] = "none".into();
                }
            }
            let mut plan = json!({
                "incomeUntil": simple.0, "reserveMonths": simple.1, "borrowingRate": simple.2,
                "survivorSpending": simple.3, "flows": flows, "people": people,
            });
            if returns["model"] == "bootstrap" && portfolio.is_null() {
                for row in returns["rows"].as_array_mut().unwrap() {
                    row.as_array_mut().unwrap().truncate(1);
                }
            }
            let moves_prices = returns.get("inflation").is_some();
            if !prices.is_null() && !moves_prices {
                plan["prices"] = prices;
            }
            if !portfolio.is_null() && returns["model"] != "regimes" {
                plan["portfolio"] = portfolio;
            }
            if !rule.is_null() {
                plan["spendingRule"] = rule;
            }
            plan["returns"] = returns;
            json!({
                "financialProfile": {
                    "liquidAssets": amounts.0, "monthlySpending": amounts.2, "creditDebt": amounts.3,
                },
                "userInputs": { "monthlyIncome": amounts.1 },
                "goal": {
                    "targetAmount": 1_000, "timelineMonths": months, "floor": floor,
                    "success": if short { "neverShort" } else { "finalBalance" },
                    "dollars": if real { "real" } else { "nominal" },
                },
                "plan": plan,
            })
        })
    })
}

/// The figures of one simulation.
fn outcome(outcomes: &Outcomes, i: usize) -> [f32; 6] {
    let Outcomes { finals, first_short, lowest, lowest_multiplier, multiplier_sum, horizon, is_limited: _ } =
        outcomes;
    [finals, first_short, lowest, lowest_multiplier, multiplier_sum, horizon].map(|figures| figures[i])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_level_gives_the_bits_of_the_reference(
        request in request(),
        seed: u64,
        first in prop_oneof![0..100_u64, Just((1_u64 << 32) - COUNT as u64), Just(1_u64 << 32)],
    ) {
        let mut request = request;
        request["simulationParams"] = json!({ "seed": seed.to_string() });
        let spec = spec(&request);
        let plan = Lifetime::new(&spec);
        let levels: Vec<_> = Level::available()
            .into_iter()
            .map(|level| (level, walked(&[&plan], level, first, COUNT).remove(0)))
            .collect();
        for i in (0..COUNT).step_by(11) {
            let expected = reference::walk(spec.seed(), &plan, first + i as u64, |_| {});
            let reference::Outcome { final_balance, first_short, lowest, .. } = expected;
            let reference::Outcome { lowest_multiplier, multiplier_sum, horizon, .. } = expected;
            let expected = [final_balance, first_short, lowest, lowest_multiplier, multiplier_sum, horizon];
            for (level, outcomes) in &levels {
                let found = outcome(outcomes, i);
                prop_assert_eq!(
                    found.map(f32::to_bits), expected.map(f32::to_bits),
                    "{} lane {}: {:?} for {:?}", level, i, found, expected
                );
                prop_assert!(found[0].is_finite());
            }
        }
    }

    #[test]
    fn a_plan_gets_the_same_answer_beside_others(request in request(), factor in 0.5..2.0_f64) {
        let one = Lifetime::new(&spec(&request));
        let mut changed = request.clone();
        let spending = &mut changed["financialProfile"]["monthlySpending"];
        *spending = Value::from(spending.as_f64().unwrap() * factor);
        let other = Lifetime::new(&spec(&changed));
        prop_assert!(one.shares_shocks(&other));
        let level = Level::available()[0];
        let together = walked(&[&one, &other], level, 7, COUNT);
        for (plan, found) in [&one, &other].into_iter().zip(&together) {
            let alone = walked(&[plan], level, 7, COUNT).remove(0);
            for i in 0..COUNT {
                prop_assert_eq!(outcome(found, i).map(f32::to_bits), outcome(&alone, i).map(f32::to_bits));
            }
        }
    }
}

/// The same plan with a timeline that is so much longer.
fn longer(spec: &JobSpec, months: u32) -> Lifetime {
    let mut spec = spec.clone();
    spec.goal.timeline_months += months;
    Lifetime::new(&spec)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// What is read off another plan's walk is what a walk of its own would give.
    #[test]
    fn a_plan_that_begins_another_has_the_outcomes_of_its_own_walk(request in request(), months in 1..30_u32) {
        let spec = spec(&request);
        let (one, same, other) = (Lifetime::new(&spec), Lifetime::new(&spec), longer(&spec, months));
        prop_assert_eq!(sharing::walks(&[&one, &same]).0.len(), 1);
        let has_no_end = request["plan"].get("spendingRule").is_none() && request["plan"].get("portfolio").is_none();
        prop_assert!(!has_no_end || sharing::walks(&[&one, &other]).0.len() == 1);
        let plans = [&one, &other, &same];
        let together = walked(&plans, Level::available()[0], 7, COUNT);
        for (plan, found) in plans.into_iter().zip(&together) {
            let alone = walked(&[plan], Level::available()[0], 7, COUNT).remove(0);
            for i in 0..COUNT {
                prop_assert_eq!(outcome(found, i).map(f32::to_bits), outcome(&alone, i).map(f32::to_bits));
            }
        }
    }

    /// The fan chart counts simulations in the order in which they end; by index they are the same.
    #[test]
    fn what_is_observed_does_not_depend_on_the_order(request in request(), young in person(), old in person()) {
        let plan = Lifetime::new(&spec(&with(&request, "people", json!([young, old]))));
        let months: Vec<u32> = (1..).take(plan.months()).collect();
        let walk = |observation: Observation<'_>| {
            let mut outcomes = [Outcomes::default()];
            outcomes[0].resize(COUNT);
            let walk = Walk { plans: &[&plan], first: 5, outcomes: &mut outcomes, observed: &months, observation };
            Level::available()[0].run(walk);
        };
        let mut kept = vec![Vec::new(); months.len()];
        walk(Observation::Keep(&mut kept));
        let scales: Vec<_> = kept.iter().map(|balances| Scale::of_pilot(&mut balances.clone())).collect();
        let mut counts = [0, 1].map(|_| vec![0; months.len() * BINS]);
        let [ordered, by_index] = &mut counts;
        walk(Observation::Count(&scales, ordered));
        for (month, balances) in kept.iter().enumerate() {
            for balances in balances.chunks(OBSERVED) {
                Observation::Count(&scales, by_index).add(month, 0, balances);
            }
        }
        prop_assert_eq!(&counts[0], &counts[1]);
        prop_assert_eq!(counts[0].iter().sum::<u64>(), (COUNT * months.len()) as u64);
    }
}

/// Simulations end with the last death, and only what is observed after it is read.
#[test]
fn tiles_end_with_their_people() {
    let person = |age| json!({ "age": age, "modalAge": 85, "dispersion": 9 });
    let request = with(&saver(&json!({})), "people", json!([person(70), person(72)]));
    let plan = Lifetime::new(&spec(&request));
    let mut outcomes = [Outcomes::default()];
    outcomes[0].resize(5_000);
    let (plans, observed, observation) = ([&plan], [1, 60, 125], Observation::None);
    let walk = Walk { plans: &plans, first: 0, outcomes: &mut outcomes, observed: &observed, observation };
    Level::available()[0].run(walk);
    let horizons = &outcomes[0].horizon;
    assert!(horizons.iter().all(|&months| (1.0..=125.0).contains(&months)));
    for i in (0..5_000_u16).step_by(501) {
        let expected = reference::walk(spec(&request).seed(), &plan, i.into(), |_| {});
        assert_eq!(outcomes[0].horizon[usize::from(i)], expected.horizon);
        assert_eq!(outcomes[0].finals[usize::from(i)], expected.final_balance);
    }
}

/// Adds a member to the plan of a request.
fn with(request: &Value, member: &str, value: Value) -> Value {
    let mut request = request.clone();
    request["plan"][member] = value;
    request
}

/// Balances that differ by no more than rounding, over a timeline, of sums of this size.
fn assert_same(one: &Outcomes, other: &Outcomes, size: f32) -> Result<(), TestCaseError> {
    for i in 0..COUNT {
        let (one, other) = (outcome(one, i), outcome(other, i));
        let tolerance = 2e-5 * size.max(one[0].abs());
        prop_assert!((one[0] - other[0]).abs() <= tolerance, "simulation {}: {:?}, {:?}", i, one, other);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Nobody who is never short becomes so by earning more, or was so only in a longer timeline,
    /// as long as nothing reacts to the balance, and no draw turns income or the market upside
    /// down.
    #[test]
    fn success_is_monotone_in_income_and_in_the_timeline(
        request in request(), more in 1.0..1.5_f64, months in 1..40_u32,
    ) {
        let mut request = request;
        request["plan"].as_object_mut().unwrap().remove("spendingRule");
        request["goal"]["success"] = "neverShort".into();
        request["goal"]["targetAmount"] = 0.into();
        request["goal"]["floor"] = 0.into();
        let income = request["userInputs"]["monthlyIncome"].as_f64().unwrap();
        let mut richer = request.clone();
        richer["userInputs"]["monthlyIncome"] = (income * more).into();
        let (shorter, richer) = (spec(&request), Lifetime::new(&spec(&richer)));
        let plans = [&Lifetime::new(&shorter), &richer, &longer(&shorter, months)];
        let plans_outcomes = plans.map(|plan| walked(&[plan], Level::available()[0], 0, COUNT).remove(0));
        let is_short = |plan: usize, i: usize| plans_outcomes[plan].first_short[i] < NEVER;
        for i in 0..COUNT {
            prop_assert!(is_short(0, i) || !is_short(1, i), "simulation {i} earns more and is short");
            prop_assert!(!is_short(0, i) || is_short(2, i), "simulation {i} is saved by more months");
        }
    }

    /// Switching on what changes nothing moves no draw of what is there.
    #[test]
    fn a_neutral_member_changes_no_answer(request in request()) {
        let level = Level::available()[0];
        let plain = spec(&request);
        let size = 1e6;
        let expected = walked(&[&Lifetime::new(&plain)], level, 3, COUNT).remove(0);
        let mut neutral = Vec::new();
        let mut flows = request["plan"]["flows"].as_array().unwrap().clone();
        flows.push(json!({ "kind": "spending", "amount": 0, "from": 0, "index": "prices" }));
        neutral.push(with(&request, "flows", flows.into()));
        if request["plan"]["people"].as_array().unwrap().is_empty() {
            let immortal = json!({ "age": 0, "modalAge": 120, "dispersion": 1 });
            neutral.push(with(&request, "people", json!([immortal, immortal])));
        }
        let is_plain = request["plan"].get("portfolio").is_none();
        if is_plain && !matches!(request["plan"]["returns"]["model"].as_str(), Some("regimes" | "bootstrap")) {
            let asset = json!({
                "id": "all", "mean": plain.params.annual_return_mean, "std": plain.params.annual_return_std,
            });
            neutral.push(with(&request, "portfolio", json!({ "assets": [asset] })));
        }
        for changed in neutral {
            let found = walked(&[&Lifetime::new(&spec(&changed))], level, 3, COUNT).remove(0);
            assert_same(&found, &expected, size)?;
        }
    }
}

/// A savings goal, with these members of the plan.
fn saver(plan: &Value) -> Value {
    json!({
        "financialProfile": { "liquidAssets": 60_000, "monthlySpending": 3_000, "creditDebt": 900 },
        "userInputs": { "monthlyIncome": 4_100 },
        "goal": { "targetAmount": 150_000, "timelineMonths": 125 },
        "plan": plan,
    })
}

/// Final balances of a request, whichever pipeline computes it.
fn finals(request: &Value) -> Vec<f32> {
    let mut scores = vec![0.0; COUNT];
    crate::prepared::Prepared::new(&spec(request)).scores(Level::available()[0], 0, &mut scores);
    scores
}

#[test]
fn a_plan_that_says_nothing_is_the_savings_goal() {
    let plain = finals(&saver(&json!({})));
    let immortal = json!({ "age": 0, "modalAge": 120, "dispersion": 1 });
    let neutral = [
        json!({ "flows": [{ "kind": "income", "amount": 0, "from": 0 }] }),
        json!({ "returns": { "model": "normal" } }),
        json!({ "portfolio": { "assets": [{ "id": "all", "mean": 0.07, "std": 0.15 }] } }),
        json!({ "people": [immortal] }),
        json!({ "people": [immortal, immortal], "survivorSpending": 0.5 }),
        json!({ "spendingRule": { "rule": "guardrails", "up": 0.2, "down": 0.2, "cut": 0, "raise": 0 } }),
        json!({ "returns": {
            "model": "regimes", "calm": { "mean": 0.07, "std": 0.15 }, "stress": { "mean": 0.07, "std": 0.15 },
            "calmToStress": 0.1, "stressToCalm": 0.3,
        }}),
    ];
    for plan in neutral {
        for (found, expected) in finals(&saver(&plan)).iter().zip(&plain) {
            let tolerance = 1e-5 * expected.abs().max(1e4);
            assert!((found - expected).abs() < tolerance, "{plan}: {found}, not {expected}");
        }
    }
}

#[test]
fn yearly_inflation_without_deviations_is_monthly_inflation_without_volatility() {
    let mut monthly = saver(&json!({}));
    monthly["simulationParams"] = json!({ "inflationRate": 0.03, "inflationVolatility": 0 });
    let yearly = (1.0_f64 + 0.03 / 12.0).powi(12) - 1.0;
    let mut prices = saver(&json!({ "prices": { "mean": yearly, "std": 0, "persistence": 0.7 } }));
    prices["simulationParams"] = json!({ "inflationRate": 0.5, "inflationVolatility": 0 });
    for (found, expected) in finals(&prices).iter().zip(finals(&monthly)) {
        assert!((found - expected).abs() < 1e-5 * expected.abs().max(1e4), "{found}, not {expected}");
    }
}

/// A household that lives on its assets and must never be short.
fn retiree(income: f64, months: u32) -> Value {
    json!({
        "financialProfile": { "liquidAssets": 400_000, "monthlySpending": 3_000 },
        "userInputs": { "monthlyIncome": income },
        "goal": { "success": "neverShort", "timelineMonths": months },
        "plan": { "reserveMonths": 0, "prices": { "mean": 0.02, "std": 0.01, "persistence": 0.5 } },
    })
}

#[test]
fn more_income_never_fails_who_would_succeed_and_more_months_never_save_who_would_fail() {
    let succeeds = |request: &Value| -> Vec<bool> {
        let spec = spec(request);
        let plan = Lifetime::new(&spec);
        let mut scores = vec![0.0; 20_000];
        crate::prepared::Prepared::new(&spec).scores(Level::available()[0], 0, &mut scores);
        scores.iter().map(|&score| score >= plan.plan.threshold).collect()
    };
    let never = |one: &[bool], other: &[bool]| one.iter().zip(other).all(|(one, other)| one <= other);
    let incomes: Vec<_> = [500.0, 700.0, 1_000.0].map(|income| succeeds(&retiree(income, 300))).into();
    assert!(incomes.windows(2).all(|pair| never(&pair[0], &pair[1])));
    assert!(incomes[0].contains(&true) && incomes[2].contains(&false), "the cases say something");
    let longer: Vec<_> = [420, 300, 299, 180].map(|months| succeeds(&retiree(700.0, months))).into();
    assert!(longer.windows(2).all(|pair| never(&pair[0], &pair[1])));
}
