//! Partial results of real jobs: the same answer however the work is cut, numbers within their
//! promised errors, small reports.

use carlo_kernel::{Accumulator, Job, Level, Partial, results, threshold};
use carlo_types::blocks::blocks_of;
use carlo_types::results::PERCENTILES;
use carlo_types::{BLOCK_SIMULATIONS, Draft, JobSpec, Merge};
use proptest::prelude::*;

use crate::{extreme, golden, level, partial, whole};

fn house_deposit(simulations: u64, seed: u64) -> JobSpec {
    golden::cases()[0].spec(simulations, seed)
}

#[test]
fn every_level_gives_the_same_digest() {
    for case in golden::cases() {
        let spec = case.spec(BLOCK_SIMULATIONS + 1_234, 7);
        let expected = results(&spec, &whole(&spec, level()));
        for level in Level::available() {
            assert_eq!(results(&spec, &whole(&spec, level)), expected, "{level}, {}", case.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_digest_does_not_show_who_did_which_block(
        leases in proptest::collection::vec(0..4_usize, 12),
        order in Just([0, 1, 2, 3_usize]).prop_shuffle(),
        seed: u64,
    ) {
        let spec = house_deposit(12 * BLOCK_SIMULATIONS - 77, seed);
        let job = Job::new(&spec, level());
        let parts = [0, 1, 2, 3].map(|node| partial(&job, (0..12).filter(|&block| leases[block as usize] == node)));
        let mut sum = parts[order[0]].clone();
        order[1..].iter().for_each(|&node| sum.merge(&Partial::decode(&parts[node].encode()).unwrap()));
        let expected = partial(&job, 0..12);
        prop_assert_eq!(&sum, &expected);
        prop_assert_eq!(results(&spec, &sum).digest, results(&spec, &expected).digest);
    }
}

#[test]
fn an_accumulator_can_be_used_again() {
    let spec = house_deposit(3 * BLOCK_SIMULATIONS, 5);
    let job = Job::new(&spec, level());
    let mut accumulator = Accumulator::new(&job);
    accumulator.block(&job, 2);
    accumulator.block(&job, 0);
    let mut sum = accumulator.drain();
    accumulator.block(&job, 1);
    sum.merge(&accumulator.finish());
    assert_eq!(sum, whole(&spec, level()));
}

#[test]
fn the_digest_is_of_the_question_too() {
    let spec = house_deposit(1_000, 5);
    let partial = whole(&spec, level());
    let digest = results(&spec, &partial).digest;
    let mut other = spec.clone();
    other.goal.target_amount += 1e-9 * other.goal.target_amount;
    assert_ne!(results(&other, &partial).digest, digest);
    let mut renamed = spec;
    renamed.goal.goal_type = "another word".to_owned();
    assert_eq!(results(&renamed, &partial).digest, digest);
}

#[test]
fn a_block_past_the_end_holds_nothing() {
    let spec = house_deposit(100, 5);
    let job = Job::new(&spec, level());
    assert_eq!(partial(&job, [0, 1, u64::MAX]), partial(&job, [0]));
    assert_eq!(partial(&job, [0]).simulations(), 100);
    assert_eq!(partial(&job, []).simulations(), 0);
}

/// Percentiles from a million simulations lie within 0.02 % of the spread of the exact order
/// statistics.
#[test]
fn percentiles_are_the_order_statistics() {
    const N: u64 = 1_000_000;
    // A narrow distribution and a skewed one.
    for case in golden::cases().into_iter().step_by(2).take(2) {
        let spec = case.spec(N, 11);
        let partial = whole(&spec, level());
        let found = results(&spec, &partial);
        let job = Job::new(&spec, level());
        let mut balances: Vec<f32> = (0..blocks_of(N)).flat_map(|block| job.final_balances(block)).collect();
        balances.sort_unstable_by(f32::total_cmp);
        assert_eq!(found.worst_case, f64::from(balances[0]));
        assert_eq!(found.best_case, f64::from(balances[balances.len() - 1]));
        let exact = PERCENTILES
            .map(|percent| f64::from(balances[(N * u64::from(percent)).div_ceil(100) as usize - 1]));
        let tolerance = 2e-4 * (exact[6] - exact[0]);
        for i in 0..PERCENTILES.len() {
            let apart = (found.percentiles[i] - exact[i]).abs();
            assert!(
                apart <= tolerance,
                "{}: p{} {apart} apart, more than {tolerance}",
                case.name,
                PERCENTILES[i]
            );
            let [low, high] = found.percentile_intervals_95[i];
            assert!(low <= found.percentiles[i] && found.percentiles[i] <= high && low < high);
        }
        let sum: f64 = balances.iter().copied().map(f64::from).sum();
        let mean = sum / N as f64;
        assert!((found.mean - mean).abs() < 1e-6 * found.std, "{}: {} for {mean}", case.name, found.mean);
        let reached = balances.iter().filter(|&&x| x >= threshold(spec.goal.target_amount)).count();
        assert_eq!(partial.successes(), reached as u64);
    }
}

#[test]
fn bars_hold_every_simulation() {
    for case in golden::cases() {
        for n in [1, 2, 100, 50_000] {
            let spec = case.spec(n, 3);
            let results = results(&spec, &whole(&spec, level()));
            let histogram = results.histogram;
            assert_eq!(histogram.counts.iter().sum::<u64>(), n);
            assert!(histogram.counts.len() <= 100);
            assert_eq!(histogram.edges.len(), histogram.counts.len() + 1);
            assert!(histogram.edges.is_sorted_by(|a, b| a < b), "{:?}", histogram.edges);
            assert!(histogram.edges[0] <= results.worst_case);
            assert!(*histogram.edges.last().unwrap() >= results.best_case);
        }
    }
}

#[test]
fn a_job_that_has_not_begun_has_results_too() {
    let spec = house_deposit(1_000, 3);
    let results = results(&spec, &partial(&Job::new(&spec, level()), []));
    assert_eq!((results.simulations_run, results.standard_error), (0, 1.0));
    assert_eq!((results.mean, results.std, results.median()), (0.0, 0.0, 0.0));
    assert!(results.histogram.counts.is_empty());
}

#[test]
fn reports_are_small() {
    for case in golden::cases() {
        let spec = case.spec(10_000_000, 3);
        let bytes = whole(&spec, level()).encode().len();
        assert!(bytes <= 32 * 1024, "{}: {bytes} bytes", case.name);
    }
}

/// Every number of every input at its largest: the answer is a number all the same.
#[test]
fn extreme_requests_have_finite_answers() {
    for months in [1, 6, 36, 1200] {
        for returns in [-1.0, 1.0] {
            let mut draft = Draft::default();
            extreme(&mut draft, returns);
            draft.goal.timeline_months = Some(months);
            draft.params.n_simulations = Some(20_000);
            // Scenarios with longer timelines would meet the bound, too.
            draft.params.sensitivity = Some(false);
            let spec = draft.check(9).unwrap();
            let results = results(&spec, &whole(&spec, level()));
            let numbers = [results.mean, results.std, results.worst_case, results.best_case];
            let intervals = results.percentile_intervals_95.as_flattened();
            let edges = &results.histogram.edges;
            for number in numbers.iter().chain(&results.percentiles).chain(intervals).chain(edges) {
                assert!(number.is_finite(), "{months} months: {results:?}");
            }
            let has_met = results.warnings.iter().any(|warning| warning.contains("2^47"));
            let largest = results.best_case.max(-results.worst_case);
            assert!(has_met || largest < 2_f64.powi(47), "{months} months: {largest}");
            assert!(!has_met || months > 1, "{months} months: {largest}");
            assert!(has_met || months < 1200 || returns < 0.0, "{months} months: {largest}");
        }
    }
}

/// Spending starts far below the income and outgrows it, so that a balance rises and falls again. It is
/// clamped only at its peak.
#[test]
fn a_household_that_met_the_bound_on_its_way_says_so() {
    let answer = |share: f64, sensitivity: bool| {
        let mut draft = golden::cases()[0].draft.clone();
        let params = &mut draft.params;
        for none in [
            &mut params.annual_return_mean,
            &mut params.annual_return_std,
            &mut params.inflation_volatility,
            &mut params.income_volatility,
            &mut params.expense_volatility,
            &mut params.annual_raise_mean,
            &mut params.annual_raise_volatility,
            &mut params.promotion_probability,
            &mut params.emergency_probability,
        ] {
            *none = Some(0.0);
        }
        params.sensitivity = Some(sensitivity);
        params.inflation_rate = Some(0.2);
        params.use_account_aware_simulation = Some(false);
        draft.profile.liquid_assets = Some(0.0);
        draft.profile.monthly_spending = Some(0.03e12 * share);
        draft.inputs.monthly_income = Some(1e12 * share);
        draft.goal.timeline_months = Some(280);
        draft.params.n_simulations = Some(139);
        let spec = draft.check(9).unwrap();
        let parts: Vec<_> = Level::available().into_iter().map(|level| whole(&spec, level)).collect();
        assert!(parts.iter().all(|part| *part == parts[0]));
        let results = results(&spec, &parts[0]);
        (results.warnings.iter().any(|warning| warning.contains("2^47")), results.best_case)
    };
    // With ten percent more income, the third household meets it, too.
    for (share, sensitivity, expected) in [(1.0, false, true), (0.85, false, false), (0.85, true, true)] {
        let (has_met, last) = answer(share, sensitivity);
        assert_eq!(has_met, expected, "{share} {sensitivity}: {last}");
    }
}

/// Where balances are a few numbers, an interval holds the exact order statistics that it stands
/// for.
#[test]
fn intervals_of_discrete_balances_hold_the_percentiles() {
    let mut draft = golden::cases()[0].draft.clone();
    let params = &mut draft.params;
    for none in [
        &mut params.annual_return_std,
        &mut params.inflation_volatility,
        &mut params.income_volatility,
        &mut params.expense_volatility,
        &mut params.annual_raise_volatility,
        &mut params.promotion_probability,
    ] {
        *none = Some(0.0);
    }
    (params.emergency_min, params.emergency_max) = (Some(1_500.0), Some(1_500.0));
    draft.goal.timeline_months = Some(18);
    for n in [1, 2, 10, 100, 60_000] {
        draft.params.n_simulations = Some(n);
        let spec = draft.check(3).unwrap();
        let job = Job::new(&spec, level());
        let mut balances: Vec<f32> = (0..blocks_of(n)).flat_map(|block| job.final_balances(block)).collect();
        balances.sort_unstable_by(f32::total_cmp);
        let answer = results(&spec, &whole(&spec, level()));
        for (percent, [low, high]) in PERCENTILES.into_iter().zip(answer.percentile_intervals_95) {
            let exact = f64::from(balances[(n * u64::from(percent)).div_ceil(100) as usize - 1]);
            assert!(low <= exact && exact <= high, "{n}, p{percent}: {exact} in {low}..{high}");
        }
    }
}
