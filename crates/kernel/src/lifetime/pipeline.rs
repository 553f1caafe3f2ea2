//! The pipeline of plans: computes outcomes from the constants of plans and a range of indices.
//!
//! As in `pipeline`, a tile of simulations goes through one stage after another. Several plans can
//! share one set of shocks: the job's own plan and those that differ from it only in numbers that
//! the shocks don't depend on (amounts, months, means of returns). Such a plan only costs its
//! months, and its differences to the job's plan are free of the noise of other draws.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use super::outcomes::Outcomes;
use super::rules::{Chance, Household, NEVER, price_level};
use super::shocks::{Blocks, Shocks};
use super::{Lifetime, YEAR};
use crate::chart::{OBSERVED, Observation};
use crate::draws::{Draws, MONTHS, household_block};
use crate::keystream::{Streams, Uniform};
use crate::lanes::{Register, Task, WIDTH_MAX};
use crate::pipeline::{REGISTERS, Tile};
use crate::rules::Economy;
use crate::shocks::HalfYear;

/// The outcomes of the simulations from index `first` on, as many as the outcomes have room for. No
/// multiple of 2³² lies within the range.
pub(crate) struct Walk<'a> {
    /// The plans, which share their shocks; at least one.
    pub(crate) plans: &'a [&'a Lifetime],
    pub(crate) first: u64,
    /// The outcomes of each plan.
    pub(crate) outcomes: &'a mut [Outcomes],
    /// The months after which the first plan's balances are observed, ascending.
    pub(crate) observed: &'a [u32],
    pub(crate) observation: Observation<'a>,
}

impl Task for Walk<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of a stream number")]
    fn run<L: Register>(mut self, lanes: L) {
        // All plans have the same shocks, and the longest plan has tables for every month of the
        // walk.
        let Some(&longest) = self.plans.iter().max_by_key(|plan| plan.months()) else { return };
        let months = longest.months();
        let (low, high) = (self.first as u32, (self.first >> 32) as u32);
        let key = &longest.plan.key;
        let uniforms: Vec<Uniform> =
            (0..months.div_ceil(MONTHS)).map(|half| Uniform::new(key, household_block(half), high)).collect();
        let blocks = Blocks::new(longest, months, high);
        let mut shocks = Shocks::new(lanes, key);
        let mut household = HalfYear::new(lanes);
        let mut streams = Tile::filled(Streams::new(lanes, key, &uniforms[0], low));
        let mut draws = Tile::filled(Draws::of(lanes, &streams[0].block(lanes, &uniforms[0])));
        let mut households: Vec<Tile<Household<L>>> =
            self.plans.iter().map(|plan| Tile::filled(Household::new(lanes, plan))).collect();
        let count = self.outcomes[0].finals.len();
        for at in (0..count).step_by(REGISTERS * L::WIDTH) {
            let first = low.wrapping_add(at as u32);
            for (register, streams) in streams.iter_mut().enumerate() {
                let first = first.wrapping_add((register * L::WIDTH) as u32);
                *streams = Streams::new(lanes, key, &uniforms[0], first);
            }
            shocks.begin(lanes, key, &blocks, first);
            let mut economy = Tile::filled(Economy::new(lanes));
            let mut lived = Tile::filled(lanes.float(0.0));
            for (households, plan) in households.iter_mut().zip(self.plans) {
                *households = Tile::filled(Household::new(lanes, plan));
            }
            let mut observed = self.observed.iter().enumerate().peekable();
            for (half, uniform) in uniforms.iter().enumerate() {
                for (draws, streams) in draws.iter_mut().zip(streams.iter()) {
                    *draws = Draws::of(lanes, &streams.block(lanes, uniform));
                }
                household.make(lanes, &longest.plan, &draws);
                if (half * MONTHS).is_multiple_of(YEAR) {
                    shocks.year(lanes, longest, &blocks, half * MONTHS / YEAR);
                }
                for month in (half * MONTHS..months).take(MONTHS) {
                    self.month(lanes, longest, month, &household, &mut shocks, &mut economy, &mut households);
                    for (register, lived) in lived.iter_mut().enumerate() {
                        let one = lanes.float(1.0);
                        let now = match shocks.lives(lanes, longest, month, register).any(lanes) {
                            Some(somebody) => lanes.masked(somebody, one),
                            None => one,
                        };
                        *lived = lanes.add(*lived, now);
                    }
                    if let Some((i, _)) = observed.next_if(|(_, after)| **after as usize == month + 1) {
                        self.observe(lanes, i, at, month, &households[0], &economy);
                    }
                    self.end(lanes, at, month, &households, &economy, &lived);
                }
            }
        }
    }
}

impl Walk<'_> {
    /// Computes a month of all plans whose timeline includes it.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "the state of a tile")]
    fn month<L: Register>(
        &self,
        lanes: L,
        longest: &Lifetime,
        month: usize,
        household: &HalfYear<L>,
        shocks: &mut Shocks<L>,
        economy: &mut Tile<Economy<L>>,
        households: &mut [Tile<Household<L>>],
    ) {
        let within = month % MONTHS;
        if within == MONTHS - 1 {
            let bounds = &longest.bounds[month / MONTHS];
            for (register, economy) in economy.iter_mut().enumerate() {
                let raise = (month % YEAR == YEAR - 1).then_some(household.raise[register]);
                economy.raises(lanes, raise, household.promotion[register], bounds);
            }
        }
        shocks.month(lanes, &longest.market, month);
        for (register, economy) in economy.iter_mut().enumerate() {
            let own = household.inflation[within][register];
            economy.inflation(lanes, shocks.inflation(lanes, longest, register, own));
        }
        for (plan, households) in self.plans.iter().zip(households) {
            if month >= plan.months() {
                continue;
            }
            for (register, one) in households.iter_mut().enumerate() {
                let economy = &economy[register];
                let level = price_level(lanes, plan, month, economy.prices.deviation);
                let chance = Chance {
                    economy,
                    shocks: household.month(within, register),
                    market: shocks.draw[register],
                    lives: shocks.lives(lanes, longest, month, register),
                };
                one.month(lanes, plan, month, level, &chance);
            }
        }
    }

    /// Passes the first plan's balances after a month to the observation.
    #[inline(always)]
    fn observe<L: Register>(
        &mut self,
        lanes: L,
        stop: usize,
        at: usize,
        month: usize,
        households: &Tile<Household<L>>,
        economy: &Tile<Economy<L>>,
    ) {
        let mut balances = [0.0; OBSERVED];
        let count = (self.outcomes[0].finals.len() - at).min(REGISTERS * L::WIDTH);
        let plan = self.plans[0];
        store_balances(lanes, plan, month, households, economy, &mut balances[..count]);
        // A simulation that was short doesn't reach a goal of never being short.
        if plan.never_short && matches!(self.observation, Observation::Reach { .. }) {
            for (register, one) in households.iter().enumerate() {
                let mut first_short = [0.0; WIDTH_MAX];
                lanes.store(one.first_short, &mut first_short);
                let balances = balances.iter_mut().skip(register * L::WIDTH);
                for (balance, short) in balances.zip(&first_short[..L::WIDTH]) {
                    *balance = if *short < NEVER { f32::NEG_INFINITY } else { *balance };
                }
            }
        }
        self.observation.add(stop, at, &balances[..count]);
    }

    /// Writes the outcomes of the plans whose timeline ends with a month.
    #[inline(always)]
    fn end<L: Register>(
        &mut self,
        lanes: L,
        at: usize,
        month: usize,
        households: &[Tile<Household<L>>],
        economy: &Tile<Economy<L>>,
        lived: &Tile<L::Float>,
    ) {
        for ((plan, outcomes), tile) in self.plans.iter().zip(&mut *self.outcomes).zip(households) {
            if month + 1 != plan.months() {
                continue;
            }
            store_balances(lanes, plan, month, tile, economy, &mut outcomes.finals[at..]);
            for (register, one) in tile.iter().enumerate() {
                let at = at + register * L::WIDTH;
                store(lanes, one.first_short, &mut outcomes.first_short, at);
                store(lanes, one.lowest, &mut outcomes.lowest, at);
                store(lanes, one.lowest_multiplier, &mut outcomes.lowest_multiplier, at);
                store(lanes, one.multiplier_sum, &mut outcomes.multiplier_sum, at);
                store(lanes, lived[register], &mut outcomes.horizon, at);
            }
        }
    }
}

/// Writes the reported balances after a month, less card debt, as far as there is room.
#[inline(always)]
fn store_balances<L: Register>(
    lanes: L,
    plan: &Lifetime,
    month: usize,
    households: &Tile<Household<L>>,
    economy: &Tile<Economy<L>>,
    out: &mut [f32],
) {
    let owed = plan.plan.owed[month + 1];
    for (register, one) in households.iter().enumerate() {
        let mut balance = one.shown;
        if owed > 0.0 {
            let mut shown = lanes.float(owed);
            if plan.is_real {
                let level = price_level(lanes, plan, month, economy[register].prices.deviation);
                shown = lanes.div(shown, level);
            }
            balance = lanes.sub(balance, shown);
        }
        store(lanes, balance, out, register * L::WIDTH);
    }
}

/// Writes the lanes from a position on, as far as there is room.
#[inline(always)]
fn store<L: Register>(lanes: L, x: L::Float, out: &mut [f32], at: usize) {
    if let Some(out) = out.get_mut(at..) {
        let mut numbers = [0.0; WIDTH_MAX];
        lanes.store(x, &mut numbers);
        let count = out.len().min(L::WIDTH);
        out[..count].copy_from_slice(&numbers[..count]);
    }
}

#[cfg(test)]
pub(crate) mod tests;
