//! The kernel against the model's description: the golden cases, and sums that are known in closed
//! form.

use carlo_kernel::results;
use carlo_types::Draft;
use carlo_types::request::{CardDraft, LoanDraft};
use carlo_types::{JobSpec, Results};

use crate::{golden, level, whole};

fn answer(spec: &JobSpec) -> Results {
    results(spec, &whole(spec, level()))
}

#[test]
fn the_golden_cases_agree() {
    for case in golden::cases() {
        let n = 1_000_000.0;
        let results = answer(&case.spec(1_000_000, 20_261_121));
        let p = case.success_probability;
        let tolerance = 4.0 * (case.standard_error.powi(2) + p * (1.0 - p) / n).sqrt();
        let apart = (results.success_probability - p).abs();
        assert!(apart <= tolerance, "{}: probability {apart} apart, more than {tolerance}", case.name);

        let tolerance = 4.0 * case.std * (1.0 / case.simulations + 1.0 / n).sqrt();
        let apart = (results.mean - case.mean).abs();
        assert!(apart <= tolerance, "{}: mean {apart} apart, more than {tolerance}", case.name);
        assert!((results.std / case.std - 1.0).abs() < 0.01, "{}: std {}", case.name, results.std);
        for (found, expected) in results.percentiles.iter().zip(case.percentiles) {
            assert!((found - expected).abs() < 0.02 * case.std, "{}: {found} for {expected}", case.name);
        }
    }
}

/// A request without chance.
fn certain(months: u64) -> Draft {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(50_000.0);
    draft.profile.monthly_spending = Some(3_000.0);
    draft.profile.credit_debt = Some(4_000.0);
    draft.profile.monthly_loan_payments = Some(300.0);
    draft.inputs.monthly_income = Some(5_000.0);
    draft.goal.target_amount = Some(1.0);
    draft.goal.timeline_months = Some(months);
    let params = &mut draft.params;
    params.n_simulations = Some(5_000);
    params.annual_return_mean = Some(0.0);
    params.inflation_rate = Some(0.0);
    params.annual_raise_mean = Some(0.0);
    params.promotion_raise_mean = Some(0.0);
    for volatility in [
        &mut params.annual_return_std,
        &mut params.inflation_volatility,
        &mut params.income_volatility,
        &mut params.expense_volatility,
        &mut params.annual_raise_volatility,
        &mut params.promotion_raise_volatility,
        &mut params.emergency_probability,
        &mut params.promotion_probability,
    ] {
        *volatility = Some(0.0);
    }
    draft
}

/// Asserts that every simulation of the draft's job ends with `balance` dollars.
fn always_ends_with(draft: &Draft, balance: f64) {
    let results = answer(&draft.check(1).unwrap());
    let tolerance = 1e-5 * balance.abs();
    let numbers = [results.worst_case, results.best_case, results.mean];
    for number in numbers.into_iter().chain(results.percentiles) {
        assert!((number - balance).abs() <= tolerance, "{number}, not {balance}");
    }
    assert!(results.std <= tolerance, "{}", results.std);
    assert_eq!(results.worst_case, results.best_case);
    let reached = f64::from(u8::from(balance >= draft.goal.target_amount.unwrap()));
    assert_eq!(results.success_probability, reached);
}

#[test]
fn savings_without_chance_are_a_sum() {
    for months in [1, 5, 6, 11, 12, 36, 480, 1200] {
        let balance =
            50_000.0 - 4_000.0 + (5_000.0 - 3_000.0 - 300.0) * f64::from(u32::try_from(months).unwrap());
        always_ends_with(&certain(months), balance);
    }
}

#[test]
fn inflation_without_chance_is_a_geometric_series() {
    let mut draft = certain(240);
    draft.params.inflation_rate = Some(0.03);
    let growth = 1.0 + 0.03 / 12.0;
    let spent = 3_000.0 * growth * (f64::powi(growth, 240) - 1.0) / (growth - 1.0);
    always_ends_with(&draft, 46_000.0 + 240.0 * 4_700.0 - spent);
}

#[test]
fn a_market_without_chance_compounds_what_is_above_the_reserve() {
    let mut draft = certain(120);
    draft.params.annual_return_mean = Some(0.06);
    // b' = b + (b − reserve) · 0.005 + 1,700, so b − reserve + 340,000 grows by 0.5 % a month.
    let growth = f64::powi(1.005, 120);
    always_ends_with(&draft, (46_000.0 - 18_000.0 + 340_000.0) * growth - 340_000.0 + 18_000.0);
}

#[test]
fn raises_come_with_the_twelfth_month_and_promotions_with_the_sixth() {
    let mut draft = certain(24);
    draft.params.annual_raise_mean = Some(0.1);
    // Eleven months of the first income, twelve of the second, one of the third.
    always_ends_with(&draft, 46_000.0 - 24.0 * 3_300.0 + 5_000.0 * (11.0 + 12.0 * 1.1 + 1.21));
    draft.params.promotion_probability = Some(1.0);
    draft.params.promotion_raise_mean = Some(0.2);
    let halves = [1.0, 1.2, 1.2 * 1.32, 1.44 * 1.32, 1.44 * 1.32 * 1.32];
    let income = 5_000.0
        * (5.0 * halves[0]
            + 6.0 * halves[1]
            + 6.0 * halves[2]
            + 6.0 * halves[2] * 1.2
            + halves[2] * 1.2 * 1.32);
    always_ends_with(&draft, 46_000.0 - 24.0 * 3_300.0 + income);
}

#[test]
fn an_emergency_of_every_month_is_a_bill() {
    let mut draft = certain(30);
    draft.params.emergency_probability = Some(1.0);
    (draft.params.emergency_min, draft.params.emergency_max) = (Some(700.0), Some(700.0));
    always_ends_with(&draft, 46_000.0 + 30.0 * 1_000.0);
}

#[test]
fn cards_and_loans_take_their_payments_until_they_are_paid() {
    let mut draft = certain(12);
    draft.params.use_account_aware_simulation = Some(true);
    let card = |balance, apr, payment| CardDraft {
        id: None,
        balance: Some(balance),
        apr: Some(apr),
        minimum_payment: Some(payment),
    };
    draft.params.credit_cards = vec![card(1_000.0, 24.0, 0.0), card(500.0, 0.0, 100.0)];
    draft.params.loans = vec![LoanDraft {
        id: None,
        balance: Some(9_000.0),
        interest_rate: Some(0.0),
        monthly_payment: Some(1_000.0),
    }];
    // The first card grows by 2 % a month; the second and the loan are paid off in 5 and 9 months.
    always_ends_with(&draft, 50_000.0 + 12.0 * 2_000.0 - 500.0 - 9_000.0 - 1_000.0 * f64::powi(1.02, 12));
}
