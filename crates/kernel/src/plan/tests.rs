use super::*;

#[test]
fn certain_coins_always_come_and_impossible_ones_never() {
    for uniform in [0, 1, 1 << 23, (1 << 24) - 1] {
        assert!(Bernoulli::new(1.0).succeeds(uniform) && !Bernoulli::new(0.0).succeeds(uniform));
    }
    assert_eq!(Bernoulli::new(0.5).below, 1 << 23);
}

#[test]
fn an_account_pays_what_is_owed_and_no_more() {
    let account = Account { balance: 1_000.0, yearly_rate_percent: 12.0, monthly_payment: 600.0 };
    let mut balances = [1_000.0];
    assert_eq!(pay(std::slice::from_ref(&account), &mut balances).paid, 600.0);
    assert!((balances[0] - 410.0).abs() < 1e-9);
    assert!((pay(std::slice::from_ref(&account), &mut balances).paid - 414.1).abs() < 1e-9);
    assert_eq!(pay(std::slice::from_ref(&account), &mut balances).paid, 0.0);
}

#[test]
fn a_debt_that_only_grows_stays_a_number() {
    let account = Account { balance: 1e12, yearly_rate_percent: 1e12, monthly_payment: 0.0 };
    let mut balances = [1e12];
    (0..1200).for_each(|_| assert_eq!(pay(std::slice::from_ref(&account), &mut balances).paid, 0.0));
    assert_eq!(balances, [f64::from(MONEY_BOUND)]);
}
