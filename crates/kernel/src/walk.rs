//! The model's months, on lanes: from a job's constants and a range of indices to final balances.
//!
//! Draws, in the order in which a stream's words are read: each month a radius, an angle and an emergency; and before these, in
//! the months with m mod 6 = 5 (an *event*), a promotion's coin, radius and angle. So the order depends on the month alone, and a
//! longer timeline only appends. The month's first normal moves spending; its second is the sum of the three normal terms of
//! the model's steps 4 and 6, drawn as one. The event's first normal is the promotion's; its second, used only where
//! m mod 12 = 11, the raise's.
//!
//! Several registers of lanes walk side by side, and the normals of a half year come before its months: a month alone is one
//! long chain of operations (balance, market, root, balance), in which the processor would wait. The scenarios of the
//! sensitivity walk in the same pass, on the same luck. What a month does is said in `household`.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::chart::Look;
use crate::household::{Event, Household, Luck};
use crate::keystream::{Streams, Uniform, WORDS};
use crate::lanes::{Lanes, Register, SIGN, Several, Task, WIDTH_MAX};
use crate::normals::normals;
use crate::plan::{EXTENSIONS, Plan, STARTS};

/// Words of a ring: a power of two, enough for a half year's 21 and a block on top.
const RING: usize = 64;
/// Months between two events.
const HALF_YEAR: usize = 6;
/// Words of a month, and of an event.
const DRAWS: usize = 3;

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
        match L::SIDE_BY_SIDE {
            4 => self.side_by_side::<L, 4>(lanes),
            2 => self.side_by_side::<L, 2>(lanes),
            _ => self.side_by_side::<L, 1>(lanes),
        }
    }
}

impl Walk<'_> {
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the two halves of a stream number, and a small width"
    )]
    fn side_by_side<L: Register, const G: usize>(mut self, lanes: L) {
        let plan = self.plan;
        let several = Several::<L, G>(lanes);
        let high = (self.first >> 32) as u32;
        let stops = self.all_stops();
        let months = stops[stops.len() - 1].0;
        let words = DRAWS * (months + months / HALF_YEAR);
        let uniforms: Vec<Uniform> =
            (0..).take(words.div_ceil(WORDS)).map(|counter| Uniform::new(&plan.key, counter, high)).collect();
        let mut ring = [[lanes.word(0); G]; RING];
        for at in (0..self.finals.len()).step_by(G * L::WIDTH) {
            let mut low = (self.first as u32).wrapping_add(at as u32);
            let mut streams = [Streams::new(lanes, &plan.key, low); G];
            for streams in &mut streams[1..] {
                low = low.wrapping_add(L::WIDTH as u32);
                *streams = Streams::new(lanes, &plan.key, low);
            }
            let (uniforms, streams, ring) = (&uniforms[..], &streams, &mut ring);
            let mut keystream = Keystream { lanes, plan, uniforms, streams, ring, at: 0, ready: 0, month: 0 };
            if self.scenarios.is_empty() {
                // A household of its own, and not one of several, stays in registers.
                let mut household = Household::new(several, plan, 0);
                for &(month, stop) in &stops {
                    keystream.walk(std::slice::from_mut(&mut household), month);
                    self.stop(lanes, stop, at, std::slice::from_ref(&household));
                }
            } else {
                let mut households = [Household::new(several, plan, 0); STARTS];
                for (start, household) in households.iter_mut().enumerate() {
                    *household = Household::new(several, plan, start);
                }
                for &(month, stop) in &stops {
                    let walking = if month > plan.months { 1 } else { STARTS };
                    keystream.walk(&mut households[..walking], month);
                    self.stop(lanes, stop, at, &households);
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

    /// Writes down what a stop is for, of the simulations from the `at`-th on.
    #[inline(always)]
    fn stop<L: Register, const G: usize>(
        &mut self,
        lanes: L,
        stop: Stop,
        at: usize,
        households: &[Household<Several<L, G>>],
    ) {
        let owed = &self.plan.owed;
        match stop {
            Stop::Look(i) => {
                let mut balances = [0.0; 4 * WIDTH_MAX];
                store(lanes, &households[0].balance, 0.0, &mut balances);
                let count = (self.finals.len() - at).min(G * L::WIDTH);
                self.look.at(i, &balances[..count]);
            }
            Stop::End => {
                store(lanes, &households[0].balance, owed[0], &mut self.finals[at..]);
                for (household, out) in households[1..].iter().zip(&mut *self.scenarios) {
                    store(lanes, &household.balance, owed[0], &mut out[at..]);
                }
            }
            Stop::Extension(i) => {
                store(lanes, &households[0].balance, owed[1 + i], &mut self.scenarios[STARTS - 1 + i][at..]);
            }
        }
    }
}

/// Writes balances, less what is owed, as far as there is room.
#[inline(always)]
fn store<L: Register, const G: usize>(lanes: L, balances: &[L::Float; G], owed: f32, out: &mut [f32]) {
    for (out, &balance) in out.chunks_mut(L::WIDTH).zip(balances) {
        let mut balances = [0.0; WIDTH_MAX];
        lanes.store(lanes.sub(balance, lanes.float(owed)), &mut balances);
        out.copy_from_slice(&balances[..out.len()]);
    }
}

/// The draws of some simulations, in order.
struct Keystream<'a, L: Register, const G: usize> {
    lanes: L,
    plan: &'a Plan,
    uniforms: &'a [Uniform],
    streams: &'a [Streams<L>; G],
    ring: &'a mut [[L::Word; G]; RING],
    /// The next word.
    at: usize,
    /// The word after the last one in the ring.
    ready: usize,
    /// The next month.
    month: usize,
}

impl<L: Register, const G: usize> Keystream<'_, L, G> {
    /// Walks every household up to and without month `until`, all on the same luck.
    #[inline(always)]
    fn walk(&mut self, households: &mut [Household<Several<L, G>>], until: usize) {
        let (lanes, plan) = (Several::<L, G>(self.lanes), self.plan);
        let mut luck = [Luck::none(lanes); HALF_YEAR];
        while self.month < until {
            self.refill();
            if self.month % HALF_YEAR == HALF_YEAR - 1 {
                let event = self.event();
                for household in households.iter_mut() {
                    *household = household.event(lanes, plan, &event);
                }
            }
            let months = (HALF_YEAR - (self.month + 1) % HALF_YEAR).min(until - self.month);
            for luck in &mut luck[..months] {
                *luck = self.luck();
            }
            let payments = &plan.payments[self.month..self.month + months];
            for (&payment, luck) in payments.iter().zip(&luck) {
                for household in households.iter_mut() {
                    *household = household.month(lanes, plan, luck, payment);
                }
            }
            self.month += months;
        }
    }

    /// Sees to it that the ring holds the words of a half year.
    #[inline(always)]
    fn refill(&mut self) {
        while self.ready < self.at + DRAWS * (HALF_YEAR + 1) {
            let Some(uniform) = self.uniforms.get(self.ready / WORDS) else { break };
            let slot = &mut self.ring.as_chunks_mut::<WORDS>().0[self.ready % RING / WORDS];
            for g in 0..G {
                let mut block = [self.lanes.word(0); WORDS];
                self.streams[g].block(self.lanes, uniform, &mut block);
                for (words, word) in slot.iter_mut().zip(block) {
                    words[g] = word;
                }
            }
            self.ready += WORDS;
        }
    }

    /// The next words.
    #[inline(always)]
    fn draws(&mut self) -> [[L::Word; G]; DRAWS] {
        let at = self.at;
        self.at += DRAWS;
        [self.ring[at % RING], self.ring[(at + 1) % RING], self.ring[(at + 2) % RING]]
    }

    /// A month's luck.
    #[inline(always)]
    fn luck(&mut self) -> Luck<Several<L, G>> {
        let lanes = Several::<L, G>(self.lanes);
        let [radius, angle, emergency] = self.draws();
        let (spending, cash) = normals(lanes, radius, angle);
        Luck { spending, cash, emergency: lanes.and(emergency, lanes.word(!SIGN)) }
    }

    /// A half year's event.
    #[inline(always)]
    fn event(&mut self) -> Event<Several<L, G>> {
        let lanes = Several::<L, G>(self.lanes);
        let end_of_year = self.month % (2 * HALF_YEAR) == 2 * HALF_YEAR - 1;
        let [coin, radius, angle] = self.draws();
        let (promotion, raise) = normals(lanes, radius, angle);
        Event { coin: lanes.and(coin, lanes.word(!SIGN)), promotion, raise: end_of_year.then_some(raise) }
    }
}

#[cfg(test)]
mod tests;
