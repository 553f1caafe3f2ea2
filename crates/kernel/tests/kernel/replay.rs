//! Replays: the cluster's bits, parts that add up, and the right distribution of the parts.

use carlo_kernel::{Job, replay, results, threshold};
use carlo_types::ReplayMonth;

use crate::{golden, level, whole};

#[test]
fn a_replay_ends_with_the_bits_of_the_job() {
    for case in golden::cases() {
        let spec = case.spec(20_000, 23);
        let job = Job::new(&spec, level());
        let balances = [job.final_balances(0), job.final_balances(1)].concat();
        for index in (0..20_000).step_by(397) {
            let replay = replay(&spec, index as u64);
            let balance = balances[index];
            assert_eq!(replay.final_balance, f64::from(balance), "{}, {index}", case.name);
            assert_eq!(replay.succeeded, balance >= threshold(spec.goal.target_amount));
            assert_eq!(replay.months.len(), spec.goal.timeline_months as usize);
        }
        let notable = results(&spec, &whole(&spec, level())).notable.unwrap();
        for seen in [notable.worst, notable.best, notable.p5, notable.p50, notable.p95, notable.goal] {
            assert_eq!(replay(&spec, seen.index).final_balance, seen.balance, "{}", case.name);
        }
    }
}

#[test]
fn the_parts_of_a_month_add_up() {
    for case in golden::cases() {
        let spec = case.spec(100, 23);
        for index in 0..20 {
            let replay = replay(&spec, index);
            let mut balance = replay.starting_balance;
            for month in &replay.months {
                let ReplayMonth { income, income_noise, spending, expense_noise, emergency, .. } = *month;
                balance += income + income_noise - spending - expense_noise;
                balance += month.market_return - month.payment - emergency.unwrap_or(0.0);
                assert!((balance - month.balance).abs() < 1e-6 * (1.0 + balance.abs()), "{month:?}");
                balance = month.balance;
            }
            let last = balance - replay.owed;
            assert!((last - replay.final_balance).abs() < 1e-7 * (1.0 + balance.abs()), "{last}");
        }
    }
}

/// The first month of many simulations: its three terms are independent normals again, with the
/// model's deviations.
#[test]
fn the_parts_are_independent_normals() {
    const COUNT: u64 = 40_000;
    let mut draft = golden::cases()[0].draft.clone();
    draft.profile.liquid_assets = Some(60_000.0);
    draft.goal.timeline_months = Some(1);
    let spec = draft.check(29).unwrap();
    let (profile, params) = (&spec.profile, &spec.params);
    let invested = 60_000.0 - profile.credit_debt - 6.0 * profile.monthly_spending;
    let mean = invested * params.annual_return_mean / 12.0;
    let market_std = invested * params.annual_return_std / 12_f64.sqrt();

    let mut moments = [[0.0; 3]; 3];
    let (mut means, mut fourths) = ([0.0; 3], [0.0; 3]);
    for index in 0..COUNT {
        let month = &replay(&spec, index).months[0];
        let parts = [
            month.income_noise / (month.income * params.income_volatility),
            month.expense_noise / (month.spending * params.expense_volatility),
            (month.market_return - mean) / market_std,
        ];
        for i in 0..3 {
            means[i] += parts[i] / COUNT as f64;
            fourths[i] += parts[i].powi(4) / COUNT as f64;
            for j in 0..3 {
                moments[i][j] += parts[i] * parts[j] / COUNT as f64;
            }
        }
    }
    // Four standard errors: of a mean 1/√n, of a variance √(2/n), of a fourth moment √(96/n).
    let four = 4.0 / (COUNT as f64).sqrt();
    for i in 0..3 {
        assert!(means[i].abs() < four, "{means:?}");
        assert!((fourths[i] - 3.0).abs() < four * 96_f64.sqrt(), "{fourths:?}");
        for j in 0..3 {
            let expected = f64::from(u8::from(i == j));
            assert!((moments[i][j] - expected).abs() < four * 2_f64.sqrt(), "{moments:?}");
        }
    }
}
