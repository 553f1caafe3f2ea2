//! Plans without chance, exact to the cent: compared with sums of whole cents, and with the model
//! in double precision where rates compound.

use carlo_kernel::{Job, reference, results};
use carlo_types::{Draft, JobSpec};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{level, whole};

/// A plan with only these numbers, for a few simulations.
fn plain(liquid: f64, income: f64, spending: f64, months: u64, target: f64) -> Draft {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(liquid);
    draft.profile.monthly_spending = Some(spending);
    draft.inputs.monthly_income = Some(income);
    draft.goal.target_amount = Some(target);
    draft.goal.timeline_months = Some(months);
    let params = &mut draft.params;
    params.n_simulations = Some(200);
    for rate in [
        &mut params.annual_return_mean,
        &mut params.annual_return_std,
        &mut params.inflation_rate,
        &mut params.inflation_volatility,
        &mut params.income_volatility,
        &mut params.expense_volatility,
        &mut params.emergency_probability,
        &mut params.annual_raise_mean,
        &mut params.annual_raise_volatility,
        &mut params.promotion_probability,
        &mut params.promotion_raise_mean,
        &mut params.promotion_raise_volatility,
    ] {
        *rate = Some(0.0);
    }
    draft
}

fn spec(draft: &Draft) -> JobSpec {
    draft.check(1).unwrap()
}

fn probability(draft: &Draft) -> f64 {
    let spec = spec(draft);
    results(&spec, &whole(&spec, level())).success_probability
}

#[test]
fn a_goal_that_is_met_to_the_cent_is_met() {
    let cases = [
        plain(0.0, 201.01, 0.0, 36, 7_236.36),
        plain(2e6, 1_000.0, 999.95, 1_200, 2_000_060.0),
        plain(1e9, 30.0, 0.0, 1_200, 1_000_036_000.0),
        plain(0.0, 1e10, 5e9, 6, 29_999_998_000.0),
        plain(0.0, 0.01, 0.0, 1, 0.01),
    ];
    for draft in cases {
        assert_eq!(probability(&draft), 1.0, "{:?}", draft.goal);
    }
}

#[test]
fn a_goal_that_is_missed_by_more_than_the_tolerance_is_missed() {
    // Half a cent, or a millionth of the target.
    for draft in [
        plain(0.0, 201.01, 0.0, 36, 7_236.38),
        plain(0.0, 100.0, 0.0, 12, 1_200.02),
        plain(2e6, 1_000.0, 999.95, 1_200, 2_000_063.0),
    ] {
        assert_eq!(probability(&draft), 0.0, "{:?}", draft.goal);
    }
}

#[test]
fn a_billion_and_thirty_dollars_a_month_arrive() {
    let spec = spec(&plain(1e9, 30.0, 0.0, 1_200, 1.0));
    assert_eq!(Job::new(&spec, level()).final_balances(0)[0], 1_000_036_000.0);
}

/// Random plans in cents, with a target that is met exactly.
#[test]
fn sums_of_cents_are_met() {
    const SEED: u64 = 20_261_128;
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for plan in 0..300 {
        let scale = 10_i64.pow(random.random_range(3..9));
        let mut cents = || random.random_range(0..scale);
        let (mut liquid, income, other) = (cents(), cents(), cents());
        let months = random.random_range(1..=1_200_i64);
        // Nothing is spent, or less than comes in, or more, so that little is left of the assets.
        let spending = match plan % 3 {
            0 => 0,
            1 => other.min(income),
            _ => other.max(income),
        };
        if spending > income {
            liquid = liquid / 100 + months * (spending - income);
        }
        let balance = liquid + months * (income - spending);
        if balance == 0 {
            continue;
        }
        let dollars = |cents: i64| cents as f64 / 100.0;
        let draft = plain(
            dollars(liquid),
            dollars(income),
            dollars(spending),
            months.cast_unsigned(),
            dollars(balance),
        );
        assert_eq!(probability(&draft), 1.0, "seed {SEED}, plan {plan}: {draft:?}");
        let found = f64::from(Job::new(&spec(&draft), level()).final_balances(0)[0]);
        let off = (found - dollars(balance)).abs();
        assert!(off <= (1e-7 * dollars(balance)).max(2e-3), "seed {SEED}, plan {plan}: {off}");
    }
}

/// Random plans without chance, with returns, inflation, raises, certain promotions and emergencies
/// of one size: within the tolerance of double precision.
#[test]
fn compounded_plans_without_chance_keep_to_the_tolerance() {
    const SEED: u64 = 20_261_129;
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for plan in 0..300 {
        let months = random.random_range(1..=1_200);
        let income: f64 = random.random_range(1_000.0..20_000.0);
        let spending = income * random.random_range(0.3..1.1);
        let mut draft = plain(random.random_range(0.0..3e6), income, spending, months, 1.0);
        let params = &mut draft.params;
        params.annual_return_mean = Some(random.random_range(0.0..0.1));
        params.inflation_rate = Some(random.random_range(0.0..0.04));
        params.annual_raise_mean = Some(random.random_range(0.0..0.04));
        params.promotion_probability = Some(f64::from(plan % 2));
        params.promotion_raise_mean = Some(random.random_range(0.0..0.02));
        params.emergency_probability = Some(f64::from(plan % 3 % 2));
        let emergency = Some(random.random_range(0.0..500.0));
        (params.emergency_min, params.emergency_max) = (emergency, emergency);
        let spec = spec(&draft);
        let exact = reference::final_balance_f64(&spec, 0);
        let found = Job::new(&spec, level()).final_balances(0);
        assert!(found.iter().all(|x| x == &found[0]), "seed {SEED}, plan {plan}");
        let off = (f64::from(found[0]) - exact).abs();
        assert!(off <= (1e-6 * exact.abs()).max(0.005), "seed {SEED}, plan {plan}: {off} of {exact}");
    }
}
