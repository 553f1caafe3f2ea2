//! The sensitivity and the fan chart, against jobs of their own.

use carlo_kernel::{Job, results, threshold};
use carlo_types::blocks::blocks_of;
use carlo_types::results::{FAN_PERCENTILES, SCENARIOS};
use carlo_types::{BLOCK_SIMULATIONS, Draft, JobSpec, Merge};

use crate::{golden, level, partial, whole};

const COUNT: u64 = 3 * BLOCK_SIMULATIONS + 4_321;

/// The job that a scenario is.
fn changed(spec: &JobSpec, scenario: &str) -> JobSpec {
    let mut draft: Draft = spec.to_draft();
    let request = &mut draft.request;
    let income = request.inputs.monthly_income.as_mut().unwrap();
    let spending = request.profile.monthly_spending.as_mut().unwrap();
    let months = request.goal.timeline_months.as_mut().unwrap();
    match scenario {
        "income_plus_10" => *income *= 1.1,
        "income_minus_10" => *income *= 0.9,
        "spending_minus_10" => *spending *= 0.9,
        "spending_minus_20" => *spending *= 0.8,
        "spending_plus_10" => *spending *= 1.1,
        "timeline_plus_6mo" => *months += 6,
        "timeline_plus_12mo" => *months += 12,
        other => panic!("no scenario {other}"),
    }
    draft.check(0).unwrap()
}

#[test]
fn a_scenario_is_the_changed_job_with_the_same_random_numbers() {
    // The simplest, and the one with cards and loans.
    for case in golden::cases().into_iter().step_by(4) {
        let spec = case.spec(COUNT, 5);
        let answer = results(&spec, &whole(&spec, level()));
        let sensitivity = answer.sensitivity.unwrap();
        assert_eq!(sensitivity.base_probability, answer.success_probability);
        for (name, scenario) in SCENARIOS.into_iter().zip(sensitivity.scenarios) {
            let changed = changed(&spec, name);
            let own = whole(&changed, level());
            assert_eq!(
                scenario.new_probability,
                own.successes() as f64 / COUNT as f64,
                "{}: {name}",
                case.name
            );

            let reached = |spec: &JobSpec| -> Vec<f64> {
                let job = Job::new(spec, level());
                let finals = (0..blocks_of(COUNT)).flat_map(|block| job.final_balances(block));
                finals.map(|x| f64::from(u8::from(x >= threshold(spec.goal.target_amount)))).collect()
            };
            let pairs: Vec<f64> =
                reached(&changed).iter().zip(reached(&spec)).map(|(new, old)| new - old).collect();
            let n = COUNT as f64;
            let mean = pairs.iter().sum::<f64>() / n;
            let variance = pairs.iter().map(|pair| (pair - mean).powi(2)).sum::<f64>() / n;
            assert!((scenario.delta - mean).abs() < 1e-12);
            assert!((scenario.standard_error - (variance / n).sqrt()).abs() < 1e-9);
        }
    }
}

#[test]
fn scenarios_end_with_the_first_million() {
    let spec = golden::cases()[0].spec(1_100_000, 5);
    let job = Job::new(&spec, level());
    let sensitivity = |blocks| results(&spec, &partial(&job, blocks)).sensitivity;
    assert_eq!(sensitivity(61..62).unwrap().simulations, 1_000_000 - 61 * BLOCK_SIMULATIONS);
    assert_eq!(sensitivity(62..64), None);
}

#[test]
fn the_chart_shows_the_balances_of_shorter_jobs() {
    let spec = golden::cases()[2].spec(200_000, 5);
    let answer = results(&spec, &whole(&spec, level()));
    assert_eq!(answer.trajectory.len(), 60);
    assert_eq!(answer.trajectory[59].month, 240);
    for point in answer.trajectory.iter().step_by(13) {
        let mut draft = spec.to_draft();
        draft.goal.timeline_months = Some(point.month.into());
        let shorter = draft.check(0).unwrap();
        let job = Job::new(&shorter, level());
        let mut balances: Vec<f32> = (0..4).flat_map(|block| job.final_balances(block)).collect();
        balances.sort_unstable_by(f32::total_cmp);
        let at = |percent: u8| f64::from(balances[balances.len() * usize::from(percent) / 100]);
        let spread = at(95) - at(5);
        for (percent, found) in FAN_PERCENTILES.into_iter().zip(point.percentiles) {
            let apart = (found - at(percent)).abs();
            assert!(apart < 0.004 * spread, "month {}, p{percent}: {apart} of {spread}", point.month);
        }
    }
}

#[test]
fn a_short_job_has_a_point_for_every_month() {
    let spec = golden::cases()[0].spec(100, 5);
    let months: Vec<u32> =
        results(&spec, &whole(&spec, level())).trajectory.iter().map(|point| point.month).collect();
    assert_eq!(months, (1..=36).collect::<Vec<_>>());
}

/// A plan of somebody who lives on risky assets for 30 years: most end low, and a few very high.
fn skewed(simulations: u64) -> JobSpec {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(600_000.0);
    draft.profile.monthly_spending = Some(3_000.0);
    draft.inputs.monthly_income = Some(0.0);
    draft.inputs.risk_tolerance = Some("high".to_owned());
    draft.goal.target_amount = Some(200_000.0);
    draft.goal.timeline_months = Some(360);
    draft.params.n_simulations = Some(simulations);
    draft.check(7).unwrap()
}

#[test]
fn the_chart_ends_with_the_percentiles_that_are_reported() {
    let cases = golden::cases().into_iter().map(|case| case.spec(70_000, 5));
    for spec in cases.chain([skewed(70_000)]) {
        let answer = results(&spec, &whole(&spec, level()));
        let last = answer.trajectory.last().unwrap();
        for (percent, found) in FAN_PERCENTILES.into_iter().zip(last.percentiles) {
            let i = carlo_types::results::PERCENTILES.iter().position(|&p| p == percent).unwrap();
            assert_eq!(found, answer.percentiles[i], "p{percent}");
        }
    }
}

#[test]
fn the_chart_resolves_skewed_balances_and_takes_debts_off() {
    for spec in [skewed(65_536), golden::cases()[4].spec(65_536, 5)] {
        let answer = results(&spec, &whole(&spec, level()));
        let point = answer.trajectory[answer.trajectory.len() / 2];
        let mut draft = spec.to_draft();
        draft.goal.timeline_months = Some(point.month.into());
        let shorter = draft.check(0).unwrap();
        let own = results(&shorter, &whole(&shorter, level()));
        for (percent, found) in FAN_PERCENTILES.into_iter().zip(point.percentiles) {
            let i = carlo_types::results::PERCENTILES.iter().position(|&p| p == percent).unwrap();
            let [low, high] = own.percentile_intervals_95[i];
            assert!((low..=high).contains(&found), "month {}, p{percent}: {found}", point.month);
        }
    }
}

#[test]
fn no_bar_mixes_both_sides_of_the_goal() {
    let cases = golden::cases().into_iter().map(|case| case.spec(50_000, 5));
    for spec in cases.chain([skewed(50_000)]) {
        for goal in [spec.goal.target_amount, 12_345.67, 1.0, 1e6, 123.45] {
            let mut spec = spec.clone();
            spec.goal.target_amount = goal;
            let answer = results(&spec, &whole(&spec, level()));
            let bars = &answer.histogram;
            let below: u64 = bars
                .edges
                .windows(2)
                .zip(&bars.counts)
                .filter(|(edges, _)| edges[1] <= goal)
                .map(|bar| bar.1)
                .sum();
            let above: u64 = bars
                .edges
                .windows(2)
                .zip(&bars.counts)
                .filter(|(edges, _)| edges[0] >= goal)
                .map(|bar| bar.1)
                .sum();
            assert_eq!(below + above, 50_000, "{goal}: {:?}", bars.edges);
            assert_eq!(above as f64 / 50_000.0, answer.success_probability, "{goal}");
            assert!(bars.edges.is_sorted_by(|a, b| a < b) && bars.counts.len() <= 100);
            let largest = bars.counts.iter().max().unwrap();
            assert!(*largest < 15_000, "{goal}: {largest} of 50,000 in one bar");
        }
    }
}
