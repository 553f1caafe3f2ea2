//! The model in plain code: one simulation at a time, with draws from `rand_chacha`.
//!
//! [`final_balance`] repeats the arithmetic of the lanes, operation by operation, and gives the
//! same bits as every level. The levels are tested against it, and it replays single simulations.
//! [`final_balance_f64`] is the documented model in double precision on the same draws, with the
//! standard library's logarithm and sine. It shows the effect of single precision.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use carlo_types::JobSpec;

use crate::draws::{ANGLES, Bits, Field, PAIRS, RADII, Source, UNIFORMS, household_block};
use crate::normals::{ANGLE_STEP, Axes, FIRST_ANGLE, LAST_OCTAVE, LOG, OCTAVE, WITHIN_HALF_TURN};
use crate::plan::{MONEY_BOUND, Plan, Range, Schedule, starting_balance};

/// Reads the blocks of one simulation's stream.
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of simulation `index` of a job with this seed.
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let mut stream = ChaCha8Rng::seed_from_u64(seed);
        stream.set_stream(index);
        Self(stream)
    }

    /// The words of a block.
    pub(crate) fn block(&mut self, block: u64) -> [u32; 16] {
        self.0.set_word_pos(16 * u128::from(block));
        std::array::from_fn(|_| self.0.next_u32())
    }

    /// The household's draws of a half year.
    pub(crate) fn household(&mut self, half_year: usize) -> Draws {
        let words = self.block(household_block(half_year));
        let fields = |table: &[Field; PAIRS]| table.map(|field| value(&words, field));
        Draws { radius: fields(&RADII), angle: fields(&ANGLES), uniform: fields(&UNIFORMS) }
    }
}

/// The integer that a field holds.
pub(crate) fn value(words: &[u32; 16], field: Field) -> u32 {
    field.iter().fold(0, |value, &bits| value << bits.width | part(words, bits))
}

/// The integer that a part of a word holds.
pub(crate) fn part(words: &[u32; 16], bits: Bits) -> u32 {
    (words[bits.word] >> bits.shift) & (u32::MAX >> (32 - bits.width))
}

/// A half year's draws; see `draws` for their bits.
#[derive(Clone, Copy)]
pub(crate) struct Draws {
    pub(crate) radius: [u32; PAIRS],
    pub(crate) angle: [u32; PAIRS],
    pub(crate) uniform: [u32; PAIRS],
}

impl Draws {
    /// The pair that a normal of month `i` belongs to, and which of the two it is: the normals of
    /// cash, and three pairs further on those of inflation.
    fn of_month(&self, i: usize, further: usize) -> (u32, u32, usize) {
        let pair = i / 2 + further;
        (self.radius[pair], self.angle[pair], i % 2)
    }
}

/// A computed month. Sums are in dollars.
pub(crate) struct Month {
    pub(crate) income: f64,
    pub(crate) spending: f64,
    pub(crate) payment: f64,
    pub(crate) emergency: Option<f64>,
    /// The balance above the reserve before the month.
    pub(crate) invested: f64,
    /// Standard deviations of income, spending and return.
    pub(crate) stds: [f64; 3],
    pub(crate) annual_raise: Option<f64>,
    pub(crate) promotion_raise: Option<f64>,
    /// The balance before the month.
    pub(crate) before: f64,
    /// The balance after the month.
    pub(crate) balance: f64,
}

/// The final balance of simulation `index` of the job, in dollars: the same bits as the kernel's.
pub fn final_balance(spec: &JobSpec, index: u64) -> f32 {
    walk(spec.seed(), &Plan::new(spec), index, |_| {})
}

/// Grows a level's random factor by a rate. Factors are stored as deviations from 1.
pub(crate) fn grown(deviation: f32, rate: f32) -> f32 {
    (1.0 + deviation).mul_add(rate, deviation)
}

pub(crate) fn within(x: f32, range: Range) -> f32 {
    x.max(range.low).min(range.high)
}

/// The same for a job with this seed and plan. `each` is called with every month.
pub(crate) fn walk(seed: u64, plan: &Plan, index: u64, mut each: impl FnMut(Month)) -> f32 {
    let mut stream = Stream::new(seed, index);
    let [mut high, mut low] = plan.balance;
    let (mut prices, mut wages) = (0.0_f32, 0.0_f32);
    let mut draws = stream.household(0);
    for month in 0..plan.months {
        let (half, i) = (month / 6, month % 6);
        let budget = &plan.budgets[month][0];
        if i == 0 && month > 0 {
            draws = stream.household(half);
        }
        let (mut annual_raise, mut promotion_raise) = (None, None);
        if i == 5 {
            let [price_bounds, wage_bounds] = plan.bounds[half];
            prices = within(prices, price_bounds);
            let Polar { square, direction } = polar(&plan.raises, draws.radius[6], draws.angle[6]);
            if month % 12 == 11 {
                let chance = square.sqrt().mul_add(direction[1], plan.raise_mean);
                wages = grown(wages, chance);
                annual_raise = Some(whole_rate(plan.planned.raise, chance));
            }
            if plan.promotion.succeeds(draws.uniform[6]) {
                let chance = square.sqrt().mul_add(direction[0], plan.promotion_mean);
                wages = grown(wages, chance);
                promotion_raise = Some(whole_rate(plan.planned.promotion, chance));
            }
            wages = within(wages, wage_bounds);
            high = within(high, Range { low: -MONEY_BOUND, high: MONEY_BOUND });
        }
        // 1.
        let (radius, angle, which) = draws.of_month(i, 3);
        let Polar { square, direction } = polar(&plan.inflation, radius, angle);
        prices = grown(prices, square.sqrt() * direction[which]);
        // 4 and 5.
        let mut cash = wages.mul_add(budget.income, budget.planned[0]);
        cash = prices.mul_add(-budget.spending, cash);
        let comes = plan.emergency.succeeds(draws.uniform[i]);
        let emergency = if comes {
            (draws.uniform[i] as f32).mul_add(plan.emergency_step, plan.emergency_least)
        } else {
            0.0
        };
        cash -= emergency;
        // 6.
        let excess = high - budget.reserve;
        let invested = if excess > 0.0 { excess } else { 0.0 };
        cash = invested.mul_add(plan.return_mean[0], cash);
        let small = invested.mul_add(plan.return_mean[1], budget.planned[1]);
        // 4 and 6, chance.
        let (wage_square, price_square) = ((1.0 + wages).powi(2), (1.0 + prices).powi(2));
        let variance = price_square.mul_add(budget.spending_variance, wage_square * budget.income_variance);
        let (radius, angle, which) = draws.of_month(i, 0);
        let Polar { square, direction } = polar(&Axes::UNIT, radius, angle);
        let noise_square = (invested * invested).mul_add(square * plan.return_variance, variance * square);
        cash = noise_square.sqrt().mul_add(direction[which], cash);
        // 7.
        let before = f64::from(high) + f64::from(low);
        let carried = low + small;
        let change = cash + carried;
        let sum = high + change;
        (high, low) = (sum, (change - (sum - high)) + (carried - (change - cash)));
        each(Month {
            income: f64::from(budget.income) * (1.0 + f64::from(wages)),
            spending: f64::from(budget.spending) * (1.0 + f64::from(prices)),
            payment: plan.planned.payments[month],
            emergency: comes.then_some(f64::from(emergency) + plan.planned.emergency),
            invested: invested.into(),
            stds: [
                f64::from(wage_square * budget.income_variance).sqrt(),
                f64::from(price_square * budget.spending_variance).sqrt(),
                f64::from(invested) * f64::from(plan.return_variance).sqrt(),
            ],
            annual_raise,
            promotion_raise,
            before,
            balance: f64::from(high) + f64::from(low),
        });
    }
    high + low - plan.owed[plan.months]
}

/// A growth rate from its planned and its random part.
pub(crate) fn whole_rate(planned: f64, chance: f32) -> f64 {
    (1.0 + planned) * (1.0 + f64::from(chance)) - 1.0
}

fn polynomial(coefficients: &[f32], x: f32) -> f32 {
    coefficients
        .iter()
        .rev()
        .copied()
        .reduce(|sum, coefficient| sum.mul_add(x, coefficient))
        .expect("not empty")
}

/// Two normals, √`square` times a direction's cosine and sine; `normals` says how.
pub(crate) struct Polar {
    pub(crate) square: f32,
    pub(crate) direction: [f32; 2],
}

pub(crate) fn polar(axes: &Axes, radius: u32, angle: u32) -> Polar {
    let x = (radius as f32).mul_add(2.0, 1.0);
    let exponent = (x.to_bits() >> 23).cast_signed() - 127;
    let t = 2.0 - f32::from_bits(x.to_bits() & 0x007f_ffff | 0x3f80_0000);
    let octaves = (exponent as f32).mul_add(-OCTAVE, LAST_OCTAVE * OCTAVE);
    let y = ((angle & WITHIN_HALF_TURN) as f32).mul_add(ANGLE_STEP, FIRST_ANGLE);
    let cos = polynomial(&axes.cos, y * y);
    let cos = if angle > WITHIN_HALF_TURN { -cos } else { cos };
    Polar {
        square: t.mul_add(polynomial(&LOG, t), octaves),
        direction: [cos, polynomial(&axes.sin, y * y) * y],
    }
}

/// The final balance of simulation `index` of the job, in dollars, in double precision throughout.
pub fn final_balance_f64(spec: &JobSpec, index: u64) -> f64 {
    let (profile, params) = (&spec.profile, &spec.params);
    let schedule = Schedule::new(spec, spec.goal.timeline_months as usize);
    let bound = f64::from(MONEY_BOUND);
    let reserve = 6.0 * profile.monthly_spending;
    let mut balance = starting_balance(spec);
    let (mut income, mut spending) = (spec.inputs.monthly_income, profile.monthly_spending);
    let mut stream = Stream::new(spec.seed(), index);
    let mut draws = stream.household(0);
    for (month, payment) in schedule.payments.iter().enumerate() {
        let i = month % 6;
        if i == 0 && month > 0 {
            draws = stream.household(month / 6);
        }
        if i == 5 {
            let promoted = uniform(draws.uniform[6]) < params.promotion_probability;
            let [z_promotion, z_raise] = normals_f64(draws.radius[6], draws.angle[6]);
            balance = balance.clamp(-bound, bound);
            spending = spending.clamp(-bound, bound);
            if month % 12 == 11 {
                income *= 1.0 + params.annual_raise_mean + z_raise * params.annual_raise_volatility;
            }
            if promoted {
                income *= 1.0 + params.promotion_raise_mean + z_promotion * params.promotion_raise_volatility;
            }
            income = income.clamp(-bound, bound);
        }
        let (radius, angle, which) = draws.of_month(i, 3);
        let z_spending = normals_f64(radius, angle)[which];
        let (radius, angle, which) = draws.of_month(i, 0);
        let z_cash = normals_f64(radius, angle)[which];
        let emergency = uniform(draws.uniform[i]);

        spending *= 1.0 + (params.inflation_rate + z_spending * params.inflation_volatility) / 12.0;
        let invested = (balance - reserve).max(0.0);
        let variance = (income * params.income_volatility).powi(2)
            + (spending * params.expense_volatility).powi(2)
            + (invested * params.annual_return_std).powi(2) / 12.0;
        let mut cash = income - payment - spending;
        if emergency < params.emergency_probability {
            let share = emergency / params.emergency_probability;
            cash -= params.emergency_min + share * (params.emergency_max - params.emergency_min);
        }
        balance += cash + invested * params.annual_return_mean / 12.0 + variance.sqrt() * z_cash;
    }
    balance - schedule.owed[schedule.payments.len()]
}

/// In (0, 1): the middle of a step of 2⁻²⁴.
fn uniform(integer: u32) -> f64 {
    (f64::from(integer) + 0.5) / 16_777_216.0
}

/// The two normals of a radius and an angle.
pub(crate) fn normals_f64(radius: u32, angle: u32) -> [f64; 2] {
    let u = (f64::from(radius) + 0.5) / 268_435_456.0;
    let r = (-2.0 * u.ln()).sqrt();
    let y = f64::from(angle & WITHIN_HALF_TURN) / 262_144.0 - 1.0 + 0.5 / 262_144.0;
    let (sin, cos) = (y * std::f64::consts::FRAC_PI_2).sin_cos();
    [if angle > WITHIN_HALF_TURN { -r * cos } else { r * cos }, r * sin]
}

/// The words that split the months of simulation `index` for a replay: those of the half years'
/// blocks of the source [`Source::Replay`], month by month.
pub(crate) fn splits(stream: &mut Stream, month: usize) -> [u32; 16] {
    let index = u32::try_from(month).expect("at most 1,200 months");
    stream.block(Source::Replay.block(index))
}

/// Three normals with these standard deviations, given their sum. The one with the largest
/// deviation absorbs rounding errors.
pub(crate) fn split(sum: f64, stds: [f64; 3], words: [u32; 16]) -> [f64; 3] {
    let normals = |i: usize| normals_f64(words[i] >> 4, words[i + 1] >> 12);
    let ([z0, z1], [z2, _]) = (normals(0), normals(2));
    let free = [stds[0] * z0, stds[1] * z1, stds[2] * z2];
    let variance: f64 = stds.iter().map(|std| std * std).sum();
    let rest = sum - free.iter().sum::<f64>();
    let mut parts = [0.0; 3];
    if variance > 0.0 {
        for i in 0..3 {
            parts[i] = free[i] + stds[i] * stds[i] / variance * rest;
        }
    }
    let largest = (0..3).fold(0, |largest, i| if stds[i].abs() > stds[largest].abs() { i } else { largest });
    parts[largest] = 0.0;
    parts[largest] = sum - parts.iter().sum::<f64>();
    parts
}
