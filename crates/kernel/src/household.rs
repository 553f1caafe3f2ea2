//! What a month does to a household, in each lane.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::draws::{Draws, MONTHS};
use crate::keystream::WORDS;
use crate::lanes::{Lanes, Several};
use crate::normals::{Axes, Polar};
use crate::plan::{MONEY_BOUND, Outgoings, Plan};

/// A household in each lane.
#[derive(Clone, Copy)]
pub(crate) struct Household<L: Lanes> {
    /// The balance less the reserve, which stays what it is.
    pub(crate) above: L::Float,
    income: L::Float,
    /// The standard deviation of a month's spending, which is spending times its volatility: nothing else of it is needed.
    spending_std: L::Float,
    /// The variance of a month's income: it changes with events alone.
    variance: L::Float,
}

/// What chance and the schedule decide of a half year, for every household alike.
pub(crate) struct Luck<L: Lanes> {
    /// By how much each month's spending grows.
    inflation: [L::Float; MONTHS],
    /// The normals that move cash: the squared radius of two months' pair, the same times the variance of returns, and either
    /// month's part of the direction.
    square: [L::Float; MONTHS / 2],
    return_square: [L::Float; MONTHS / 2],
    direction: [L::Float; MONTHS],
    /// What payments and emergencies take.
    taken: [L::Float; MONTHS],
    /// The promotion's coin.
    promoted: L::Mask,
    /// By how much a promotion raises income.
    promotion: L::Float,
    /// By how much the year's raise does.
    raise: L::Float,
}

impl<L: Lanes> Luck<L> {
    /// That of the first half (`half` is 0) or the second (1) of the year with these words. Three draws' normals are made step by
    /// step: the chain of a logarithm is long, and registers are few.
    #[inline(always)]
    pub(crate) fn new(
        lanes: L,
        plan: &Plan,
        words: &[L::Word; WORDS],
        half: usize,
        outgoings: &Outgoings,
    ) -> Self {
        let Draws { radius, angle, coin } = Draws::new(lanes, words, half);
        let ([r0, r1, r2, r3, r4, r5, r6], [a0, a1, a2, a3, a4, a5, a6]) = (radius, angle);
        let growth = Polar::new(Several::<L, 3>(lanes), &plan.inflation, [r3, r4, r5], [a3, a4, a5]);
        let event = Polar::new(lanes, &plan.raises, r6, a6);
        let cash = Polar::new(Several::<L, 3>(lanes), &Axes::UNIT, [r0, r1, r2], [a0, a1, a2]);

        let [mut inflation, mut direction, mut taken] = [[lanes.float(0.0); MONTHS]; 3];
        for pair in 0..MONTHS / 2 {
            let (radius, mean) = (lanes.sqrt(growth.square[pair]), lanes.float(plan.inflation_mean));
            inflation[2 * pair] = lanes.fma(radius, growth.cos[pair], mean);
            inflation[2 * pair + 1] = lanes.fma(radius, growth.sin[pair], mean);
            direction[2 * pair] = cash.cos[pair];
            direction[2 * pair + 1] = cash.sin[pair];
        }
        for i in 0..MONTHS {
            let falls = lanes.at_most(coin[i], lanes.word(plan.emergency.at_most));
            let (step, least) = (lanes.float(plan.emergency_step), lanes.float(outgoings.with_emergency[i]));
            taken[i] = lanes.fma_word_if(falls, coin[i], step, least, lanes.float(outgoings.payments[i]));
        }
        let radius = lanes.sqrt(event.square);
        Self {
            inflation,
            square: cash.square,
            return_square: cash.square.map(|square| lanes.mul(square, lanes.float(plan.return_variance))),
            direction,
            taken,
            promoted: lanes.at_most(coin[MONTHS], lanes.word(plan.promotion.at_most)),
            promotion: lanes.fma(radius, event.cos, lanes.float(plan.promotion_mean)),
            raise: lanes.fma(radius, event.sin, lanes.float(plan.raise_mean)),
        }
    }
}

impl<L: Lanes> Household<L> {
    /// A household as it begins, by the plan's `start`-th start.
    #[inline(always)]
    pub(crate) fn new(lanes: L, plan: &Plan, start: usize) -> Self {
        let start = &plan.starts[start];
        let income = lanes.float(start.income);
        Self {
            above: lanes.float(plan.balance - start.reserve),
            income,
            spending_std: lanes.float(start.spending_std),
            variance: variance(lanes, plan, income),
        }
    }

    /// The `i`-th month of a half year.
    #[inline(always)]
    pub(crate) fn month(&self, lanes: L, plan: &Plan, luck: &Luck<L>, i: usize) -> Self {
        let spending_std = lanes.fma(self.spending_std, luck.inflation[i], self.spending_std);

        // A mask is known no later than the square; the larger of 0 and the balance would have to be known before it.
        let invested = lanes.positive(self.above);
        let variance = lanes.fma(spending_std, spending_std, self.variance);
        let square = lanes.mul(variance, luck.square[i / 2]);
        let above_square = lanes.mul(self.above, self.above);
        let square = lanes.fma_if(invested, above_square, luck.return_square[i / 2], square);
        let noise = lanes.sqrt(square);

        let cash = lanes.fma(spending_std, lanes.float(plan.spending_per_std), self.income);
        let above = lanes.add(self.above, lanes.sub(cash, luck.taken[i]));
        let above = lanes.fma_if(invested, self.above, lanes.float(plan.return_mean), above);
        let above = lanes.fma(noise, luck.direction[i], above);
        Self { above, spending_std, ..*self }
    }

    /// What comes every half year, a year's first (`half` is 0) or second (1): money is held within its bound, and income may rise.
    #[inline(always)]
    pub(crate) fn event(&self, lanes: L, plan: &Plan, luck: &Luck<L>, half: usize) -> Self {
        let mut income = self.income;
        if half == 1 {
            income = lanes.fma(income, luck.raise, income);
        }
        income = lanes.fma_if(luck.promoted, income, luck.promotion, income);
        income = lanes.within(income, lanes.float(MONEY_BOUND));
        Self {
            above: lanes.within(self.above, lanes.float(MONEY_BOUND)),
            income,
            spending_std: lanes.within(self.spending_std, lanes.float(plan.spending_std_bound)),
            variance: variance(lanes, plan, income),
        }
    }
}

/// The variance of a month's income.
#[inline(always)]
fn variance<L: Lanes>(lanes: L, plan: &Plan, income: L::Float) -> L::Float {
    let std = lanes.mul(income, lanes.float(plan.income_std));
    lanes.mul(std, std)
}
