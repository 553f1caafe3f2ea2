//! Replays one simulation of a plan, month by month, for display.

use carlo_types::replay::Regime;
use carlo_types::{Replay, ReplayMonth};

use super::reference::{Month, Outcome, walk};
use super::rules::NEVER;
use super::{Inflation, Lifetime};
use crate::reference::{Stream, split, splits};

/// Simulation `index` of a job with this seed.
pub(crate) fn replay(seed: u64, plan: &Lifetime, index: u64) -> Replay {
    let mut stream = Stream::new(seed, index);
    let mut months = Vec::with_capacity(plan.months());
    let outcome = walk(seed, plan, index, |month| {
        let words = splits(&mut stream, months.len());
        months.push(replayed(months.len(), &month, plan, words));
    });
    let Outcome { final_balance, first_short, .. } = outcome;
    let was_short = plan.never_short && first_short < NEVER;
    Replay {
        index,
        starting_balance: plan.plan.balance.map(f64::from).iter().sum(),
        months,
        owed: plan.plan.owed[plan.months()].into(),
        final_balance: final_balance.into(),
        succeeded: final_balance >= plan.plan.threshold && !was_short,
    }
}

/// A month, with its cash split into its terms.
fn replayed(before: usize, month: &Month, plan: &Lifetime, words: [u32; 16]) -> ReplayMonth {
    let Month { income, spending, flows, interest, payment, invested, rate, .. } = *month;
    let expected = invested * rate;
    let emergency = month.emergency.unwrap_or(0.0);
    let certain = income - spending + flows - payment - emergency + interest + expected;
    // This includes what single precision has rounded away: fractions of a cent.
    let sum = month.balance - month.before - certain;
    let [income_noise, saved, market] = split(sum, month.stds, words);
    let people = plan.alive.len();
    let moves_prices = plan.is_real || !matches!(plan.inflation, Inflation::Monthly);
    ReplayMonth {
        month: u32::try_from(before + 1).expect("at most the timeline"),
        income,
        income_noise,
        spending,
        expense_noise: -saved,
        emergency: month.emergency,
        market_return: expected + market,
        payment,
        annual_raise: month.annual_raise,
        promotion_raise: month.promotion_raise,
        balance: month.balance,
        flows: plan.has_flows().then_some(flows),
        interest: (interest != 0.0).then_some(interest),
        spending_multiplier: plan.rule.is_some().then_some(month.multiplier),
        price_level: moves_prices.then_some(month.price_level),
        regime: month.is_stress.map(|stress| if stress { Regime::Stress } else { Regime::Calm }),
        row: month.row,
        lives: month.lives[..people].to_vec(),
        real_balance: plan.is_real.then_some(month.shown),
    }
}
