//! What a month does to a household, in each lane.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::lanes::Lanes;
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

/// What chance decides of a month.
#[derive(Clone, Copy)]
pub(crate) struct Luck<L: Lanes> {
    /// The normal that moves spending.
    pub(crate) spending: L::Float,
    /// The normal that moves cash.
    pub(crate) cash: L::Float,
    /// The emergency's word, without its sign bit.
    pub(crate) emergency: L::Word,
}

/// What chance decides of a half year.
pub(crate) struct Event<L: Lanes> {
    /// The promotion's word, without its sign bit.
    pub(crate) coin: L::Word,
    /// The promotion's normal.
    pub(crate) promotion: L::Float,
    /// The raise's normal, at the end of a year.
    pub(crate) raise: Option<L::Float>,
}

impl<L: Lanes> Luck<L> {
    /// A place for luck to come.
    #[inline(always)]
    pub(crate) fn none(lanes: L) -> Self {
        Self { spending: lanes.float(0.0), cash: lanes.float(0.0), emergency: lanes.word(0) }
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

    /// One month.
    #[inline(always)]
    pub(crate) fn month(&self, lanes: L, plan: &Plan, luck: &Luck<L>, payment: f32) -> Self {
        let inflation =
            lanes.fma(luck.spending, lanes.float(plan.inflation_std), lanes.float(plan.inflation_mean));
        let spending = lanes.fma(self.spending, inflation, self.spending);

        let invested = lanes.max(lanes.sub(self.balance, self.reserve), lanes.float(0.0));
        let expense_std = lanes.mul(spending, lanes.float(plan.expense_std));
        let return_std = lanes.mul(invested, lanes.float(plan.return_std));
        let variance = lanes.fma(expense_std, expense_std, self.variance);
        let std = lanes.sqrt(lanes.fma(return_std, return_std, variance));

        let cash = lanes.sub(lanes.sub(self.income, lanes.float(payment)), spending);
        let falls = lanes.at_most(luck.emergency, lanes.word(plan.emergency.at_most.cast_unsigned()));
        let (step, base) = (lanes.float(plan.emergency_step), lanes.float(plan.emergency_base));
        let cash = lanes.sub(cash, lanes.fma_where(falls, lanes.signed(luck.emergency), step, base));
        let cash = lanes.fma(invested, lanes.float(plan.return_mean), cash);
        let cash = lanes.fma(std, luck.cash, cash);
        Self { balance: lanes.add(self.balance, cash), spending, ..*self }
    }

    /// What comes every half year: money is held within its bound, and income may rise.
    #[inline(always)]
    pub(crate) fn event(&self, lanes: L, plan: &Plan, event: &Event<L>) -> Self {
        let mut income = self.income;
        if let Some(raise) = event.raise {
            let raise = lanes.fma(raise, lanes.float(plan.raise_std), lanes.float(plan.raise_mean));
            income = lanes.fma(income, raise, income);
        }
        let raise =
            lanes.fma(event.promotion, lanes.float(plan.promotion_std), lanes.float(plan.promotion_mean));
        let promoted = lanes.fma(income, raise, income);
        let falls = lanes.at_most(event.coin, lanes.word(plan.promotion.at_most.cast_unsigned()));
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
