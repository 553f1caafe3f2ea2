//! The kernel against the golden cases of plans, at a million simulations each.

use std::thread;

use carlo_kernel::{Accumulator, Job, Level, Partial, results};
use carlo_types::blocks::blocks_of;
use carlo_types::results::CurvePoint;
use carlo_types::results::{Horizon, Multipliers, PERCENTILES, Path, ShortMonths, Spending};
use carlo_types::{BLOCK_SIMULATIONS, JobSpec, Merge, Results};
use serde_json::{Value, json};

use crate::golden::{self, Case};
use crate::sample::{assert_mean, assert_probability};

const SIMULATIONS: usize = 1_000_000;
/// The size limit of a report with all features on.
const REPORT_BYTES_MAX: usize = 64 * 1024;
/// Threads that share the blocks of a job.
const THREADS: u64 = 2;

/// The specification of a request with this many simulations.
pub(crate) fn spec(request: &Value, simulations: usize, seed: u64) -> JobSpec {
    let mut request = request.clone();
    if request.get("simulationParams").is_none() {
        request["simulationParams"] = json!({});
    }
    request["simulationParams"]["nSimulations"] = simulations.into();
    request["simulationParams"]["seed"] = seed.to_string().into();
    request["simulationParams"]["sensitivity"] = false.into();
    JobSpec::read(&request).unwrap_or_else(|fault| panic!("{fault:?}"))
}

/// The partial result of a whole job.
pub(crate) fn whole(spec: &JobSpec, level: Level) -> Partial {
    let job = Job::new(spec, level);
    let part = |first| {
        let mut accumulator = Accumulator::new(&job);
        for block in (first..blocks_of(spec.simulations())).step_by(usize::try_from(THREADS).unwrap()) {
            accumulator.block(&job, block);
        }
        accumulator.finish()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || part(first))).collect();
        let mut parts = threads.into_iter().map(|thread| thread.join().unwrap());
        let mut sum = parts.next().unwrap();
        parts.for_each(|part| sum.merge(&part));
        sum
    })
}

fn assert_case(case: &Case, found: &Results) {
    let (name, n) = (case.name.as_str(), SIMULATIONS);
    assert_probability(name, found.success_probability, case.success_probability, n, case.n);
    assert_mean(name, found.mean, case.mean, case.std, n, case.n);
    assert!((found.std / case.std - 1.0).abs() < 0.02, "{name}: std {}", found.std);
    let spread = case.percentiles["p95"] - case.percentiles["p5"];
    for (percent, found) in PERCENTILES.into_iter().zip(found.percentiles) {
        let expected = case.percentiles[&format!("p{percent}")];
        assert!((found - expected).abs() <= 0.006 * spread, "{name} p{percent}: {found}, not {expected}");
    }
    assert_eq!(found.path.is_some(), case.path.is_some());
    assert_eq!(found.spending.is_some(), case.spending.is_some());
    assert_eq!(found.horizon_months.is_some(), case.horizon_months.is_some());
    if let (Some(found), Some(expected)) = (&found.path, &case.path) {
        assert_path(case, found, expected);
    }
    if let (Some(found), Some(expected)) = (&found.spending, &case.spending) {
        assert_spending(case, found, expected);
    }
    if let (Some(found), Some(expected)) = (&found.horizon_months, case.horizon_months) {
        let &Horizon { p5, p50, p95, mean, .. } = found;
        assert_mean(name, mean, expected.mean, expected.std, n, case.n);
        for (found, expected) in [(p5, expected.p5), (p50, expected.p50), (p95, expected.p95)] {
            assert!((f64::from(found) - expected).abs() <= 1.0, "{name} horizon: {found}, not {expected}");
        }
    }
}

fn assert_path(case: &Case, found: &Path, expected: &golden::Path) {
    let (name, n) = (case.name.as_str(), SIMULATIONS);
    assert_probability(name, found.short_probability, expected.short_probability, n, case.n);
    let ShortMonths { p5, p25, p50, p75, p95 } = found.first_short_month.unwrap();
    for (percentile, found) in [("p5", p5), ("p25", p25), ("p50", p50), ("p75", p75), ("p95", p95)] {
        let expected = expected.first_short_month[percentile];
        assert!(
            (f64::from(found) - expected).abs() <= 1.0,
            "{name} {percentile}: month {found}, not {expected}"
        );
    }
    for point in &expected.curve {
        let same = |found: &&CurvePoint| found.month == point.month;
        if let Some(found) = found.curve.iter().find(same) {
            let what = format!("{name}: short by {}", point.month);
            assert_probability(&what, found.probability, point.probability, n, case.n);
        }
    }
    let short = found.short_probability * n as f64;
    assert_mean(
        name,
        found.mean_deepest_shortfall,
        expected.mean_deepest_shortfall,
        expected.std_deepest_shortfall,
        short as usize,
        case.n * expected.short_probability,
    );
    let error = expected.std_deepest_shortfall / short.sqrt();
    assert!(
        (found.mean_deepest_shortfall_standard_error / error - 1.0).abs() < 0.05,
        "{name}: error {error}"
    );
    assert!(found.largest_shortfall > found.mean_deepest_shortfall);
}

fn assert_spending(case: &Case, found: &Spending, expected: &golden::Spending) {
    let (name, n) = (case.name.as_str(), SIMULATIONS);
    assert_probability(name, found.cut_probability, expected.cut_probability, n, case.n);
    let Spending { mean_multiplier, .. } = *found;
    assert_mean(name, mean_multiplier, expected.mean_multiplier, expected.std_multiplier, n, case.n);
    let Multipliers { p5, p25, p50 } = found.lowest_multiplier;
    for (percentile, found) in [("p5", p5), ("p25", p25), ("p50", p50)] {
        let expected = expected.lowest_multiplier[percentile];
        assert!((found - expected).abs() < 0.003, "{name} {percentile}: multiplier {found}, not {expected}");
    }
}

#[test]
fn the_golden_cases_agree_on_every_instruction_set() {
    let [best, others @ ..] = &Level::available()[..] else { panic!("there is always a level") };
    for case in golden::cases() {
        let spec = spec(&case.request_json, SIMULATIONS, 20_261_128);
        let partial = whole(&spec, *best);
        assert!(partial.encode().len() < REPORT_BYTES_MAX, "{}: {} bytes", case.name, partial.encode().len());
        assert_case(&case, &results(&spec, &partial));
        // On x86-64 the portable level takes nearly all of the time.
        for &level in others {
            assert_eq!(whole(&spec, level), partial, "{}: {level}", case.name);
        }
    }
}

#[test]
fn withdrawing_four_percent_has_the_exact_answer() {
    let case = golden::cases().into_iter().find(|case| case.name == "withdraw_4_percent").unwrap();
    let spec = spec(&case.request_json, SIMULATIONS, 4);
    let found = results(&spec, &whole(&spec, Level::detect().unwrap()));
    assert_probability("success", found.success_probability, 0.79691, SIMULATIONS, f64::INFINITY);
}

#[test]
fn every_level_gives_the_same_partial_result() {
    for case in golden::cases() {
        let spec = spec(&case.request_json, 20_000, 7);
        let levels = Level::available();
        let expected = whole(&spec, levels[0]);
        for &level in &levels[1..] {
            assert_eq!(whole(&spec, level), expected, "{}: {level}", case.name);
        }
        assert_eq!(Partial::decode(&expected.encode()).unwrap(), expected);
    }
}

/// The bound of the model on amounts of money, dollars.
const MONEY_BOUND: f64 = 140_737_488_355_328.0;

/// Income of 10¹² dollars a month with this volatility, and afterwards spendings of the same amount for
/// 110 months.
fn rise_and_fall(income_until: u32, volatility: f64, simulations: usize, sensitivity: bool) -> JobSpec {
    let request = json!({
        "financialProfile": {"liquidAssets": 0, "monthlySpending": 0},
        "userInputs": {"monthlyIncome": 1e12},
        "goal": {"targetAmount": 1, "timelineMonths": income_until + 110},
        "simulationParams": {
            "inflationRate": 0, "inflationVolatility": 0, "annualRaiseMean": 0,
            "annualRaiseVolatility": 0, "promotionProbability": 0, "emergencyProbability": 0,
            "annualReturnMean": 0, "annualReturnStd": 0, "incomeVolatility": volatility, "sensitivity": sensitivity,
        },
        "plan": {
            "incomeUntil": income_until, "reserveMonths": 0,
            "flows": [{"kind": "spending", "amount": 1e12, "from": income_until}],
        },
    });
    spec(&request, simulations, 3)
}

fn met_the_bound(results: &Results) -> bool {
    results.warnings.iter().any(|warning| warning.contains("2^47"))
}

/// About one simulation in 100,000 meets the bound at its peak, and every one ends far below it.
#[test]
fn a_single_path_that_met_the_bound_says_so_wherever_it_is() {
    let spec = rise_and_fall(126, 0.307, 600_000, false);
    let level = Level::detect().unwrap();
    let job = Job::new(&spec, level);
    let months = spec.goal.timeline_months as usize;
    let mut met = Vec::new();
    for block in 0..blocks_of(spec.simulations()) {
        let mut accumulator = Accumulator::new(&job);
        accumulator.block(&job, block);
        let partial = accumulator.finish();
        let found = results(&spec, &partial);
        assert!(found.best_case < MONEY_BOUND / 2.0, "{}", found.best_case);
        let count = usize::try_from(partial.simulations()).unwrap();
        let mut paths = vec![0.0; count * months];
        job.paths(block * BLOCK_SIMULATIONS, &mut paths);
        // A clamped balance may have a small part that is negative.
        let is_met = paths.iter().any(|&balance| f64::from(balance) > MONEY_BOUND * (1.0 - 1e-6));
        assert_eq!(met_the_bound(&found), is_met, "block {block}");
        met.extend(is_met.then_some(block));
        assert_eq!(Partial::decode(&partial.encode()).unwrap(), partial);
    }
    assert!(met.len() < 10 && met.iter().any(|&block| block >= 4), "{met:?}");
    assert!(met_the_bound(&results(&spec, &whole(&spec, level))));
}

#[test]
fn every_level_knows_who_met_the_bound() {
    for (income_until, expected) in [(140, false), (141, true)] {
        for simulations in [1, 67, 139] {
            let spec = rise_and_fall(income_until, 0.0, simulations, true);
            let partials: Vec<_> = Level::available().into_iter().map(|level| whole(&spec, level)).collect();
            assert!(partials.iter().all(|partial| *partial == partials[0]));
            assert_eq!(met_the_bound(&results(&spec, &partials[0])), expected, "{income_until} months");
        }
    }
}

/// Every term of a month is shown, and their sum is what the balance changed by.
#[test]
fn a_replay_shows_every_term_of_every_month() {
    let mut shown = [0; 6];
    for case in golden::cases() {
        let request = &case.request_json;
        let spec = spec(request, 400, 7);
        let job = Job::new(&spec, Level::detect().unwrap());
        let (finals, samples) = (job.final_balances(0), job.samples(0, 400));
        let is_given = |pointer: &str| request.pointer(pointer).is_some_and(|value| *value != json!([]));
        let model = request.pointer("/plan/returns/model").and_then(Value::as_str).unwrap_or("normal");
        let is_real = request["goal"]["dollars"] == "real";
        let people = spec.plan.people.len();
        for index in 0..60_u8 {
            let replay = carlo_kernel::replay(&spec, index.into());
            let what = format!("{}, simulation {index}", case.name);
            let mut balance = replay.starting_balance;
            for month in &replay.months {
                balance += month.income + month.income_noise - month.spending - month.expense_noise
                    + month.market_return
                    + month.flows.unwrap_or(0.0)
                    + month.interest.unwrap_or(0.0)
                    - month.payment
                    - month.emergency.unwrap_or(0.0);
                assert!((balance - month.balance).abs() < 1e-6 * (1.0 + balance.abs()), "{what}: {month:?}");
                balance = month.balance;
                assert_eq!(month.flows.is_some(), is_given("/plan/flows"), "{what}");
                assert_eq!(month.spending_multiplier.is_some(), is_given("/plan/spendingRule"), "{what}");
                assert_eq!(month.real_balance.is_some(), is_real, "{what}");
                let moves_prices = is_real || is_given("/plan/prices") || is_given("/plan/returns/inflation");
                assert_eq!(month.price_level.is_some(), moves_prices, "{what}");
                assert_eq!(month.regime.is_some(), model == "regimes", "{what}");
                assert_eq!(month.row.is_some(), model == "bootstrap", "{what}");
                assert_eq!(month.lives.len(), people, "{what}");
                assert!(people == 0 || month.lives.contains(&true), "{what}: nobody lives in {month:?}");
                assert!(month.interest.is_none_or(|interest| interest < 0.0), "{what}");
                if let (Some(real), Some(level)) = (month.real_balance, month.price_level) {
                    assert!(
                        (real - balance / level).abs() < 1e-6 * (1.0 + balance.abs()),
                        "{what}: {month:?}"
                    );
                }
                for (shown, is) in shown.iter_mut().zip([
                    month.flows.is_some_and(|flows| flows != 0.0),
                    month.interest.is_some(),
                    month.emergency.is_some(),
                    month.regime == Some(carlo_types::replay::Regime::Stress),
                    month.lives.contains(&false),
                    month.annual_raise.is_some() && month.promotion_raise.is_some(),
                ]) {
                    *shown += usize::from(is);
                }
            }
            let last = replay.months.last().unwrap();
            assert_eq!(replay.final_balance, f64::from(finals[usize::from(index)]), "{what}");
            let reported = last.real_balance.unwrap_or(last.balance);
            assert!((replay.final_balance - reported).abs() < 1e-6 * (1.0 + reported.abs()), "{what}");
            assert_eq!(replay.succeeded, samples.succeeded[usize::from(index)], "{what}");
            if let Some(lived) = &samples.months_lived {
                assert_eq!(replay.months.len(), usize::from(lived[usize::from(index)]), "{what}");
            }
        }
    }
    assert!(shown.iter().all(|&months| months > 0), "{shown:?}");
}

/// With everything on, at the longest timeline, with scenarios, chart and the plans of a
/// comparison.
#[test]
fn a_report_with_everything_on_is_small() {
    let mut request = golden::cases().pop().unwrap().request_json;
    let couple = golden::cases().into_iter().find(|case| case.name == "couple_guardrails").unwrap();
    request["plan"] = couple.request_json["plan"].clone();
    request["plan"]["incomeUntil"] = 300.into();
    request["plan"]["borrowingRate"] = 0.1.into();
    request["goal"] = json!({
        "targetAmount": 1_000, "timelineMonths": 1_200, "success": "neverShort", "dollars": "real", "floor": -5_000,
    });
    request["financialProfile"] = json!({ "liquidAssets": 300_000, "monthlySpending": 3_000 });
    request["userInputs"] = json!({ "monthlyIncome": 3_100 });
    let mut spec = spec(&request, 300_000, 5);
    spec.request.params.sensitivity = true;
    let mut richer = spec.clone();
    richer.request.profile.liquid_assets *= 1.2;
    spec.analysis = carlo_types::analysis::Analysis::Compare(vec![richer; 7]);
    let partial = whole(&spec, Level::detect().unwrap());
    let bytes = partial.encode().len();
    let found = results(&spec, &partial);
    assert!(found.path.is_some() && found.spending.is_some() && found.horizon_months.is_some());
    assert_eq!((found.variants.len(), found.trajectory.len()), (7, 60));
    assert!(found.sensitivity.is_some_and(|sensitivity| sensitivity.scenarios.len() > 10));
    assert!(bytes < REPORT_BYTES_MAX, "{bytes} bytes");
}
