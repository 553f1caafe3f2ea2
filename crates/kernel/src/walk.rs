//! The model's months, on lanes: from a job's constants and a range of indices to final balances.
//!
//! A half year at a time: its normals and emergencies come before its months. A month alone is one long chain of operations
//! (balance, market, root, balance), in which the processor would wait. So two registers of lanes walk side by side, and among their
//! months lie the rounds of a block of the keystream, which wait for nothing. A block holds the draws of a year (`draws` says how they lie in
//! it): in a year's first half, the next block of the first register is made, in its second half, that of the second. The
//! scenarios of the sensitivity walk in the same pass, on the same luck. What a month does is said in `household`.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::chart::{LOOK, Look};
use crate::draws::MONTHS;
use crate::household::{Household, Luck};
use crate::keystream::{Streams, Uniform};
use crate::lanes::{Register, Task, WIDTH_MAX};
use crate::plan::{EXTENSIONS, Plan, STARTS};

/// Final balances of the simulations from index `first` on, for all of `finals`. No multiple of 2³² lies within the range: none
/// ever lies within a block.
pub(crate) struct Walk<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) first: u64,
    pub(crate) finals: &'a mut [f32],
    /// Final balances of the scenarios, each as long as `finals`, in the order of the results; or nothing.
    pub(crate) scenarios: &'a mut [Vec<f32>],
    /// The months after which balances are looked at, ascending, within the timeline.
    pub(crate) stops: &'a [u32],
    pub(crate) look: Look<'a>,
}

impl<'a> Walk<'a> {
    /// Final balances alone.
    pub(crate) fn alone(plan: &'a Plan, first: u64, finals: &'a mut [f32]) -> Self {
        Self { plan, first, finals, scenarios: &mut [], stops: &[], look: Look::Away }
    }
}

/// Why a walk stops.
#[derive(Clone, Copy)]
enum Stop {
    /// For a look at the balances.
    Look(usize),
    /// The timeline ends.
    End,
    /// An extension of the timeline ends.
    Extension(usize),
}

impl Task for Walk<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Register>(self, lanes: L) {
        if self.scenarios.is_empty() {
            self.households::<L, 0>(lanes);
        } else {
            self.households::<L, { STARTS - 1 }>(lanes);
        }
    }
}

impl Walk<'_> {
    /// Walks each simulation's own household, and the next `OTHERS` of the plan's starts on the same luck.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the two halves of a stream number, and a small width"
    )]
    fn households<L: Register, const OTHERS: usize>(mut self, lanes: L) {
        let plan = self.plan;
        let high = (self.first >> 32) as u32;
        let all_stops = self.all_stops();
        let halves = all_stops[all_stops.len() - 1].0.div_ceil(MONTHS);
        let uniforms: Vec<Uniform> =
            (0..).take(halves.div_ceil(2)).map(|counter| Uniform::new(&plan.key, counter, high)).collect();
        let mut low = self.first as u32;
        let mut streams = Streams::pair(lanes, &plan.key, &uniforms[0], low);
        let mut words = [streams[0].block(lanes, &uniforms[0]), streams[1].block(lanes, &uniforms[0])];
        let mut ahead = words;
        // Exchanged at the end of a year by their places, not by their words.
        let (mut words, mut ahead) = (&mut words, &mut ahead);
        for at in (0..self.finals.len()).step_by(2 * L::WIDTH) {
            let mut own = [Household::new(lanes, plan, 0); 2];
            let mut others = [own; OTHERS];
            for (start, other) in (1..).zip(&mut others) {
                *other = [Household::new(lanes, plan, start); 2];
            }
            let mut stops = all_stops.iter().peekable();
            for half in 0..halves {
                let turn = half % 2;
                // The words to make meanwhile are of the next year, or of the next simulations' first.
                let next = if half - turn + 2 < halves { half / 2 + 1 } else { 0 };
                if next == 0 && turn == 0 {
                    low = low.wrapping_add(2 * L::WIDTH as u32);
                    streams = Streams::pair(lanes, &plan.key, &uniforms[0], low);
                }
                let uniform = &uniforms[next];
                let outgoings = &plan.outgoings[half];
                let first = Luck::new(lanes, plan, &words[0], turn, outgoings);
                let mut block = streams[turn].begin(lanes, uniform);
                let luck = [first, Luck::new(lanes, plan, &words[1], turn, outgoings)];
                let m0 = walk_month(lanes, plan, &luck, 0, &mut own);
                let m1 = walk_month(lanes, plan, &luck, 1, &mut own);
                block.two_rounds(lanes);
                let m2 = walk_month(lanes, plan, &luck, 2, &mut own);
                let m3 = walk_month(lanes, plan, &luck, 3, &mut own);
                block.two_rounds(lanes);
                let m4 = walk_month(lanes, plan, &luck, 4, &mut own);
                walk_event(lanes, plan, &luck, turn, &mut own);
                block.two_rounds(lanes);
                let m5 = walk_month(lanes, plan, &luck, 5, &mut own);
                ahead[turn] = block.end(lanes, &streams[turn], uniform);

                let left = plan.months.saturating_sub(half * MONTHS).min(MONTHS);
                walk_others(lanes, plan, &luck, turn, left, &mut others);

                let balances = [m0, m1, m2, m3, m4, m5];
                while let Some(&(month, stop)) = stops.next_if(|stop| stop.0 <= (half + 1) * MONTHS) {
                    self.stop(lanes, stop, at, balances[month - half * MONTHS - 1], &others);
                }
                if turn == 0 && half + 1 == halves {
                    // A timeline that ends with half a year has no second half to make these in.
                    ahead[1] = streams[1].block(lanes, uniform);
                }
                if turn == 1 || half + 1 == halves {
                    std::mem::swap(&mut words, &mut ahead);
                }
            }
        }
    }

    /// Every stop, with its month.
    fn all_stops(&self) -> Vec<(usize, Stop)> {
        let months = self.plan.months;
        let looks = self.stops.iter().enumerate().map(|(i, &month)| (month as usize, Stop::Look(i)));
        let extensions =
            EXTENSIONS.iter().enumerate().map(|(i, &longer)| (months + longer, Stop::Extension(i)));
        let extensions = extensions.take(if self.scenarios.is_empty() { 0 } else { EXTENSIONS.len() });
        looks.chain([(months, Stop::End)]).chain(extensions).collect()
    }

    /// Writes down what a stop is for, of the simulations from the `at`-th on: their own households have these balances above the
    /// reserve, and the others have walked no further than to the end.
    #[inline(always)]
    fn stop<L: Register>(
        &mut self,
        lanes: L,
        stop: Stop,
        at: usize,
        own: [L::Float; 2],
        others: &[[Household<L>; 2]],
    ) {
        let (owed, starts) = (&self.plan.owed, &self.plan.starts);
        match stop {
            Stop::Look(i) => {
                let mut seen = [0.0; LOOK];
                store(lanes, own, starts[0].reserve, 0.0, &mut seen);
                let count = (self.finals.len() - at).min(2 * L::WIDTH);
                self.look.at(i, &seen[..count]);
            }
            Stop::End => {
                store(lanes, own, starts[0].reserve, owed[0], &mut self.finals[at..]);
                for ((pair, start), out) in others.iter().zip(&starts[1..]).zip(&mut *self.scenarios) {
                    store(lanes, pair.map(|one| one.above), start.reserve, owed[0], &mut out[at..]);
                }
            }
            Stop::Extension(i) => {
                store(lanes, own, starts[0].reserve, owed[1 + i], &mut self.scenarios[STARTS - 1 + i][at..]);
            }
        }
    }
}

/// The `i`-th month of a half year, of two registers of households; their balances above the reserve after it.
#[inline(always)]
fn walk_month<L: Register>(
    lanes: L,
    plan: &Plan,
    luck: &[Luck<L>; 2],
    i: usize,
    [one, other]: &mut [Household<L>; 2],
) -> [L::Float; 2] {
    *one = one.month(lanes, plan, &luck[0], i);
    *other = other.month(lanes, plan, &luck[1], i);
    [one.above, other.above]
}

/// The event of a half year for two registers of households.
#[inline(always)]
fn walk_event<L: Register>(
    lanes: L,
    plan: &Plan,
    luck: &[Luck<L>; 2],
    half: usize,
    [one, other]: &mut [Household<L>; 2],
) {
    *one = one.event(lanes, plan, &luck[0], half);
    *other = other.event(lanes, plan, &luck[1], half);
}

/// The first `months` of a half year, of any households: month by month all of them, so that one's root is computed while others
/// add and multiply.
#[inline(always)]
fn walk_others<L: Register>(
    lanes: L,
    plan: &Plan,
    luck: &[Luck<L>; 2],
    half: usize,
    months: usize,
    households: &mut [[Household<L>; 2]],
) {
    for i in 0..months {
        for pair in &mut *households {
            if i == MONTHS - 1 {
                walk_event(lanes, plan, luck, half, pair);
            }
            walk_month(lanes, plan, luck, i, pair);
        }
    }
}

/// Writes balances, of which these lie above the reserve, less what is owed, as far as there is room.
#[inline(always)]
fn store<L: Register>(lanes: L, above: [L::Float; 2], reserve: f32, owed: f32, out: &mut [f32]) {
    for (out, above) in out.chunks_mut(L::WIDTH).zip(above) {
        let mut balances = [0.0; WIDTH_MAX];
        let balance = lanes.add(above, lanes.float(reserve));
        lanes.store(lanes.sub(balance, lanes.float(owed)), &mut balances);
        out.copy_from_slice(&balances[..out.len()]);
    }
}

#[cfg(test)]
mod tests;
