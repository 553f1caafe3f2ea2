use super::*;
use carlo_types::request::plan::{Asset, GlidePoint};

fn flow(kind: FlowKind, amount: f64, months: std::ops::Range<u32>) -> Flow {
    Flow {
        id: None,
        kind,
        amount,
        from: months.start,
        until: Some(months.end),
        every_months: 1,
        index: FlowIndex::None,
        annual_growth: 0.0,
        person: None,
        survivor_share: 0.0,
    }
}

fn portfolio(glide_path: Vec<GlidePoint>) -> Portfolio {
    let asset = |mean, std| Asset { id: String::new(), mean: Some(mean), std: Some(std) };
    Portfolio {
        assets: vec![asset(0.08, 0.2), asset(0.03, 0.1)],
        correlation: Vec::new(),
        annual_fee: 0.01,
        glide_path,
    }
}

#[test]
fn flows_add_up_by_index_and_by_life() {
    let flows = [
        flow(FlowKind::Income, 100.0, 2..4),
        Flow { every_months: 3, ..flow(FlowKind::Spending, 30.0, 1..12) },
        Flow {
            person: Some(1),
            survivor_share: 0.6,
            index: FlowIndex::Prices,
            ..flow(FlowKind::Income, 50.0, 0..9)
        },
        Flow { person: Some(0), index: FlowIndex::Wages, ..flow(FlowKind::Income, 7.0, 0..9) },
    ];
    let sums = |month| flow_sums(&flows, month);
    assert_eq!(sums(0).map(|sums| sums.fixed), [0.0; 3]);
    assert_eq!(sums(1).map(|sums| sums.fixed), [-30.0; 3]);
    assert_eq!(sums(3).map(|sums| sums.fixed), [100.0; 3]);
    assert_eq!(sums(4).map(|sums| sums.fixed), [-30.0; 3]);
    assert_eq!(sums(5).map(|sums| sums.prices), [50.0, 30.0, 50.0]);
    assert_eq!(sums(5).map(|sums| sums.wages), [7.0, 7.0, 0.0]);
    assert_eq!(sums(9), [FlowSums::default(); 3]);
}

#[test]
fn a_flow_grows_by_the_month() {
    let flows = [Flow { annual_growth: 0.21, ..flow(FlowKind::Income, 1_000.0, 6..19) }];
    for (month, expected) in [(6, 1_100.0), (18, 1_331.0)] {
        assert!((flow_sums(&flows, month)[0].fixed - expected).abs() < 1e-9);
    }
    let gone = [Flow { annual_growth: -1.0, ..flow(FlowKind::Income, 1_000.0, 0..19) }];
    assert_eq!(flow_sums(&gone, 0)[0].fixed, 1_000.0);
    assert_eq!(flow_sums(&gone, 1)[0].fixed, 0.0);
}

#[test]
fn weights_glide_between_their_points() {
    let point = |month, stocks| GlidePoint { month, weights: vec![stocks, 1.0 - stocks] };
    assert_eq!(weights(&portfolio(Vec::new()), 7), [0.5, 0.5]);
    let path = portfolio(vec![point(10, 1.0), point(20, 0.5), point(40, 0.0)]);
    for (month, stocks) in [(0, 1.0), (10, 1.0), (15, 0.75), (20, 0.5), (30, 0.25), (40, 0.0), (99, 0.0)] {
        assert!((weights(&path, month)[0] - stocks).abs() < 1e-12, "month {month}");
    }
}

#[test]
fn a_portfolio_has_the_moments_of_its_parts() {
    let [mean, std] = portfolio_moments(&portfolio(Vec::new()), 0);
    assert!((mean - 0.045).abs() < 1e-15);
    assert!((std - f64::sqrt(0.01 + 0.0025)).abs() < 1e-15);
    let hedged = Portfolio { correlation: vec![vec![1.0, -1.0], vec![-1.0, 1.0]], ..portfolio(Vec::new()) };
    assert!((portfolio_moments(&hedged, 0)[1] - 0.05).abs() < 1e-15);
}

#[test]
fn a_log_normal_factor_has_the_moments_that_were_asked_for() {
    for (mean, std) in [(0.07, 0.15), (-0.5, 0.4), (1.0, 2.0), (0.0, 0.0)] {
        let [location, scale] = lognormal(mean, std);
        let expected = f64::exp(location + scale * scale / 2.0);
        let variance = f64::exp_m1(scale * scale) * expected * expected;
        assert!((expected - (1.0 + mean / 12.0)).abs() < 1e-12);
        assert!((variance - std * std / 12.0).abs() < 1e-12);
    }
}

#[test]
fn an_annuity_pays_what_the_textbook_says() {
    assert!((annuity_share(0.035_153_22, 35) * 1e6 - 48_405.0).abs() < 0.5);
    assert_eq!(annuity_share(0.0, 25), 0.04);
    assert!((annuity_share(0.05, 1) - 1.0).abs() < 1e-12);
}

#[test]
fn planned_inflation_returns_to_its_mean() {
    let prices = Prices { mean: 0.02, std: 0.01, persistence: 0.5, start: Some(0.1) };
    for (year, expected) in [(0, 0.06), (1, 0.04), (2, 0.03)] {
        assert!((planned_inflation(&prices, year) - expected).abs() < 1e-15);
    }
    assert_eq!(planned_inflation(&Prices { start: None, ..prices }, 9), 0.02);
    assert!(((1.0 + monthly_rate(0.06)).powi(12) - 1.06).abs() < 1e-14);
}

#[test]
fn lives_end_as_gompertz_says() {
    let person = Person { age: 65.0, modal_age: 88.0, dispersion: 10.0 };
    assert_eq!(alive(&person, 0), 1.0);
    let median = 10.0 * f64::ln(1.0 + std::f64::consts::LN_2 * f64::exp(2.3)) * 12.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundred months")]
    let before = median as u32;
    assert!(alive(&person, before) > 0.5 && alive(&person, before + 1) < 0.5);
    assert!(alive(&Person { age: 120.0, modal_age: 50.0, dispersion: 1.0 }, 1) < 1e-9);
}
