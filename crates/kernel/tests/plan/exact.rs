//! Answers that are known exactly, against the plain model.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};

use crate::golden;
use crate::model::{Month, Outcome, annuity_share, months_lived, simulate, simulate_each};
use crate::request::{Person, Request};
use crate::sample::{Sample, assert_mean, assert_probability};

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A request without chance, earnings and spending, with these members of the plan.
fn quiet(assets: f64, months: u32, market: [f64; 2], plan: &Value) -> Request {
    let request = json!({
        "financialProfile": { "liquidAssets": assets, "monthlySpending": 0 },
        "userInputs": { "monthlyIncome": 0 },
        "goal": { "targetAmount": 1, "timelineMonths": months },
        "simulationParams": {
            "annualReturnMean": market[0], "annualReturnStd": market[1],
            "inflationRate": 0, "inflationVolatility": 0, "incomeVolatility": 0, "expenseVolatility": 0,
            "emergencyProbability": 0, "annualRaiseMean": 0, "annualRaiseVolatility": 0,
            "promotionProbability": 0,
        },
        "plan": plan,
    });
    serde_json::from_value(request).unwrap()
}

fn outcomes(request: &Request, simulations: usize, seed: u64) -> Vec<Outcome> {
    let mut rng = rng(seed);
    (0..simulations).map(|_| simulate(request, &mut rng)).collect()
}

fn months(request: &Request, seed: u64) -> Vec<Month> {
    let mut months = Vec::new();
    simulate_each(request, &mut rng(seed), |month| months.push(month));
    months
}

#[test]
fn withdrawing_four_percent_lasts_as_long_as_quadrature_says() {
    let case = golden::cases().into_iter().find(|case| case.name == "withdraw_4_percent").unwrap();
    let n = 40_000;
    let succeeded = outcomes(&case.request, n, 4).iter().filter(|outcome| outcome.succeeded).count();
    assert_probability("success", succeeded as f64 / n as f64, 0.79691, n, f64::INFINITY);
}

#[test]
fn invested_wealth_has_the_moments_of_its_returns() {
    // Of independent months: E = (1 + μ/12)ⁿ, E of the square = ((1 + μ/12)² + σ²/12)ⁿ, whatever
    // the distribution.
    let [mean, std] = [0.06, 0.1];
    let first = f64::powi(1.0 + mean / 12.0, 24);
    let second = f64::powi((1.0_f64 + mean / 12.0).powi(2) + std * std / 12.0, 24);
    let deviation = (second - first * first).sqrt();
    for model in ["normal", "lognormal", "studentT"] {
        let mut plan = json!({ "reserveMonths": 0, "returns": { "model": model } });
        if model == "studentT" {
            plan["returns"]["degreesOfFreedom"] = 5.into();
        }
        let n = 40_000;
        let request = quiet(1.0, 24, [mean, std], &plan);
        let wealth = Sample::new(outcomes(&request, n, 5).iter().map(|outcome| outcome.final_balance));
        assert_mean(model, wealth.mean(), first, deviation, n, f64::INFINITY);
        assert!((wealth.std() / deviation - 1.0).abs() < 0.03, "{model}: {}", wealth.std());
    }
}

#[test]
fn a_log_normal_year_is_log_normal() {
    // The logarithm of the wealth is normal, so its median is known, too.
    let request =
        quiet(1.0, 12, [0.06, 0.2], &json!({ "reserveMonths": 0, "returns": { "model": "lognormal" } }));
    let variance = (1.0 + (0.04 / 12.0) / f64::powi(1.005, 2)).ln();
    let location = 12.0 * (f64::ln(1.005) - variance / 2.0);
    let logs = Sample::new(outcomes(&request, 40_000, 6).iter().map(|outcome| outcome.final_balance.ln()));
    assert_mean("logarithm", logs.mean(), location, (12.0 * variance).sqrt(), logs.len(), f64::INFINITY);
    assert!((logs.std() / (12.0 * variance).sqrt() - 1.0).abs() < 0.02);
    let [low, high] = logs.percentile_interval(50.0, 4.0);
    assert!(low <= location && location <= high);
}

#[test]
fn inflation_with_memory_has_the_variance_of_its_sum() {
    // y(k) = m + φ (y(k − 1) − m) + ε has Cov(y(j), y(k)) = σ² φ^|j − k|.
    let (n, std, persistence) = (20_000, 0.01, 0.7_f64);
    for years in [1, 2, 5, 30_i32] {
        let mut variance = 0.0;
        for lag in 0..years {
            let pairs = f64::from(years - lag) * if lag == 0 { 1.0 } else { 2.0 };
            variance += pairs * std * std * persistence.powi(lag);
        }
        if years == 30 {
            let asymptotic = 30.0 * std * std * (1.0 + persistence) / (1.0 - persistence);
            assert!((variance / asymptotic - 1.0).abs() < 0.15);
        }
        let prices = json!({ "prices": { "mean": 0.03, "std": std, "persistence": persistence } });
        let request = quiet(1.0, 12 * years.cast_unsigned(), [0.0, 0.0], &prices);
        let mut rng = rng(7);
        let mut sums = Vec::new();
        for _ in 0..n {
            let (mut sum, mut month) = (0.0, 0);
            let mut before = 1.0;
            simulate_each(&request, &mut rng, |now| {
                month += 1;
                if month % 12 == 0 {
                    sum += now.price_level / before - 1.0;
                    before = now.price_level;
                }
            });
            sums.push(sum);
        }
        let sums = Sample::new(sums);
        assert_mean("sum", sums.mean(), 0.03 * f64::from(years), variance.sqrt(), n, f64::INFINITY);
        // A variance's relative standard error is √(2/n).
        let ratio = sums.std().powi(2) / variance;
        assert!((ratio - 1.0).abs() < 4.0 * (2.0 / n as f64).sqrt(), "{years} years: {ratio}");
    }
}

#[test]
fn inflation_that_starts_elsewhere_returns() {
    // Without innovations y(k) − m halves every year.
    let prices = json!({ "prices": { "mean": 0.02, "std": 0, "persistence": 0.5, "start": 0.10 } });
    let months = months(&quiet(1.0, 36, [0.0, 0.0], &prices), 1);
    let expected = [1.06, 1.06 * 1.04, 1.06 * 1.04 * 1.03];
    for (year, expected) in expected.into_iter().enumerate() {
        assert!((months[12 * year + 11].price_level - expected).abs() < 1e-12);
    }
}

#[test]
fn lifetimes_have_the_median_of_their_distribution() {
    // P(t > x) = exp(−e^((age − mode)/b) (e^(x/b) − 1)).
    for (age, modal_age, dispersion) in [(65.0, 88.0, 10.0), (30.0, 90.0, 9.0), (95.0, 85.0, 12.0)] {
        let scale = f64::exp((age - modal_age) / dispersion);
        let person = Person { age, modal_age, dispersion };
        let mut rng = rng(8);
        let n = 20_000;
        let lived = Sample::new((0..n).map(|_| f64::from(months_lived(person, &mut rng))));
        let median: f64 = dispersion * f64::ln(1.0 + std::f64::consts::LN_2 / scale);
        let [low, high] = lived.percentile_interval(50.0, 4.0);
        assert!(low <= (12.0 * median).ceil() && (12.0 * median).ceil() <= high, "{age}: {median}");
        for months in [6.0, 60.0, 240.0] {
            let alive = f64::exp(-scale * (f64::exp(months / 12.0 / dispersion) - 1.0));
            assert_probability("dead", lived.share_up_to(months), 1.0 - alive, n, f64::INFINITY);
        }
    }
}

#[test]
fn an_annuity_pays_what_the_textbook_says() {
    let share = annuity_share(0.035_153_22, 35);
    assert!((share * 1_000_000.0 - 48_405.0).abs() < 0.5, "{share}");
    assert_eq!(annuity_share(0.0, 20), 0.05);
    // Paying the share of each year empties what grows by exactly the rate.
    let mut balance = 1.0;
    for years in (1..=20).rev() {
        balance = (balance - annuity_share(0.04, years) * balance) * 1.04;
    }
    assert!(balance.abs() < 1e-12, "{balance}");
}

#[test]
fn regimes_are_occupied_as_a_stationary_chain_is() {
    let plan = json!({ "returns": {
        "model": "regimes", "calm": { "mean": 0.1, "std": 0.1 }, "stress": { "mean": -0.1, "std": 0.3 },
        "calmToStress": 0.03, "stressToCalm": 0.12,
    }});
    let request = quiet(1.0, 60, [0.0, 0.0], &plan);
    let n = 4_000;
    let mut stress = [0; 60];
    for seed in 0..n {
        for (count, month) in stress.iter_mut().zip(months(&request, seed)) {
            *count += usize::from(month.is_stress);
        }
    }
    for month in [0, 1, 30, 59] {
        let share = stress[month] as f64 / n as f64;
        assert_probability("stress", share, 0.2, n as usize, f64::INFINITY);
    }
}

#[test]
fn blocks_of_a_bootstrap_are_geometric() {
    let rows: Vec<[f64; 1]> = (0..97).map(|i| [f64::from(i) / 1e4]).collect();
    let plan = json!({ "returns": { "model": "bootstrap", "rows": rows, "meanBlockMonths": 8 }, "reserveMonths": 0 });
    let request = quiet(1.0, 1_200, [0.0, 0.0], &plan);
    let (mut breaks, mut pairs, mut sum) = (0, 0, 0.0);
    for seed in 0..60 {
        let months = months(&request, seed);
        for pair in months.windows(2) {
            pairs += 1;
            breaks += usize::from(pair[1].row != (pair[0].row + 1) % 97);
            sum += pair[1].row as f64;
            assert_eq!(pair[1].market_return, pair[1].row as f64 / 1e4);
        }
    }
    // One of 97 new blocks begins with the next row.
    let expected = (1.0 / 8.0) * (96.0 / 97.0);
    assert_probability("breaks", breaks as f64 / pairs as f64, expected, pairs, f64::INFINITY);
    // Rows are uniform; neighbours are not independent, so blocks are what is counted.
    assert_mean("row", sum / pairs as f64, 48.0, 28.0, pairs / 16, f64::INFINITY);
}

#[test]
fn a_plan_without_chance_is_a_ledger() {
    // Cents, month by month: 4,000 until month 6, 3,000 spent, a pension from month 8, 500 every
    // third month, 12 % on debt.
    let plan = json!({
        "reserveMonths": 0, "incomeUntil": 6, "borrowingRate": 0.12,
        "flows": [
            { "id": "pension", "kind": "income", "amount": 1_000, "from": 8 },
            { "id": "dentist", "kind": "spending", "amount": 500, "from": 1, "until": 11, "everyMonths": 3 },
        ],
    });
    let mut request = quiet(2_000.0, 14, [0.0, 0.0], &plan);
    request.financial_profile.monthly_spending = 3_000.0;
    request.user_inputs.monthly_income = 4_000.0;
    let mut cents: i64 = 200_000;
    for (m, month) in (0..).zip(months(&request, 1)) {
        let mut cash = -300_000_i32;
        cash += if m < 6 { 400_000 } else { 0 };
        cash += if m >= 8 { 100_000 } else { 0 };
        cash -= if m < 11 && m % 3 == 1 { 50_000 } else { 0 };
        // Interest is not rounded to cents, so this ledger keeps hundredths of them by scaling
        // below.
        let interest = cents.min(0) as f64 * 0.01;
        let expected = cents as f64 + f64::from(cash) + interest;
        assert!((month.balance * 100.0 - expected).abs() < 1.0, "month {m}: {}", month.balance);
        cents = (month.balance * 100.0).round() as i64;
    }
}
