use carlo_types::Draft;
use carlo_types::JobSpec;
use carlo_types::request::{CardDraft, LoanDraft};
use proptest::prelude::*;

use super::*;
use crate::level::Level;
use crate::plan::reach;
use crate::reference;

/// A sum of money: mostly a household's, sometimes the largest that a request may hold.
fn money() -> impl Strategy<Value = f64> {
    prop_oneof![8 => 0.0..1e5, 1 => Just(0.0), 1 => 0.0..1e12, 1 => Just(1e12)]
}

/// A number within a range, or one of its ends.
fn rate(low: f64, high: f64) -> impl Strategy<Value = f64> {
    prop_oneof![6 => low..high, 1 => Just(low), 1 => Just(high), 1 => Just(0.0)]
}

fn card() -> impl Strategy<Value = CardDraft> {
    (money(), prop_oneof![3 => 0.0..40.0, 1 => Just(1e12)], money()).prop_map(|(balance, apr, payment)| {
        CardDraft { id: None, balance: Some(balance), apr: Some(apr), minimum_payment: Some(payment) }
    })
}

fn loan() -> impl Strategy<Value = LoanDraft> {
    card().prop_map(|card| LoanDraft {
        id: None,
        balance: card.balance,
        interest_rate: card.apr,
        monthly_payment: card.minimum_payment,
    })
}

/// Any request at all.
fn draft() -> impl Strategy<Value = Draft> {
    let months = prop_oneof![3 => 1..50_u64, 1 => 1..=1200_u64, 1 => Just(1200)];
    let household = (money(), money(), money(), money(), money());
    let market = (rate(-1.0, 1.0), rate(0.0, 2.0), rate(-0.5, 1.0), rate(0.0, 1.0));
    let cash = (rate(0.0, 2.0), rate(0.0, 2.0), rate(0.0, 1.0), money(), money());
    let career = (rate(-1.0, 1.0), rate(0.0, 1.0), rate(0.0, 1.0), rate(-1.0, 1.0), rate(0.0, 1.0));
    let accounts =
        (any::<bool>(), proptest::collection::vec(card(), 0..4), proptest::collection::vec(loan(), 0..4));
    (months, household, market, cash, career, accounts).prop_map(
        |(months, household, market, cash, career, (account_aware, cards, loans))| {
            let mut draft = Draft::default();
            draft.profile.liquid_assets = Some(household.0);
            draft.profile.monthly_spending = Some(household.1);
            draft.profile.credit_debt = Some(household.2);
            draft.profile.monthly_loan_payments = Some(household.3);
            draft.inputs.monthly_income = Some(household.4);
            draft.goal.target_amount = Some(1e5);
            draft.goal.timeline_months = Some(months);
            let params = &mut draft.params;
            params.annual_return_mean = Some(market.0);
            params.annual_return_std = Some(market.1);
            params.inflation_rate = Some(market.2);
            params.inflation_volatility = Some(market.3);
            params.income_volatility = Some(cash.0);
            params.expense_volatility = Some(cash.1);
            params.emergency_probability = Some(cash.2);
            params.emergency_min = Some(cash.3.min(cash.4));
            params.emergency_max = Some(cash.3.max(cash.4));
            params.annual_raise_mean = Some(career.0);
            params.annual_raise_volatility = Some(career.1);
            params.promotion_probability = Some(career.2);
            params.promotion_raise_mean = Some(career.3);
            params.promotion_raise_volatility = Some(career.4);
            params.use_account_aware_simulation = Some(account_aware);
            params.credit_cards = cards;
            params.loans = loans;
            draft
        },
    )
}

/// Simulations that are compared: no whole number of registers.
const COUNT: usize = 155;

/// Final balances of the simulations from `first` on.
fn walked(spec: &JobSpec, level: Level, first: u64) -> Vec<f32> {
    let plan = Plan::new(spec);
    let mut finals = vec![f32::NAN; COUNT];
    level.run(Walk {
        plan: &plan,
        first,
        finals: &mut finals,
        scenarios: &mut [],
        observed: &[],
        observation: Observation::None,
    });
    finals
}

/// The household of the example, with a timeline.
fn household(months: u64) -> Draft {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(13_500.0);
    draft.profile.monthly_spending = Some(3_200.0);
    draft.inputs.monthly_income = Some(5_000.0);
    draft.goal.target_amount = Some(70_000.0);
    draft.goal.timeline_months = Some(months);
    draft
}

#[test]
fn limits_are_out_of_reach_for_years_unless_amounts_or_volatilities_are_huge() {
    let without = |draft: Draft| Plan::new(&draft.check(1).unwrap()).without_limits;
    // Chance would have to multiply the assets by 10^10, and wages by as much.
    let usual = without(household(600));
    assert!((8..20).contains(&usual.balances) && usual.economy > 50, "{usual:?}");
    let mut rich = household(600);
    rich.profile.liquid_assets = Some(1e12);
    assert!((1..8).contains(&without(rich).balances));
    let mut wild = household(600);
    wild.params.annual_return_std = Some(2.0);
    assert!((1..8).contains(&without(wild).balances));
    let mut inflated = household(1200);
    inflated.params.inflation_volatility = Some(1.0);
    assert!((1..20).contains(&without(inflated).economy));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_balance_gets_beyond_its_reach(draft in draft(), seed: u64, months in 1..=60_u64) {
        let mut draft = draft;
        draft.goal.timeline_months = Some(months);
        let spec = draft.check(seed).unwrap();
        let plan = Plan::new(&spec);
        // Final balances are less what is owed on cards.
        let most = reach::tests::balance_after(&plan, plan.months) + f64::from(plan.owed[plan.months]);
        for balance in walked(&spec, Level::available()[0], 0) {
            prop_assert!(f64::from(balance.abs()) <= most, "{balance} beyond {most}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_level_gives_the_bits_of_the_reference(
        draft in draft(),
        seed: u64,
        first in prop_oneof![0..100_u64, Just((1_u64 << 32) - COUNT as u64), Just(1_u64 << 32), 0..1_u64 << 39],
    ) {
        let spec = draft.check(seed).unwrap();
        let levels: Vec<_> =
            Level::available().into_iter().map(|level| (level, walked(&spec, level, first))).collect();
        for lane in (0..COUNT).step_by(7) {
            let expected = reference::final_balance(&spec, first + lane as u64);
            prop_assert!(expected.is_finite());
            for (level, finals) in &levels {
                prop_assert_eq!(finals[lane].to_bits(), expected.to_bits(), "{} lane {}: {} for {}", level, lane, finals[lane], expected);
            }
        }
        for (level, finals) in &levels {
            prop_assert_eq!(finals, &levels[0].1, "{}", level);
            prop_assert!(finals.iter().all(|x| x.is_finite()));
        }
    }
}
