//! The model's months, on lanes: from a job's constants and a range of indices to final balances.
//!
//! Draws, in the order in which a stream's words are read: each month a radius, an angle and an emergency; and before these, in
//! the months with m mod 6 = 5 (an *event*), a promotion's coin, radius and angle. So the order depends on the month alone, and a
//! longer timeline only appends. The month's first normal moves spending; its second is the sum of the three normal terms of
//! the model's steps 4 and 6, drawn as one. The event's first normal is the promotion's; its second, used only where
//! m mod 12 = 11, the raise's.
//!
//! Several groups of lanes walk side by side, so that the processor always has a group whose next operation is
//! ready: a month is one long chain (balance, market, root, balance).
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::keystream::{Group, Uniform, WORDS};
use crate::lanes::{LANES, Lanes, SIGN, Task};
use crate::normals::normals;
use crate::plan::{MONEY_BOUND, Plan};

/// Groups that walk side by side.
const SIDE_BY_SIDE: usize = 2;
/// Words of a group's ring: a power of two, enough for a half year's 21 and a block on top.
const RING: usize = 64;
/// Months between two events.
const HALF_YEAR: u32 = 6;
/// Words of a month, and of an event.
const DRAWS: u32 = 3;

/// Final balances of the simulations from index `first` on, 16 a group, for all of `finals`. `first` is a multiple of 16, and no
/// multiple of 2³² lies within the range (a block never does).
pub(crate) struct Walk<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) first: u64,
    pub(crate) finals: &'a mut [[f32; LANES]],
}

impl Task for Walk<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let months = self.plan.payments.len();
        let words = DRAWS as usize * (months + months / HALF_YEAR as usize);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of a stream number")]
        let (mut low, high) = (self.first as u32, (self.first >> 32) as u32);
        let uniforms: Vec<Uniform> = (0..)
            .take(words.div_ceil(WORDS))
            .map(|counter| Uniform::new(&self.plan.key, counter, high))
            .collect();
        for finals in self.finals.chunks_mut(SIDE_BY_SIDE) {
            let mut state = State::new(lanes, self.plan, low);
            state.walk(lanes, self.plan, &uniforms);
            for (out, balance) in finals.iter_mut().zip(state.balance) {
                lanes.store(lanes.sub(balance, lanes.float(self.plan.owed)), out);
            }
            #[expect(clippy::cast_possible_truncation, reason = "32")]
            let step = (SIDE_BY_SIDE * LANES) as u32;
            low = low.wrapping_add(step);
        }
    }
}

/// Groups on their way.
struct State<L: Lanes> {
    groups: [Group<L>; SIDE_BY_SIDE],
    words: [[L::Word; RING]; SIDE_BY_SIDE],
    balance: [L::Float; SIDE_BY_SIDE],
    income: [L::Float; SIDE_BY_SIDE],
    spending: [L::Float; SIDE_BY_SIDE],
    /// The variance of a month's income: it changes with events alone.
    variance: [L::Float; SIDE_BY_SIDE],
}

impl<L: Lanes> State<L> {
    #[inline(always)]
    fn new(lanes: L, plan: &Plan, first: u32) -> Self {
        let mut groups = [Group::new(lanes, &plan.key, first); SIDE_BY_SIDE];
        for (group, offset) in groups.iter_mut().zip((0..).step_by(LANES)).skip(1) {
            *group = Group::new(lanes, &plan.key, first.wrapping_add(offset));
        }
        let income = lanes.float(plan.income);
        let std = lanes.mul(income, lanes.float(plan.income_std));
        Self {
            groups,
            words: [[lanes.word(0); RING]; SIDE_BY_SIDE],
            balance: [lanes.float(plan.balance); SIDE_BY_SIDE],
            income: [income; SIDE_BY_SIDE],
            spending: [lanes.float(plan.spending); SIDE_BY_SIDE],
            variance: [lanes.mul(std, std); SIDE_BY_SIDE],
        }
    }

    /// Every month, in runs from one event to the next.
    #[inline(always)]
    fn walk(&mut self, lanes: L, plan: &Plan, uniforms: &[Uniform]) {
        let mut uniforms = uniforms.iter();
        let (mut at, mut ready) = (0, 0);
        // The first event comes with the sixth month, the others with every sixth after it.
        let (first, rest) = plan.payments.split_at(plan.payments.len().min(HALF_YEAR as usize - 1));
        let runs = std::iter::once(first).chain(rest.chunks(HALF_YEAR as usize));
        for (run, payments) in runs.enumerate() {
            while ready < at + DRAWS as usize * (HALF_YEAR as usize + 1) {
                let Some(uniform) = uniforms.next() else { break };
                for g in 0..SIDE_BY_SIDE {
                    let mut block = [lanes.word(0); WORDS];
                    self.groups[g].block(lanes, uniform, &mut block);
                    let slot = ready % RING / WORDS * WORDS;
                    self.words[g][slot..slot + WORDS].copy_from_slice(&block);
                }
                ready += WORDS;
            }
            if run > 0 {
                for g in 0..SIDE_BY_SIDE {
                    self.event(lanes, plan, g, at, run % 2 == 0);
                }
                at += DRAWS as usize;
            }
            for &payment in payments {
                for g in 0..SIDE_BY_SIDE {
                    self.month(lanes, plan, g, at, payment);
                }
                at += DRAWS as usize;
            }
        }
    }

    /// The word at `at` of group `g`'s streams.
    #[inline(always)]
    fn word(&self, g: usize, at: usize) -> L::Word {
        self.words[g][at % RING]
    }

    /// One month of group `g`.
    #[inline(always)]
    fn month(&mut self, lanes: L, plan: &Plan, g: usize, at: usize, payment: f32) {
        let (z_spending, z_cash) = normals(lanes, self.word(g, at), self.word(g, at + 1));
        let emergency = lanes.and(self.word(g, at + 2), lanes.word(!SIGN));

        let inflation =
            lanes.fma(z_spending, lanes.float(plan.inflation_std), lanes.float(plan.inflation_mean));
        let spending = lanes.fma(self.spending[g], inflation, self.spending[g]);
        self.spending[g] = spending;

        let balance = self.balance[g];
        let invested = lanes.max(lanes.sub(balance, lanes.float(plan.reserve)), lanes.float(0.0));
        let expense_std = lanes.mul(spending, lanes.float(plan.expense_std));
        let return_std = lanes.mul(invested, lanes.float(plan.return_std));
        let variance = lanes.fma(expense_std, expense_std, self.variance[g]);
        let std = lanes.sqrt(lanes.fma(return_std, return_std, variance));

        let cash = lanes.sub(lanes.sub(self.income[g], lanes.float(payment)), spending);
        let amount = lanes.fma(
            lanes.signed(emergency),
            lanes.float(plan.emergency_step),
            lanes.float(plan.emergency_base),
        );
        let falls = lanes.at_most(emergency, lanes.word(plan.emergency.at_most.cast_unsigned()));
        let cash = lanes.sub_where(falls, cash, amount);
        let cash = lanes.fma(invested, lanes.float(plan.return_mean), cash);
        let cash = lanes.fma(std, z_cash, cash);
        self.balance[g] = lanes.add(balance, cash);
    }

    /// What comes every half year: money is held within its bound, and income may rise.
    #[inline(always)]
    fn event(&mut self, lanes: L, plan: &Plan, g: usize, at: usize, end_of_year: bool) {
        let coin = lanes.and(self.word(g, at), lanes.word(!SIGN));
        let (z_promotion, z_raise) = normals(lanes, self.word(g, at + 1), self.word(g, at + 2));
        self.balance[g] = bounded(lanes, self.balance[g]);
        self.spending[g] = bounded(lanes, self.spending[g]);

        let mut income = self.income[g];
        if end_of_year {
            let raise = lanes.fma(z_raise, lanes.float(plan.raise_std), lanes.float(plan.raise_mean));
            income = lanes.fma(income, raise, income);
        }
        let raise = lanes.fma(z_promotion, lanes.float(plan.promotion_std), lanes.float(plan.promotion_mean));
        let promoted = lanes.fma(income, raise, income);
        let falls = lanes.at_most(coin, lanes.word(plan.promotion.at_most.cast_unsigned()));
        income = bounded(lanes, lanes.select(falls, promoted, income));
        let std = lanes.mul(income, lanes.float(plan.income_std));
        self.income[g] = income;
        self.variance[g] = lanes.mul(std, std);
    }
}

/// `x`, held within ±[`MONEY_BOUND`].
#[inline(always)]
fn bounded<L: Lanes>(lanes: L, x: L::Float) -> L::Float {
    lanes.min(lanes.max(x, lanes.float(-MONEY_BOUND)), lanes.float(MONEY_BOUND))
}

#[cfg(test)]
mod tests;
