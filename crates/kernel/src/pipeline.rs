//! The pipeline: computes final balances from a job's constants and a range of indices.
//!
//! A **tile** is [`REGISTERS`] registers of simulations, about a hundred. Half a year at a time, it
//! goes through three stages, each of which does the same to every register:
//!
//! 1. the keystream's block, and the fields of its words (`keystream`, `draws`);
//! 2. what chance decides: normals, emergencies, raises (`shocks`);
//! 3. the months (`rules`), of the household itself and then of each scenario's, on the same
//!    shocks.
//!
//! The stages pass their results in arrays that stay in the first-level cache. A month is a long
//! chain of dependent operations. The registers of a tile are independent of each other, so the
//! processor overlaps their chains without any interleaving by hand.
//!
//! This file knows neither what a month does nor which bits a draw reads.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::chart::{OBSERVED, Observation};
use crate::draws::{Draws, MONTHS, household_block, kinds};
use crate::keystream::{Streams, Uniform};
use crate::lanes::{Lanes, Register, Stage, Task, WIDTH_MAX};
use crate::limits::Limits;
use crate::plan::{EXTENSIONS, MONEY_RANGE, Plan, Range, STARTS};
use crate::rules::{Balance, Economy};
use crate::shocks::HalfYear;
use crate::tile::{REGISTERS, Tile};

/// Computes the final balances of the simulations from index `first` on, as many as `finals` has
/// room for. No multiple of 2³² may lie within the range; none lies within a block. Returns whether
/// a household of any of these simulations met a limit of the model.
pub(crate) struct Walk<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) first: u64,
    pub(crate) finals: &'a mut [f32],
    /// The final balances of the scenarios in the order of the results, each as long as `finals`;
    /// empty to leave the scenarios out.
    pub(crate) scenarios: &'a mut [Vec<f32>],
    /// The months after which balances are observed, ascending, within the timeline.
    pub(crate) observed: &'a [u32],
    pub(crate) observation: Observation<'a>,
}

impl<'a> Walk<'a> {
    /// A walk that only computes final balances.
    pub(crate) fn alone(plan: &'a Plan, first: u64, finals: &'a mut [f32]) -> Self {
        let observation = Observation::None;
        Self { plan, first, finals, scenarios: &mut [], observed: &[], observation }
    }
}

/// A month after which balances are read.
#[derive(Clone, Copy)]
enum Checkpoint {
    /// An observed month.
    Observed(usize),
    /// The end of the timeline.
    End,
    /// The end of an extension of the timeline.
    Extension(usize),
}

impl Task for Walk<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Register>(self, lanes: L) -> bool {
        if self.scenarios.is_empty() {
            self.tiles::<L, 0>(lanes)
        } else {
            self.tiles::<L, { STARTS - 1 }>(lanes)
        }
    }
}

impl Walk<'_> {
    /// Walks the household of each simulation and, on the same shocks, those with the next `OTHERS`
    /// of the plan's starts.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the two halves of a stream number, and a small width"
    )]
    fn tiles<L: Register, const OTHERS: usize>(mut self, lanes: L) -> bool {
        let plan = self.plan;
        let checkpoints = self.checkpoints();
        let last = checkpoints[checkpoints.len() - 1].0;
        let (low, high) = (self.first as u32, (self.first >> 32) as u32);
        let uniform = |half| Uniform::new(&plan.key, household_block(half), high);
        let uniforms: Vec<Uniform> = (0..last.div_ceil(MONTHS)).map(uniform).collect();
        let mut streams = Tile::filled(Streams::new(lanes, &plan.key, &uniforms[0], low));
        let mut draws = Tile::filled(Draws::of(lanes, &streams[0].block(lanes, &uniforms[0])));
        let mut shocks = HalfYear::new(lanes);
        let mut is_limited = plan.is_limited;
        for at in (0..self.finals.len()).step_by(REGISTERS * L::WIDTH) {
            for (register, streams) in streams.iter_mut().enumerate() {
                let first = low.wrapping_add((at + register * L::WIDTH) as u32);
                *streams = Streams::new(lanes, &plan.key, &uniforms[0], first);
            }
            let mut economy = Tile::filled(Economy::new(lanes));
            let mut own = Tile::filled(Balance::new(lanes, plan.balance));
            let mut others = [own; OTHERS];
            let mut limits = Limits::new(lanes);
            let mut next = checkpoints.iter().peekable();
            for (half, uniform) in uniforms.iter().enumerate() {
                for (draws, streams) in draws.iter_mut().zip(streams.iter()) {
                    *draws = Draws::of(lanes, &streams.block(lanes, uniform));
                }
                shocks.make::<{ kinds::ALL }>(lanes, plan, &draws);
                for (i, month) in (half * MONTHS..last).take(MONTHS).enumerate() {
                    if i == MONTHS - 1 {
                        raises(lanes, half, &shocks, &mut economy);
                        let (economy, limits) = (&mut economy, &mut limits);
                        if half >= plan.without_limits.economy {
                            let ranges = plan.bounds[half];
                            lanes.stage(BoundEconomy { ranges, economy, limits });
                        }
                        if half >= plan.without_limits.balances {
                            let (own, others) = (&mut own, &mut others);
                            lanes.stage(BoundBalances { own, others, limits });
                        }
                    }
                    let budget = &plan.budgets[month][0];
                    for (register, own) in own.iter_mut().enumerate() {
                        let economy = &mut economy[register];
                        economy.inflation(lanes, shocks.inflation[i][register]);
                        *own = own.month(lanes, plan, budget, economy, shocks.month(i, register));
                    }
                    if month < plan.months {
                        for (start, other) in (1..).zip(&mut others) {
                            walk_month(lanes, plan, [month, start], &economy, &shocks, other);
                        }
                    }
                    while let Some(&(_, checkpoint)) = next.next_if(|next| next.0 == month + 1) {
                        self.read(lanes, checkpoint, at, &own, &others);
                    }
                }
            }
            let count = self.finals.len() - at;
            is_limited |= limits.any(lanes, None, |place| place < count);
        }
        is_limited
    }

    /// All checkpoints, each with the number of months before it.
    fn checkpoints(&self) -> Vec<(usize, Checkpoint)> {
        let months = self.plan.months;
        let observed =
            self.observed.iter().enumerate().map(|(i, &month)| (month as usize, Checkpoint::Observed(i)));
        let extensions = EXTENSIONS
            .iter()
            .enumerate()
            .map(|(i, &longer)| (months + longer, Checkpoint::Extension(i)))
            .take(if self.scenarios.is_empty() { 0 } else { EXTENSIONS.len() });
        observed.chain([(months, Checkpoint::End)]).chain(extensions).collect()
    }

    /// Reads the balances at a checkpoint, of the simulations from position `at` on.
    #[inline(always)]
    fn read<L: Register>(
        &mut self,
        lanes: L,
        checkpoint: Checkpoint,
        at: usize,
        own: &Tile<Balance<L>>,
        others: &[Tile<Balance<L>>],
    ) {
        let plan = self.plan;
        match checkpoint {
            Checkpoint::Observed(i) => {
                let mut balances = [0.0; OBSERVED];
                let count = (self.finals.len() - at).min(REGISTERS * L::WIDTH);
                let owed = plan.owed[self.observed[i] as usize];
                store(lanes, own, owed, &mut balances[..count]);
                self.observation.add(i, at, &balances[..count]);
            }
            Checkpoint::End => {
                let owed = plan.owed[plan.months];
                store(lanes, own, owed, &mut self.finals[at..]);
                for (other, out) in others.iter().zip(&mut *self.scenarios) {
                    store(lanes, other, owed, &mut out[at..]);
                }
            }
            Checkpoint::Extension(i) => {
                let owed = plan.owed[plan.months + EXTENSIONS[i]];
                store(lanes, own, owed, &mut self.scenarios[STARTS - 1 + i][at..]);
            }
        }
    }
}

/// The raises and promotions of a half year, for a tile.
#[inline(always)]
fn raises<L: Lanes>(lanes: L, half: usize, shocks: &HalfYear<L>, economy: &mut Tile<Economy<L>>) {
    for (register, economy) in economy.iter_mut().enumerate() {
        let raise = (half % 2 == 1).then_some(shocks.raise[register]);
        economy.raises(lanes, raise, shocks.promotion[register]);
    }
}

/// Clamps prices and wages to their ranges. This and [`BoundBalances`] are stages because most jobs
/// never need them: the compiler makes better code of the months if they aren't among them.
struct BoundEconomy<'a, L: Lanes> {
    ranges: [Range; 2],
    economy: &'a mut Tile<Economy<L>>,
    limits: &'a mut Limits<L>,
}

impl<L: Register> Stage<L> for BoundEconomy<'_, L> {
    #[inline(always)]
    fn run(self, lanes: L) {
        let Self { ranges, economy, limits } = self;
        for economy in economy.iter_mut() {
            economy.bound(lanes, ranges);
        }
        for (factor, range) in ranges.into_iter().enumerate() {
            limits.add(lanes, range, |register| economy[register].factors()[factor].deviation, |_| None);
        }
    }
}

/// Clamps balances to their bound.
struct BoundBalances<'a, L: Lanes, const OTHERS: usize> {
    own: &'a mut Tile<Balance<L>>,
    others: &'a mut [Tile<Balance<L>>; OTHERS],
    limits: &'a mut Limits<L>,
}

impl<L: Register, const OTHERS: usize> Stage<L> for BoundBalances<'_, L, OTHERS> {
    #[inline(always)]
    fn run(self, lanes: L) {
        for balances in std::iter::once(self.own).chain(self.others) {
            for balance in balances.iter_mut() {
                *balance = balance.bounded(lanes);
            }
            self.limits.add(lanes, MONEY_RANGE, |register| balances[register].high, |_| None);
        }
    }
}

/// Computes a month of the households with one of the plan's starts.
#[inline(always)]
fn walk_month<L: Lanes>(
    lanes: L,
    plan: &Plan,
    [month, start]: [usize; 2],
    economy: &Tile<Economy<L>>,
    shocks: &HalfYear<L>,
    balances: &mut Tile<Balance<L>>,
) {
    let budget = &plan.budgets[month][start];
    for (register, balance) in balances.iter_mut().enumerate() {
        let shocks = shocks.month(month % MONTHS, register);
        *balance = balance.month(lanes, plan, budget, &economy[register], shocks);
    }
}

/// Writes balances less card debt, as far as there is room.
#[inline(always)]
fn store<L: Register>(lanes: L, balances: &Tile<Balance<L>>, owed: f32, out: &mut [f32]) {
    for (out, balance) in out.chunks_mut(L::WIDTH).zip(balances.iter()) {
        let mut numbers = [0.0; WIDTH_MAX];
        lanes.store(lanes.sub(balance.total(lanes), lanes.float(owed)), &mut numbers);
        out.copy_from_slice(&numbers[..out.len()]);
    }
}

#[cfg(test)]
mod tests;
