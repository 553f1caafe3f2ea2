//! What a month does to a household, in each lane.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::draws::{Draws, MONTHS, WORDS};
use crate::lanes::{Lanes, Several};
use crate::normals::normals;
use crate::plan::{MONEY_BOUND, Plan};

/// A household in each lane.
#[derive(Clone, Copy)]
pub(crate) struct Household<L: Lanes> {
    pub(crate) balance: L::Float,
    income: L::Float,
    spending: L::Float,
    /// The variance of a month's income: it changes with events alone.
    variance: L::Float,
    reserve: L::Float,
}

/// What chance decides of a half year, for every household alike.
pub(crate) struct Luck<L: Lanes> {
    /// By how much each month's spending grows.
    inflation: [L::Float; MONTHS],
    /// The normals that move cash.
    cash: [L::Float; MONTHS],
    /// What emergencies cost.
    emergency: [L::Float; MONTHS],
    /// The promotion's coin.
    coin: L::Word,
    /// The promotion's normal.
    promotion: L::Float,
    /// The raise's normal.
    raise: L::Float,
}

impl<L: Lanes> Luck<L> {
    /// From a half year's words. Four draws' normals are made step by step, then three: the chains of a logarithm and a root are
    /// long, and registers are few.
    #[inline(always)]
    pub(crate) fn new(lanes: L, plan: &Plan, words: &[L::Word; WORDS]) -> Self {
        let draws = Draws::new(lanes, words);
        let [r0, r1, r2, r3, r4, r5, r6] = draws.radius;
        let [a0, a1, a2, a3, a4, a5, a6] = draws.angle;
        let (a, c) = normals(Several::<L, 4>(lanes), [r0, r1, r2, r3], [a0, a1, a2, a3]);
        let (b, d) = normals(Several::<L, 3>(lanes), [r4, r5, r6], [a4, a5, a6]);
        let first = [a[0], a[1], a[2], a[3], b[0], b[1], b[2]];
        let second = [c[0], c[1], c[2], c[3], d[0], d[1], d[2]];
        let [mut inflation, mut cash, mut emergency] = [[lanes.float(0.0); MONTHS]; 3];
        for i in 0..MONTHS {
            inflation[i] =
                lanes.fma(first[i], lanes.float(plan.inflation_std), lanes.float(plan.inflation_mean));
            cash[i] = second[i];
            let word = draws.emergency[i];
            let falls = lanes.at_most(word, lanes.word(plan.emergency.at_most.cast_unsigned()));
            let (step, base) = (lanes.float(plan.emergency_step), lanes.float(plan.emergency_base));
            emergency[i] = lanes.fma_where(falls, lanes.signed(word), step, base);
        }
        let (promotion, raise) = (first[MONTHS], second[MONTHS]);
        Self { inflation, cash, emergency, promotion, raise, coin: draws.promotion }
    }
}

impl<L: Lanes> Household<L> {
    /// A household as it begins, by the plan's `start`-th start.
    #[inline(always)]
    pub(crate) fn new(lanes: L, plan: &Plan, start: usize) -> Self {
        let start = &plan.starts[start];
        let income = lanes.float(start.income);
        Self {
            balance: lanes.float(plan.balance),
            income,
            spending: lanes.float(start.spending),
            variance: variance(lanes, plan, income),
            reserve: lanes.float(start.reserve),
        }
    }

    /// The `i`-th month of a half year.
    #[inline(always)]
    pub(crate) fn month(&self, lanes: L, plan: &Plan, luck: &Luck<L>, i: usize, payment: f32) -> Self {
        let spending = lanes.fma(self.spending, luck.inflation[i], self.spending);

        let invested = lanes.max(lanes.sub(self.balance, self.reserve), lanes.float(0.0));
        let expense_std = lanes.mul(spending, lanes.float(plan.expense_std));
        let return_std = lanes.mul(invested, lanes.float(plan.return_std));
        let variance = lanes.fma(expense_std, expense_std, self.variance);
        let std = lanes.sqrt(lanes.fma(return_std, return_std, variance));

        let cash = lanes.sub(lanes.sub(self.income, lanes.float(payment)), spending);
        let cash = lanes.sub(cash, luck.emergency[i]);
        let cash = lanes.fma(invested, lanes.float(plan.return_mean), cash);
        let cash = lanes.fma(std, luck.cash[i], cash);
        Self { balance: lanes.add(self.balance, cash), spending, ..*self }
    }

    /// What comes every half year: money is held within its bound, and income may rise.
    #[inline(always)]
    pub(crate) fn event(&self, lanes: L, plan: &Plan, luck: &Luck<L>, end_of_year: bool) -> Self {
        let mut income = self.income;
        if end_of_year {
            let raise = lanes.fma(luck.raise, lanes.float(plan.raise_std), lanes.float(plan.raise_mean));
            income = lanes.fma(income, raise, income);
        }
        let raise =
            lanes.fma(luck.promotion, lanes.float(plan.promotion_std), lanes.float(plan.promotion_mean));
        let promoted = lanes.fma(income, raise, income);
        let falls = lanes.at_most(luck.coin, lanes.word(plan.promotion.at_most.cast_unsigned()));
        income = bounded(lanes, lanes.select(falls, promoted, income));
        Self {
            balance: bounded(lanes, self.balance),
            spending: bounded(lanes, self.spending),
            income,
            variance: variance(lanes, plan, income),
            reserve: self.reserve,
        }
    }
}

/// The variance of a month's income.
#[inline(always)]
fn variance<L: Lanes>(lanes: L, plan: &Plan, income: L::Float) -> L::Float {
    let std = lanes.mul(income, lanes.float(plan.income_std));
    lanes.mul(std, std)
}

/// `x`, held within ±[`MONEY_BOUND`].
#[inline(always)]
fn bounded<L: Lanes>(lanes: L, x: L::Float) -> L::Float {
    lanes.min(lanes.max(x, lanes.float(-MONEY_BOUND)), lanes.float(MONEY_BOUND))
}
