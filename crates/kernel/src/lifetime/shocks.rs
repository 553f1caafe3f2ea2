//! The shocks of a plan in addition to those of a plain household: markets, yearly inflation and
//! lifetimes. Computes them for a tile of simulations, from the keystream to the numbers that the
//! rules read.
//!
//! Each source reads its own blocks, so it doesn't change the draws of others. Plans that are
//! simulated side by side share all shocks.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use super::rules::Lives;
use super::{Bootstrap, Inflation, Lifetime, Market, Regimes, YEAR, Yearly};
use crate::draws::{
    Bits, CHANGES, CHOICES, LIVES, LOGNORMAL_PAIRS, PRICE_PAIRS, PRICE_YEARS, STUDENT_ANGLES, STUDENT_RADII,
    Source, field,
};
use crate::keystream::{Streams, Uniform, WORDS};
use crate::lanes::Lanes;
use crate::lanes::Register;
use crate::normals::{Axes, Polar};
use crate::numerics;
use crate::tile::{REGISTERS, Tile};

/// The constants of every block that a walk reads beyond the household's.
pub(crate) struct Blocks {
    market: Vec<[Uniform; 2]>,
    prices: Vec<Uniform>,
    lives: Option<Uniform>,
}

impl Blocks {
    /// The constants for a plan over this many months, for simulations with this high half of their
    /// index.
    pub(crate) fn new(plan: &Lifetime, months: usize, high: u32) -> Self {
        let uniform = |source: Source, index: u32| Uniform::new(&plan.plan.key, source.block(index), high);
        let years = months.div_ceil(YEAR);
        let market = match plan.market {
            Market::Normal { .. } => 0,
            _ => years,
        };
        let prices = match plan.inflation {
            Inflation::Yearly(_) => years.div_ceil(PRICE_YEARS),
            Inflation::Monthly | Inflation::Rows => 0,
        };
        Self {
            market: (0..)
                .map(|year| [2 * year, 2 * year + 1].map(|index| uniform(Source::Market, index)))
                .take(market)
                .collect(),
            prices: (0..).map(|index| uniform(Source::Prices, index)).take(prices).collect(),
            lives: (!plan.alive.is_empty()).then(|| uniform(Source::Lives, 0)),
        }
    }
}

impl Blocks {
    /// The block of people's lives, where there are people.
    pub(crate) fn lives(&self) -> Option<&Uniform> {
        self.lives.as_ref()
    }
}

/// The shocks of a tile, up to its current month.
pub(crate) struct Shocks<L: Lanes> {
    /// The market's draws of each month of the year, which don't depend on the months before.
    market: [Tile<L::Float>; YEAR],
    /// The uniforms of regimes and bootstrap: changes, and the rows that new blocks begin with.
    changes: [Tile<L::Word>; YEAR],
    choices: [Tile<L::Float>; YEAR],
    /// The month's draw.
    pub(crate) draw: Tile<L::Float>,
    /// The innovation of the next year, and the year's inflation as a deviation from what is
    /// planned.
    innovation: Tile<L::Float>,
    deviation: Tile<L::Float>,
    /// The rate by which prices rise in each month of the year, or with the month's row, beyond the
    /// plan.
    rate: Tile<L::Float>,
    /// The return of the month's row, if rows have one and inflation.
    returns: Tile<L::Float>,
    price_words: Tile<[L::Word; WORDS]>,
    /// The uniforms of people's lives.
    lives: [Tile<L::Word>; 2],
    /// The streams, prepared for the blocks of each source.
    market_streams: Tile<Streams<L>>,
    price_streams: Tile<Streams<L>>,
}

impl<L: Register> Shocks<L> {
    #[inline(always)]
    pub(crate) fn new(lanes: L, key: &[u32; 8]) -> Self {
        let any = Uniform::new(key, Source::Lives.block(0), 0);
        let streams = Tile::filled(Streams::new(lanes, key, &any, 0));
        let (number, word) = (Tile::filled(lanes.float(0.0)), Tile::filled(lanes.word(0)));
        Self {
            market: [number; YEAR],
            changes: [word; YEAR],
            choices: [number; YEAR],
            draw: number,
            innovation: number,
            deviation: number,
            rate: number,
            returns: number,
            price_words: Tile::filled([lanes.word(0); WORDS]),
            lives: [word; 2],
            market_streams: streams,
            price_streams: streams,
        }
    }

    /// Starts with other simulations, of which these are the low halves of the indices.
    #[inline(always)]
    pub(crate) fn begin(&mut self, lanes: L, key: &[u32; 8], blocks: &Blocks, indices: &Tile<L::Word>) {
        self.draw = Tile::filled(lanes.float(0.0));
        self.deviation = Tile::filled(lanes.float(0.0));
        for (register, &index) in indices.iter().enumerate() {
            if let Some(uniform) = &blocks.lives {
                let words = Streams::of(lanes, key, uniform, index).block(lanes, uniform);
                self.lives[0][register] = field(lanes, &words, LIVES[0]);
                self.lives[1][register] = field(lanes, &words, LIVES[1]);
            }
            if let Some([uniform, _]) = blocks.market.first() {
                self.market_streams[register] = Streams::of(lanes, key, uniform, index);
            }
            if let Some(uniform) = blocks.prices.first() {
                self.price_streams[register] = Streams::of(lanes, key, uniform, index);
            }
        }
    }

    /// Computes what a year needs.
    #[inline(always)]
    pub(crate) fn year(&mut self, lanes: L, plan: &Lifetime, blocks: &Blocks, year: usize) {
        if let Inflation::Yearly(yearly) = &plan.inflation {
            self.yearly_inflation(lanes, yearly, blocks, year);
        }
        match &plan.market {
            Market::Normal { .. } => {}
            Market::Lognormal { .. } => self.lognormal(lanes, &blocks.market[year][0]),
            Market::StudentT { degrees, .. } => {
                self.student(lanes, *degrees, &blocks.market[year]);
            }
            Market::Regimes(_) => self.uniforms(lanes, &blocks.market[year][0], None),
            Market::Bootstrap(bootstrap) => {
                let choices = Some((&blocks.market[year][1], bootstrap.count));
                self.uniforms(lanes, &blocks.market[year][0], choices);
            }
        }
    }

    #[inline(always)]
    fn lognormal(&mut self, lanes: L, uniform: &Uniform) {
        for register in 0..REGISTERS {
            let streams = self.market_streams[register];
            let words = streams.block(lanes, uniform);
            for (pair, [radius, angle]) in LOGNORMAL_PAIRS.into_iter().enumerate() {
                let (radius, angle) = (field(lanes, &words, radius), field(lanes, &words, angle));
                let polar = Polar::new(lanes, &Axes::UNIT, radius, angle);
                let radius = lanes.sqrt(polar.square);
                self.market[2 * pair][register] = lanes.mul(radius, polar.cos);
                self.market[2 * pair + 1][register] = lanes.mul(radius, polar.sin);
            }
        }
    }

    /// √(ν·(U^(−2/ν) − 1))·cos(2πV) has Student's t distribution with ν degrees of freedom (R.
    /// Bailey, "Polar generation of random variates with the t-distribution", 1994).
    #[inline(always)]
    fn student(&mut self, lanes: L, degrees: f32, uniforms: &[Uniform; 2]) {
        for register in 0..REGISTERS {
            let streams = self.market_streams[register];
            let radii = streams.block(lanes, &uniforms[0]);
            let angles = streams.block(lanes, &uniforms[1]);
            for (month, (radius, angle)) in STUDENT_RADII.into_iter().zip(STUDENT_ANGLES).enumerate() {
                let radius = part(lanes, &radii, radius);
                let angle = part(lanes, &angles, angle);
                let polar = Polar::new(lanes, &Axes::UNIT, radius, angle);
                let power = numerics::expm1(lanes, lanes.mul(polar.square, lanes.float(1.0 / degrees)));
                let radius = lanes.sqrt(lanes.mul(power, lanes.float(degrees)));
                self.market[month][register] = lanes.mul(radius, polar.cos);
            }
        }
    }

    #[inline(always)]
    fn uniforms(&mut self, lanes: L, changes: &Uniform, choices: Option<(&Uniform, f32)>) {
        /// Expands to all months of a year, so that each part is a constant where it is used.
        macro_rules! months {
            ($words:ident, $table:ident, |$month:ident, $part:ident| $body:expr; $($i:literal)+) => {
                $({
                    let ($month, $part) = ($i, part(lanes, &$words, const { $table[$i] }));
                    $body
                })+
            };
        }
        for register in 0..REGISTERS {
            let streams = self.market_streams[register];
            let words = streams.block(lanes, changes);
            months!(words, CHANGES, |month, change| self.changes[month][register] = change;
                0 1 2 3 4 5 6 7 8 9 10 11);
            if let Some((uniform, count)) = choices {
                let words = streams.block(lanes, uniform);
                months!(words, CHOICES, |month, choice| {
                    self.choices[month][register] = numerics::choice(lanes, choice, count);
                }; 0 1 2 3 4 5 6 7 8 9 10 11);
            }
        }
    }

    #[inline(always)]
    fn yearly_inflation(&mut self, lanes: L, yearly: &Yearly, blocks: &Blocks, year: usize) {
        let within = year % PRICE_YEARS;
        let innovation_std = lanes.float(yearly.innovations[usize::from(year > 0)]);
        let [inverse, least] = yearly.years[year];
        let (inverse, least) = (lanes.float(inverse), lanes.float(least));
        for register in 0..REGISTERS {
            if within == 0 {
                self.price_words[register] =
                    self.price_streams[register].block(lanes, &blocks.prices[year / PRICE_YEARS]);
            }
            let mut normal = self.innovation[register];
            if year.is_multiple_of(2) {
                let [radius, angle] = PRICE_PAIRS[within / 2];
                let words = &self.price_words[register];
                let (radius, angle) = (field(lanes, words, radius), field(lanes, words, angle));
                let polar = Polar::new(lanes, &Axes::UNIT, radius, angle);
                let radius = lanes.sqrt(polar.square);
                normal = lanes.mul(radius, polar.cos);
                self.innovation[register] = lanes.mul(radius, polar.sin);
            }
            let kept = lanes.mul(self.deviation[register], lanes.float(yearly.persistence));
            let deviation = lanes.fma(normal, innovation_std, kept);
            self.deviation[register] = deviation;
            let relative = lanes.larger(lanes.mul(deviation, inverse), least);
            self.rate[register] = numerics::twelfth_root_rate(lanes, relative);
        }
    }

    /// Computes the market's draw of a month. Regimes and rows depend on those of the previous
    /// month.
    #[inline(always)]
    pub(crate) fn month(&mut self, lanes: L, market: &Market, month: usize) {
        let within = month % YEAR;
        match market {
            Market::Normal { .. } => {}
            Market::Lognormal { .. } | Market::StudentT { .. } => self.draw = self.market[within],
            Market::Regimes(regimes) => self.regime(lanes, regimes, month),
            Market::Bootstrap(bootstrap) => self.row(lanes, bootstrap, month),
        }
    }

    #[inline(always)]
    fn regime(&mut self, lanes: L, regimes: &Regimes, month: usize) {
        let (calm, stress) = (lanes.float(0.0), lanes.float(1.0));
        let enter = if month == 0 { regimes.begin } else { regimes.enter };
        for (draw, &uniform) in self.draw.iter_mut().zip(self.changes[month % YEAR].iter()) {
            let is_stress = lanes.less(calm, *draw);
            let left = lanes.below(uniform, lanes.word(regimes.leave.below));
            let entered = lanes.below(uniform, lanes.word(enter.below));
            let from_stress = lanes.select(left, calm, stress);
            *draw = lanes.select(is_stress, from_stress, lanes.select(entered, stress, calm));
        }
    }

    #[inline(always)]
    fn row(&mut self, lanes: L, bootstrap: &Bootstrap, month: usize) {
        let last = lanes.float(bootstrap.count - 1.0);
        let within = month % YEAR;
        for (register, draw) in self.draw.iter_mut().enumerate() {
            let choice = self.choices[within][register];
            if month == 0 {
                *draw = choice;
                continue;
            }
            let next = lanes.masked(lanes.less(*draw, last), lanes.add(*draw, lanes.float(1.0)));
            let uniform = self.changes[within][register];
            let begins = lanes.below(uniform, lanes.word(bootstrap.new_block.below));
            *draw = lanes.select(begins, choice, next);
        }
        if bootstrap.whole.is_empty() {
            return;
        }
        for register in 0..REGISTERS {
            let row = numerics::whole_word(lanes, self.draw[register]);
            [self.returns[register], self.rate[register]] = lanes.gather_pairs(&bootstrap.whole, row);
        }
    }

    /// The returns of the month's rows, if they have been read together with their inflation.
    #[inline(always)]
    pub(crate) fn returns(&self, market: &Market) -> Option<&Tile<L::Float>> {
        match market {
            Market::Bootstrap(bootstrap) if !bootstrap.whole.is_empty() => Some(&self.returns),
            _ => None,
        }
    }

    /// The rate by which prices rise in a month beyond the plan, in one register; `household` is
    /// the rate from the household's own draw.
    #[inline(always)]
    pub(crate) fn inflation(
        &self,
        lanes: L,
        plan: &Lifetime,
        register: usize,
        household: L::Float,
    ) -> L::Float {
        match (&plan.inflation, &plan.market) {
            (Inflation::Rows, Market::Bootstrap(bootstrap)) if bootstrap.whole.is_empty() => {
                let row = numerics::whole_word(lanes, self.draw[register]);
                lanes.gather(&bootstrap.inflation, row)
            }
            (Inflation::Yearly(_) | Inflation::Rows, _) => self.rate[register],
            (Inflation::Monthly, _) => household,
        }
    }

    /// Who is alive in a month, of the people of a plan.
    #[inline(always)]
    pub(crate) fn lives<const PEOPLE: usize>(
        &self,
        lanes: L,
        plan: &Lifetime,
        month: usize,
    ) -> Lives<L, PEOPLE> {
        let none = lanes.word(0);
        let mut lives = [Tile::filled(lanes.below(none, none)); PEOPLE];
        for (person, lives) in lives.iter_mut().enumerate() {
            let below = lanes.word(plan.alive[person][month]);
            *lives = lives.map(|register, _| lanes.below(self.lives[person][register], below));
        }
        Lives(lives)
    }
}

/// The integer that one part of a word holds.
#[inline(always)]
fn part<L: Lanes>(lanes: L, words: &[L::Word; WORDS], bits: Bits) -> L::Word {
    let word = lanes.right(words[bits.word], bits.shift);
    if bits.shift + bits.width == 32 {
        word
    } else {
        lanes.and(word, lanes.word(u32::MAX >> (32 - bits.width)))
    }
}

#[cfg(test)]
mod tests;
