//! The shocks of a half year for a tile of simulations: converts integers to normals, emergencies
//! and raises. Each kind is computed for all registers of the tile before the next kind, so that
//! the processor always has independent work.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::draws::{Draws, MONTHS, PAIRS, kinds};
use crate::lanes::Lanes;
use crate::normals::{Axes, Polar};
use crate::plan::Plan;
use crate::rules::Shocks;
use crate::tile::Tile;

/// The shocks of a half year.
pub(crate) struct HalfYear<L: Lanes> {
    /// The random part of each month's inflation.
    pub(crate) inflation: [Tile<L::Float>; MONTHS],
    /// The random part of the year's raise.
    pub(crate) raise: Tile<L::Float>,
    /// The random part of the promotion.
    pub(crate) promotion: Tile<L::Float>,
    /// See [`Shocks`]; two months share a pair of normals.
    square: [Tile<L::Float>; MONTHS / 2],
    direction: [Tile<L::Float>; MONTHS],
    emergency: [Tile<L::Float>; MONTHS],
}

impl<L: Lanes> HalfYear<L> {
    #[inline(always)]
    pub(crate) fn new(lanes: L) -> Self {
        let zero = Tile::filled(lanes.float(0.0));
        Self {
            inflation: [zero; MONTHS],
            raise: zero,
            promotion: zero,
            square: [zero; MONTHS / 2],
            direction: [zero; MONTHS],
            emergency: [zero; MONTHS],
        }
    }

    /// Computes the half year with these draws. What depends on other than cash and these [`kinds`]
    /// stays as it is.
    #[inline(always)]
    pub(crate) fn make<const KINDS: u8>(&mut self, lanes: L, plan: &Plan, draws: &Tile<Draws<L::Word>>) {
        for pair in 0..MONTHS / 2 {
            for (register, draws) in draws.iter().enumerate() {
                let cash = Polar::new(lanes, &Axes::UNIT, draws.radius[pair], draws.angle[pair]);
                self.square[pair][register] = cash.square;
                self.direction[2 * pair][register] = cash.cos;
                self.direction[2 * pair + 1][register] = cash.sin;
            }
            if KINDS & kinds::INFLATION == 0 {
                continue;
            }
            let further = pair + MONTHS / 2;
            for (register, draws) in draws.iter().enumerate() {
                let polar = Polar::new(lanes, &plan.inflation, draws.radius[further], draws.angle[further]);
                let radius = lanes.sqrt(polar.square);
                self.inflation[2 * pair][register] = lanes.mul(radius, polar.cos);
                self.inflation[2 * pair + 1][register] = lanes.mul(radius, polar.sin);
            }
        }
        if KINDS & kinds::EMERGENCIES != 0 {
            self.emergencies(lanes, plan, draws);
        }
        if KINDS & kinds::EVENTS != 0 {
            self.events(lanes, plan, draws);
        }
    }

    #[inline(always)]
    fn emergencies(&mut self, lanes: L, plan: &Plan, draws: &Tile<Draws<L::Word>>) {
        for month in 0..MONTHS {
            for (register, draws) in draws.iter().enumerate() {
                let uniform = draws.uniform[month];
                let comes = lanes.below(uniform, lanes.word(plan.emergency.below));
                let (step, least) = (lanes.float(plan.emergency_step), lanes.float(plan.emergency_least));
                let cost = lanes.fma(lanes.number(uniform), step, least);
                self.emergency[month][register] = lanes.masked(comes, cost);
            }
        }
    }

    /// The promotion and the raise.
    #[inline(always)]
    fn events(&mut self, lanes: L, plan: &Plan, draws: &Tile<Draws<L::Word>>) {
        for (register, draws) in draws.iter().enumerate() {
            const EVENT: usize = PAIRS - 1;
            let polar = Polar::new(lanes, &plan.raises, draws.radius[EVENT], draws.angle[EVENT]);
            let radius = lanes.sqrt(polar.square);
            let promotion = lanes.fma(radius, polar.cos, lanes.float(plan.promotion_mean));
            let promoted = lanes.below(draws.uniform[EVENT], lanes.word(plan.promotion.below));
            self.promotion[register] = lanes.masked(promoted, promotion);
            self.raise[register] = lanes.fma(radius, polar.sin, lanes.float(plan.raise_mean));
        }
    }

    /// The shocks of a `month` of the half year, for one register.
    #[inline(always)]
    pub(crate) fn month(&self, month: usize, register: usize) -> Shocks<L> {
        Shocks {
            emergency: self.emergency[month][register],
            square: self.square[month / 2][register],
            direction: self.direction[month][register],
        }
    }
}
