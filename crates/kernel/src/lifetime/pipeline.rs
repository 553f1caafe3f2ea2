//! The pipeline of plans: computes outcomes from the constants of plans and a range of indices.
//!
//! As in `pipeline`, a tile of simulations goes through one stage after another. Several plans can
//! share one set of shocks: the job's own plan and those that differ from it only in numbers that
//! the shocks don't depend on (amounts, months, means of returns). Such a plan only costs its
//! months, and its differences to the job's plan are free of the noise of other draws. A plan whose
//! months are the first months of another one costs nothing: its outcomes are read from the other
//! plan's walk.
//!
//! Work on which no plan of a walk depends is omitted: unused draws of a half year, and months
//! after the last death.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use super::order::Order;
use super::outcomes::Outcomes;
use super::rules::{Chance, Households, Lives, NEVER, price_level};
use super::shocks::{Blocks, Shocks};
use super::{Inflation, Lifetime, YEAR, sharing};
use crate::chart::{OBSERVED, Observation};
use crate::draws::{Draws, MONTHS, PAIRS, household_block, kinds};
use crate::keystream::{Streams, Uniform};
use crate::lanes::{Register, Stage, Task, WIDTH_MAX};
use crate::limits::Limits;
use crate::plan::MONEY_RANGE;
use crate::rules::Economy;
use crate::shocks::HalfYear;
use crate::tile::{REGISTERS, Tile};

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

/// What a tile has of the household's own draws.
struct OwnDraws<L: Register> {
    streams: Tile<Streams<L>>,
    draws: Tile<Draws<L::Word>>,
    shocks: HalfYear<L>,
}

/// The state of a tile.
struct State<L: Register> {
    economy: Tile<Economy<L>>,
    /// Months that somebody has lived.
    lived: Tile<L::Float>,
    /// The households of each plan that is walked.
    households: Vec<Households<L>>,
    /// For each of these plans whether its market is that of the longest, which is the first.
    has_market_of_longest: Vec<bool>,
    /// The simulations whose prices or wages met a limit while somebody was alive.
    economy_limits: Limits<L>,
    /// Those whose balances did, for each plan that is walked.
    limits: Vec<Limits<L>>,
}

/// Where the simulations of a tile are in the outcomes.
enum Places<'a> {
    /// Consecutive, from this one on.
    From(usize),
    /// At these places.
    At(&'a [u32]),
}

/// Which of the draws of a half year the plans depend on, as [`kinds`].
fn used_kinds(plans: &[&Lifetime]) -> u8 {
    let is_any = |uses: fn(&Lifetime) -> bool| plans.iter().any(|plan| uses(plan));
    let mut used = 0;
    if is_any(|plan| matches!(plan.inflation, Inflation::Monthly)) {
        used |= kinds::INFLATION;
    }
    if is_any(|plan| plan.follows_wages) {
        used |= kinds::EVENTS;
    }
    if is_any(|plan| plan.plan.emergency.below > 0) {
        used |= kinds::EMERGENCIES;
    }
    used
}

/// The household's draws of a half year: those for cash and of some [`kinds`].
struct HalfYearStage<'a, L: Register, const KINDS: u8> {
    own: &'a mut OwnDraws<L>,
    plan: &'a Lifetime,
    uniform: &'a Uniform,
}

impl<L: Register, const KINDS: u8> Stage<L> for HalfYearStage<'_, L, KINDS> {
    #[inline(always)]
    fn run(self, lanes: L) {
        let OwnDraws { streams, draws, shocks } = self.own;
        for (draws, streams) in draws.iter_mut().zip(streams.iter()) {
            draws.read::<L, KINDS>(lanes, &streams.block(lanes, self.uniform));
        }
        shocks.make::<KINDS>(lanes, &self.plan.plan, draws);
    }
}

impl<L: Register> OwnDraws<L> {
    /// Computes a half year with the smallest of some sets of draws that has those that are used.
    #[inline(always)]
    fn half_year(&mut self, lanes: L, plan: &Lifetime, uniform: &Uniform, used: u8) {
        const EVENTS: u8 = kinds::EMERGENCIES | kinds::EVENTS;
        let own = self;
        if used == 0 {
            lanes.stage(HalfYearStage::<L, 0> { own, plan, uniform });
        } else if used == kinds::EMERGENCIES {
            lanes.stage(HalfYearStage::<L, { kinds::EMERGENCIES }> { own, plan, uniform });
        } else if used & !EVENTS == 0 {
            lanes.stage(HalfYearStage::<L, EVENTS> { own, plan, uniform });
        } else {
            lanes.stage(HalfYearStage::<L, { kinds::ALL }> { own, plan, uniform });
        }
    }
}

/// What a year needs of the other sources of chance.
struct YearStage<'a, L: Register> {
    shocks: &'a mut Shocks<L>,
    plan: &'a Lifetime,
    blocks: &'a Blocks,
    year: usize,
}

impl<L: Register> Stage<L> for YearStage<'_, L> {
    #[inline(always)]
    fn run(self, lanes: L) {
        self.shocks.year(lanes, self.plan, self.blocks, self.year);
    }
}

/// The start of a tile, of which these are the low halves of the indices.
struct StartStage<'a, L: Register> {
    own: &'a mut OwnDraws<L>,
    shocks: &'a mut Shocks<L>,
    state: &'a mut State<L>,
    plans: &'a [&'a Lifetime],
    uniform: &'a Uniform,
    blocks: &'a Blocks,
    indices: &'a Tile<L::Word>,
}

impl<L: Register> Stage<L> for StartStage<'_, L> {
    #[inline(always)]
    fn run(self, lanes: L) {
        let key = &self.plans[0].plan.key;
        for (streams, &index) in self.own.streams.iter_mut().zip(self.indices.iter()) {
            *streams = Streams::of(lanes, key, self.uniform, index);
        }
        self.shocks.begin(lanes, key, self.blocks, self.indices);
        self.state.begin(lanes, self.plans);
    }
}

impl Task for Walk<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of a stream number")]
    fn run<L: Register>(mut self, lanes: L) {
        let (walked, walk_of) = sharing::walks(self.plans);
        // All plans read the same of chance; the longest has tables for every month of the walk.
        let Some(&longest) = walked.first() else { return };
        let months = longest.months();
        let (low, high) = (self.first as u32, (self.first >> 32) as u32);
        let key = &longest.plan.key;
        let uniforms: Vec<Uniform> =
            (0..months.div_ceil(MONTHS)).map(|half| Uniform::new(key, household_block(half), high)).collect();
        let blocks = Blocks::new(longest, months, high);
        let used = used_kinds(&walked);
        let count = self.outcomes[0].finals.len();
        let order = match self.observation {
            Observation::None | Observation::Count(..) => {
                Order::new(lanes, longest, &blocks, low, count as u32)
            }
            // These want balances by index.
            Observation::Collect(_) | Observation::Keep(_) | Observation::Reach { .. } => None,
        };
        let mut shocks = Shocks::new(lanes, key);
        let streams = Tile::filled(Streams::new(lanes, key, &uniforms[0], low));
        let none = [lanes.word(0); PAIRS];
        let draws = Tile::filled(Draws { radius: none, angle: none, uniform: none });
        let mut own = OwnDraws { streams, draws, shocks: HalfYear::new(lanes) };
        let mut state = State::new(lanes, &walked);
        for at in (0..count).step_by(REGISTERS * L::WIDTH) {
            let until = at + REGISTERS * L::WIDTH;
            let indices = indices(lanes, low, at, order.as_ref());
            lanes.stage(StartStage {
                own: &mut own,
                shocks: &mut shocks,
                state: &mut state,
                plans: &walked,
                uniform: &uniforms[0],
                blocks: &blocks,
                indices: &indices,
            });
            let places = match &order {
                None => Places::From(at),
                Some(order) => Places::At(order.numbers(at, REGISTERS * L::WIDTH)),
            };
            let mut observed = self.observed.iter().enumerate().peekable();
            let mut has_ended = false;
            for (half, uniform) in uniforms.iter().enumerate() {
                let begin = half * MONTHS;
                has_ended |= order.as_ref().is_some_and(|order| order.has_ended(until, begin));
                if !has_ended {
                    own.half_year(lanes, longest, uniform, used);
                    if begin.is_multiple_of(YEAR) {
                        let (shocks, year) = (&mut shocks, begin / YEAR);
                        lanes.stage(YearStage { shocks, plan: longest, blocks: &blocks, year });
                    }
                }
                for month in (begin..months).take(MONTHS) {
                    if !has_ended {
                        let (household, shocks, state) = (&own.shocks, &mut shocks, &mut state);
                        self::month(lanes, &walked, used, month, household, (shocks, state));
                    }
                    if let Some((i, _)) = observed.next_if(|(_, after)| **after as usize == month + 1) {
                        self.observe(lanes, i, &places, month, &state.households[walk_of[0]], &state.economy);
                    }
                    if self.plans.iter().any(|plan| plan.months() == month + 1) {
                        let (plans, outcomes) = (self.plans, &mut *self.outcomes);
                        let (places, walk_of, state) = (&places, &walk_of, &state);
                        lanes.stage(EndStage { plans, outcomes, places, month, walk_of, state });
                    }
                }
            }
        }
    }
}

impl<L: Register> State<L> {
    #[inline(always)]
    fn new(lanes: L, plans: &[&Lifetime]) -> Self {
        Self {
            economy: Tile::filled(Economy::new(lanes)),
            lived: Tile::filled(lanes.float(0.0)),
            households: plans.iter().map(|plan| Households::new(lanes, plan)).collect(),
            has_market_of_longest: plans.iter().map(|plan| plan.market.begins(&plans[0].market)).collect(),
            economy_limits: Limits::new(lanes),
            limits: vec![Limits::new(lanes); plans.len()],
        }
    }

    /// Starts with other simulations.
    #[inline(always)]
    fn begin(&mut self, lanes: L, plans: &[&Lifetime]) {
        self.economy = Tile::filled(Economy::new(lanes));
        self.lived = Tile::filled(lanes.float(0.0));
        for (households, plan) in self.households.iter_mut().zip(plans) {
            *households = Households::new(lanes, plan);
        }
        self.economy_limits = Limits::new(lanes);
        self.limits.fill(Limits::new(lanes));
    }
}

/// The low halves of the indices of a tile's simulations, from the `at`-th on. What lies beyond the
/// last one is any simulation.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a walk has far less than 2³² simulations")]
pub(super) fn indices<L: Register>(lanes: L, low: u32, at: usize, order: Option<&Order>) -> Tile<L::Word> {
    let mut indices = Tile::filled(lanes.word(low));
    for (register, word) in indices.iter_mut().enumerate() {
        let at = at + register * L::WIDTH;
        let mut lane = [low; WIDTH_MAX];
        match order {
            None => {
                for (index, number) in lane.iter_mut().zip(at as u32..) {
                    *index = low.wrapping_add(number);
                }
            }
            Some(order) => {
                for (index, &number) in lane.iter_mut().zip(order.numbers(at, L::WIDTH)) {
                    *index = low.wrapping_add(number);
                }
            }
        }
        *word = lanes.words(&lane);
    }
    indices
}

/// A month of every plan whose timeline reaches it. The first is the longest. All have `PEOPLE`.
struct MonthStage<'a, L: Register, const PEOPLE: usize> {
    plans: &'a [&'a Lifetime],
    used: u8,
    month: usize,
    household: &'a HalfYear<L>,
    shocks: &'a mut Shocks<L>,
    state: &'a mut State<L>,
}

/// Computes a month with the stage for the number of people.
#[inline(always)]
fn month<L: Register>(
    lanes: L,
    plans: &[&Lifetime],
    used: u8,
    month: usize,
    household: &HalfYear<L>,
    (shocks, state): (&mut Shocks<L>, &mut State<L>),
) {
    match plans[0].alive.len() {
        0 => lanes.stage(MonthStage::<L, 0> { plans, used, month, household, shocks, state }),
        1 => lanes.stage(MonthStage::<L, 1> { plans, used, month, household, shocks, state }),
        _ => lanes.stage(MonthStage::<L, 2> { plans, used, month, household, shocks, state }),
    }
}

impl<L: Register, const PEOPLE: usize> Stage<L> for MonthStage<'_, L, PEOPLE> {
    #[inline(always)]
    fn run(self, lanes: L) {
        let Self { plans, used, month, household, shocks, state } = self;
        let longest = plans[0];
        let within = month % MONTHS;
        let lives: Lives<L, PEOPLE> = shocks.lives(lanes, longest, month);
        if within == MONTHS - 1 {
            let bounds = longest.bounds[month / MONTHS];
            for (register, economy) in state.economy.iter_mut().enumerate() {
                if used & kinds::EVENTS != 0 {
                    let raise = (month % YEAR == YEAR - 1).then_some(household.raise[register]);
                    economy.raises(lanes, raise, household.promotion[register]);
                }
                economy.bound(lanes, bounds);
            }
            for (factor, range) in bounds.into_iter().enumerate() {
                let factor = |register: usize| state.economy[register].factors()[factor].deviation;
                state.economy_limits.add(lanes, range, factor, |register| lives.any(lanes, register));
            }
        }
        shocks.month(lanes, &longest.market, month);
        for (register, economy) in state.economy.iter_mut().enumerate() {
            let own = household.inflation[within][register];
            economy.inflation(lanes, shocks.inflation(lanes, longest, register, own));
        }
        if PEOPLE == 0 {
            state.lived = Tile::filled(lanes.float((month + 1) as f32));
        } else {
            state.lived = state.lived.map(|register, lived| match lives.any(lanes, register) {
                Some(somebody) => lanes.add(lived, lanes.masked(somebody, lanes.float(1.0))),
                None => lived,
            });
        }
        let returns = shocks.returns(&longest.market);
        for (i, plan) in plans.iter().enumerate() {
            if month >= plan.months() {
                continue;
            }
            let chance = Chance {
                economy: &state.economy,
                shocks: household,
                market: &shocks.draw,
                returns: returns.filter(|_| state.has_market_of_longest[i]),
                lives: &lives,
            };
            let (households, limits) = (&mut state.households[i], &mut state.limits[i]);
            households.month(lanes, plan, month, &chance);
            // The balances of the dead stay as they are.
            limits.add(lanes, MONEY_RANGE, |register| households.balance[register].high, |_| None);
        }
    }
}

impl Walk<'_> {
    /// Hands the first plan's balances after a month to the observation.
    #[inline(always)]
    fn observe<L: Register>(
        &mut self,
        lanes: L,
        stop: usize,
        places: &Places<'_>,
        month: usize,
        households: &Households<L>,
        economy: &Tile<Economy<L>>,
    ) {
        let (at, count) = match places {
            &Places::From(at) => (at, (self.outcomes[0].finals.len() - at).min(REGISTERS * L::WIDTH)),
            // What is observed in this order is only counted.
            Places::At(numbers) => (0, numbers.len()),
        };
        let plan = self.plans[0];
        let balances = &mut balances(lanes, plan, month, households, economy)[..count];
        // Who was short has not reached a goal of never being so.
        if plan.never_short && matches!(self.observation, Observation::Reach { .. }) {
            for (register, &short) in households.first_short.iter().enumerate() {
                let mut first_short = [0.0; WIDTH_MAX];
                lanes.store(short, &mut first_short);
                let balances = balances.iter_mut().skip(register * L::WIDTH);
                for (balance, short) in balances.zip(&first_short[..L::WIDTH]) {
                    *balance = if *short < NEVER { f32::NEG_INFINITY } else { *balance };
                }
            }
        }
        self.observation.add(stop, at, balances);
    }
}

/// Writes the outcomes of the plans whose timeline ends with a month.
struct EndStage<'a, L: Register> {
    plans: &'a [&'a Lifetime],
    outcomes: &'a mut [Outcomes],
    places: &'a Places<'a>,
    month: usize,
    walk_of: &'a [usize],
    state: &'a State<L>,
}

impl<L: Register> Stage<L> for EndStage<'_, L> {
    #[inline(always)]
    fn run(self, lanes: L) {
        let Self { plans, outcomes, places, month, walk_of, state } = self;
        for ((plan, outcomes), &walk) in plans.iter().zip(outcomes).zip(walk_of) {
            if month + 1 != plan.months() {
                continue;
            }
            let households = &state.households[walk];
            let figures = [
                &state.lived,
                &households.first_short,
                &households.lowest,
                &households.lowest_multiplier,
                &households.multiplier_sum,
            ];
            let Outcomes {
                finals,
                first_short,
                lowest,
                lowest_multiplier,
                multiplier_sum,
                horizon,
                is_limited,
            } = outcomes;
            let others = Some(&state.economy_limits);
            *is_limited |= plan.plan.is_limited
                || state.limits[walk].any(lanes, others, |place| places.has(place, finals.len()));
            let outcomes = [horizon, first_short, lowest, lowest_multiplier, multiplier_sum];
            for (figures, out) in figures.iter().zip(outcomes) {
                places.fill(out, &stored(lanes, figures)[..REGISTERS * L::WIDTH]);
            }
            let balances = balances(lanes, plan, month, households, &state.economy);
            places.fill(finals, &balances[..REGISTERS * L::WIDTH]);
        }
    }
}

impl Places<'_> {
    /// Whether a place of the tile is that of one of `count` simulations.
    fn has(&self, place: usize, count: usize) -> bool {
        match self {
            &Self::From(at) => at + place < count,
            Self::At(numbers) => numbers.get(place).is_some_and(|&number| (number as usize) < count),
        }
    }

    /// Writes the figures of a tile to their places, where there is room for them.
    fn fill(&self, out: &mut [f32], figures: &[f32]) {
        match self {
            &Places::From(at) => {
                if let Some(out) = out.get_mut(at..) {
                    let count = out.len().min(figures.len());
                    out[..count].copy_from_slice(&figures[..count]);
                }
            }
            Places::At(numbers) => {
                for (&number, &figure) in numbers.iter().zip(figures) {
                    if let Some(out) = out.get_mut(number as usize) {
                        *out = figure;
                    }
                }
            }
        }
    }
}

/// Balances of a tile as they are reported after a month: less what is owed on cards.
#[inline(always)]
fn balances<L: Register>(
    lanes: L,
    plan: &Lifetime,
    month: usize,
    households: &Households<L>,
    economy: &Tile<Economy<L>>,
) -> [f32; OBSERVED] {
    let owed = plan.plan.owed[month + 1];
    let mut balances = Tile::filled(lanes.float(0.0));
    for (register, balance) in balances.iter_mut().enumerate() {
        *balance = households.shown[register];
        if owed > 0.0 {
            let mut shown = lanes.float(owed);
            if plan.is_real {
                let level = price_level(lanes, plan, month, economy[register].prices.deviation);
                shown = lanes.div(shown, level);
            }
            *balance = lanes.sub(*balance, shown);
        }
    }
    stored(lanes, &balances)
}

/// The lanes of a tile's registers in order. What lies beyond the last register is 0.
#[inline(always)]
fn stored<L: Register>(lanes: L, tile: &Tile<L::Float>) -> [f32; OBSERVED] {
    let mut all = [0.0; OBSERVED];
    for (register, &x) in tile.iter().enumerate() {
        let mut numbers = [0.0; WIDTH_MAX];
        lanes.store(x, &mut numbers);
        all[register * L::WIDTH..(register + 1) * L::WIDTH].copy_from_slice(&numbers[..L::WIDTH]);
    }
    all
}

#[cfg(test)]
pub(crate) mod tests;
