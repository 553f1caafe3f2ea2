//! Answers that are known exactly, against the kernel.

use carlo_kernel::{Job, Level, replay, results};
use carlo_types::{JobSpec, Results};
use serde_json::{Value, json};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::kernel::{spec, whole};
use crate::sample::{Sample, assert_mean, assert_probability};

const SIMULATIONS: usize = 200_000;

/// A household without earnings, spending and chance but that of the plan's members.
fn quiet(assets: f64, months: u32, plan: &Value) -> Value {
    json!({
        "financialProfile": { "liquidAssets": assets, "monthlySpending": 0 },
        "userInputs": { "monthlyIncome": 0 },
        "goal": { "targetAmount": 1, "timelineMonths": months },
        "simulationParams": {
            "annualReturnMean": 0, "annualReturnStd": 0, "inflationRate": 0, "inflationVolatility": 0,
            "incomeVolatility": 0, "expenseVolatility": 0, "emergencyProbability": 0,
            "annualRaiseMean": 0, "annualRaiseVolatility": 0, "promotionProbability": 0,
        },
        "plan": plan,
    })
}

fn asked(request: &Value) -> JobSpec {
    spec(request, SIMULATIONS, 31)
}

fn answered(request: &Value) -> Results {
    let spec = asked(request);
    results(&spec, &whole(&spec, Level::detect().unwrap()))
}

/// The final balance of every simulation.
fn finals(request: &Value) -> Vec<f64> {
    let spec = asked(request);
    let job = Job::new(&spec, Level::detect().unwrap());
    let blocks = (0..).map(|block| job.final_balances(block)).take_while(|finals| !finals.is_empty());
    blocks.flatten().map(f64::from).collect()
}

#[test]
fn invested_wealth_has_the_moments_of_its_returns() {
    // Of independent months: E = (1 + μ/12)ⁿ, E of the square = ((1 + μ/12)² + σ²/12)ⁿ, whatever
    // the distribution.
    let [mean, std, assets] = [0.06, 0.12, 1e6];
    let first = f64::powi(1.0 + mean / 12.0, 24);
    let second = f64::powi((1.0_f64 + mean / 12.0).powi(2) + std * std / 12.0, 24);
    let deviation = assets * (second - first * first).sqrt();
    let rows: Vec<[f64; 1]> = [-1.0, 1.0].map(|sign| [mean / 12.0 + sign * std / 12_f64.sqrt()]).into();
    let regime = json!({ "mean": mean, "std": std });
    for returns in [
        json!({ "model": "normal" }),
        json!({ "model": "lognormal" }),
        json!({ "model": "studentT", "degreesOfFreedom": 6 }),
        json!({ "model": "regimes", "calm": regime, "stress": regime, "calmToStress": 0.1, "stressToCalm": 0.3 }),
        json!({ "model": "bootstrap", "rows": rows, "meanBlockMonths": 1 }),
    ] {
        let mut request = quiet(assets, 24, &json!({ "reserveMonths": 0, "returns": returns }));
        request["simulationParams"]["annualReturnMean"] = mean.into();
        request["simulationParams"]["annualReturnStd"] = std.into();
        let found = answered(&request);
        let model = returns["model"].as_str().unwrap();
        assert_mean(model, found.mean, assets * first, deviation, SIMULATIONS, f64::INFINITY);
        assert!((found.std / deviation - 1.0).abs() < 0.015, "{model}: {}, not {deviation}", found.std);
    }
}

#[test]
fn log_normal_wealth_is_log_normal() {
    let (mean, std, months) = (0.07_f64, 0.2_f64, 36.0_f64);
    let variance = (1.0 + (std * std / 12.0) / (1.0 + mean / 12.0).powi(2)).ln();
    let (location, scale) =
        (months * ((1.0 + mean / 12.0).ln() - variance / 2.0), (months * variance).sqrt());
    let normal = Normal::new(0.0, 1.0).unwrap();
    for target in [0.8_f64, 1.1, 1.6] {
        let mut request = quiet(1e6, 36, &json!({ "reserveMonths": 0, "returns": { "model": "lognormal" } }));
        request["simulationParams"]["annualReturnMean"] = mean.into();
        request["simulationParams"]["annualReturnStd"] = std.into();
        request["goal"]["targetAmount"] = (1e6 * target).into();
        let expected = 1.0 - normal.cdf((target.ln() - location) / scale);
        let found = answered(&request).success_probability;
        assert_probability(&format!("{target}"), found, expected, SIMULATIONS, f64::INFINITY);
    }
}

#[test]
fn inflation_with_memory_has_the_variance_of_its_sum() {
    // Real wealth that nothing moves is 1 over the price level. y(k) = m + φ (y(k − 1) − m) + ε has
    // Cov(y(j), y(k)) = σ² φ^|j − k|; with a small σ, ln(1 + y) has the same to a thousandth.
    let (std, persistence) = (0.002, 0.7_f64);
    for years in [1, 2, 5, 30_i32] {
        let mut variance = 0.0;
        for lag in 0..years {
            let pairs = f64::from(years - lag) * if lag == 0 { 1.0 } else { 2.0 };
            variance += pairs * std * std * persistence.powi(lag);
        }
        let asymptotic = f64::from(years) * std * std * (1.0 + persistence) / (1.0 - persistence);
        assert!(years < 30 || (variance / asymptotic - 1.0).abs() < 0.15, "{variance}, {asymptotic}");
        let prices = json!({ "prices": { "mean": 0, "std": std, "persistence": persistence } });
        let mut request = quiet(1e6, 12 * years.cast_unsigned(), &prices);
        request["goal"]["dollars"] = "real".into();
        let sums = Sample::new(finals(&request).into_iter().map(|real| (1e6 / real).ln()));
        assert_eq!(sums.len(), SIMULATIONS);
        let bias = f64::from(years) * std * std / 2.0;
        assert_mean("sum", sums.mean() + bias, 0.0, variance.sqrt(), SIMULATIONS, f64::INFINITY);
        // A variance's relative standard error is √(2/n).
        let ratio = sums.std().powi(2) / variance;
        let tolerance = 4.0 * (2.0 / SIMULATIONS as f64).sqrt() + 1e-3;
        assert!((ratio - 1.0).abs() < tolerance, "{years} years: {ratio}");
    }
}

#[test]
fn lifetimes_have_the_median_of_their_distribution() {
    for (age, modal_age, dispersion) in [(65.0_f64, 88.0, 10.0), (30.0, 90.0, 9.0), (95.0, 85.0, 12.0)] {
        let person = json!({ "age": age, "modalAge": modal_age, "dispersion": dispersion });
        let found = answered(&quiet(1.0, 1_200, &json!({ "people": [person] }))).horizon_months.unwrap();
        // P(t > x) = exp(−e^((age − mode)/b) (e^(x/b) − 1)) = 1/2.
        let scale = f64::exp((age - modal_age) / dispersion);
        let median = 12.0 * dispersion * f64::ln_1p(std::f64::consts::LN_2 / scale);
        assert!((f64::from(found.p50) - median.ceil()).abs() <= 1.0, "{age}: {}, not {median}", found.p50);
        let alive = |months: f64| f64::exp(-scale * f64::exp_m1(months / 12.0 / dispersion));
        let mean: f64 = (0..1_200_u32).map(|month| alive(month.into())).sum();
        assert_mean("months", found.mean, mean, 12.0 * 1.3 * dispersion, SIMULATIONS, f64::INFINITY);
    }
}

#[test]
fn an_annuity_pays_what_the_textbook_says() {
    let rule = json!({ "rule": "vpw", "rate": 0.035_153_22 });
    let mut request = quiet(1_000_000.0, 420, &json!({ "reserveMonths": 0, "spendingRule": rule }));
    request["financialProfile"]["monthlySpending"] = 3_000.into();
    let months = replay(&asked(&request), 0).months;
    let year: f64 = months[..12].iter().map(|month| month.spending).sum();
    assert!((year - 48_405.0).abs() < 0.5, "{year}");
    assert!((months[0].spending_multiplier.unwrap() * 36_000.0 - 48_405.0).abs() < 0.5);
}

#[test]
fn rows_and_regimes_come_as_often_as_they_should() {
    let regime = json!({ "mean": 0, "std": 0 });
    let returns = json!({
        "model": "regimes", "calm": regime, "stress": regime, "calmToStress": 0.03, "stressToCalm": 0.12,
    });
    let spec = asked(&quiet(1.0, 60, &json!({ "returns": returns })));
    let n = 2_000;
    let mut stress = [0; 60];
    for index in 0..n {
        for (count, month) in stress.iter_mut().zip(replay(&spec, index).months) {
            *count += usize::from(month.regime.unwrap() == carlo_types::replay::Regime::Stress);
        }
    }
    for month in [0, 1, 30, 59] {
        let share = f64::from(u32::try_from(stress[month]).unwrap()) / n as f64;
        assert_probability("stress", share, 0.2, n as usize, f64::INFINITY);
    }

    let rows: Vec<[f64; 1]> = vec![[0.0]; 97];
    let returns = json!({ "model": "bootstrap", "rows": rows, "meanBlockMonths": 8 });
    let spec = asked(&quiet(1.0, 600, &json!({ "returns": returns })));
    let mut lengths = Vec::new();
    for index in 0..200 {
        let rows: Vec<u32> = replay(&spec, index).months.iter().map(|month| month.row.unwrap()).collect();
        let mut length = 1;
        for pair in rows.windows(2) {
            if pair[1] == (pair[0] + 1) % 97 {
                length += 1;
            } else {
                lengths.push(f64::from(length));
                length = 1;
            }
        }
    }
    // Geometric; one of 97 new blocks continues the last one, and shows no break.
    let breaks: f64 = (1.0 / 8.0) * (96.0 / 97.0);
    let lengths = Sample::new(lengths);
    assert_mean(
        "months of a block",
        lengths.mean(),
        1.0 / breaks,
        1.0 / breaks,
        lengths.len() / 2,
        f64::INFINITY,
    );
    assert_probability("blocks of a month", lengths.share_up_to(1.0), breaks, lengths.len(), f64::INFINITY);
}
