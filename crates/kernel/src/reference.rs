//! The model in plain words: one simulation at a time, drawn from `rand_chacha`.
//!
//! [`final_balance`] does the arithmetic of the lanes, operation by operation, and gives the same bits as every level: it is what they are
//! tested against, and how one simulation of a job is replayed on its own. [`final_balance_f64`] is the model in double
//! precision on the same draws, with the standard library's logarithm and sine: how much single precision moves.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use carlo_types::JobSpec;

use crate::normals::{ANGLE_MIDDLE, ANGLE_REST, Axes, LOG, OCTAVE};
use crate::plan::{MONEY_BOUND, Plan, Schedule, starting_balance};

/// The stream with the number `index`.
pub(crate) fn stream(spec: &JobSpec, index: u64) -> ChaCha8Rng {
    let mut words = ChaCha8Rng::seed_from_u64(spec.seed);
    words.set_stream(index);
    words
}

/// A half year's draws; `draws` says how they lie in a year's words.
#[derive(Clone, Copy)]
struct Draws {
    radius: [u32; 7],
    angle: [u32; 7],
    coin: [u32; 7],
}

impl Draws {
    /// Both half years of the next block of a stream.
    fn year(stream: &mut ChaCha8Rng) -> [Self; 2] {
        let words: [u32; 16] = std::array::from_fn(|_| stream.next_u32());
        let [.., u, v] = words;
        [0, 7].map(|first| {
            let word = |i: usize| words[first + i % 7];
            Self {
                radius: std::array::from_fn(|i| word(i) ^ v),
                angle: std::array::from_fn(|i| (word(i) ^ u) >> 1 & 0x7_ffff),
                coin: std::array::from_fn(|i| word(i) << 22 ^ word(i + 1) ^ u.rotate_left(8)),
            }
        })
    }

    /// The words of the pair that the normals of month `i` are of, and which of the two they are: those of cash, and three
    /// further on those of inflation.
    fn of_month(&self, i: usize, further: usize) -> (u32, u32, usize) {
        let pair = i / 2 + further;
        (self.radius[pair], self.angle[pair], i % 2)
    }
}

/// The half years of a stream, one after the other.
struct HalfYears {
    stream: ChaCha8Rng,
    second: Option<Draws>,
}

impl HalfYears {
    fn of(spec: &JobSpec, index: u64) -> Self {
        Self { stream: stream(spec, index), second: None }
    }

    fn next(&mut self) -> Draws {
        self.second.take().unwrap_or_else(|| {
            let [first, second] = Draws::year(&mut self.stream);
            self.second = Some(second);
            first
        })
    }
}

/// A month as it was computed. Sums are dollars.
pub(crate) struct Month {
    pub(crate) income: f32,
    pub(crate) spending: f32,
    pub(crate) payment: f32,
    pub(crate) emergency: Option<f32>,
    /// What lay above the reserve before the month.
    pub(crate) invested: f32,
    /// Standard deviations of income, spending and return.
    pub(crate) stds: [f32; 3],
    pub(crate) annual_raise: Option<f32>,
    pub(crate) promotion_raise: Option<f32>,
    /// Before the month.
    pub(crate) before: f32,
    /// After it.
    pub(crate) balance: f32,
}

/// The final balance of simulation `index` of the job, in dollars: the same bits as the kernel's.
pub fn final_balance(spec: &JobSpec, index: u64) -> f32 {
    walk(spec, &Plan::new(spec), index, |_| {})
}

/// The same, of a job with this plan; `each` is called with every month.
pub(crate) fn walk(spec: &JobSpec, plan: &Plan, index: u64, mut each: impl FnMut(Month)) -> f32 {
    let start = &plan.starts[0];
    let mut halves = HalfYears::of(spec, index);
    let mut draws = halves.next();
    let (mut above, mut income, mut spending_std) =
        (plan.balance - start.reserve, start.income, start.spending_std);
    for month in 0..plan.months {
        let (outgoings, i) = (&plan.outgoings[month / 6], month % 6);
        let payment = outgoings.payments[i];
        if i == 0 && month > 0 {
            draws = halves.next();
        }
        let (mut annual_raise, mut promotion_raise) = (None, None);
        if i == 5 {
            let Polar { square, direction } = polar(&plan.raises, draws.radius[6], draws.angle[6]);
            let [promotion, raise] = direction;
            above = bounded(above);
            spending_std = spending_std.clamp(-plan.spending_std_bound, plan.spending_std_bound);
            if month % 12 == 11 {
                let raise = square.sqrt().mul_add(raise, plan.raise_mean);
                income = grown(income, raise);
                annual_raise = Some(raise);
            }
            if plan.promotion.falls(draws.coin[6]) {
                let raise = square.sqrt().mul_add(promotion, plan.promotion_mean);
                income = grown(income, raise);
                promotion_raise = Some(raise);
            }
            income = bounded(income);
        }
        let (radius, angle, which) = draws.of_month(i, 3);
        let Polar { square, direction } = polar(&plan.inflation, radius, angle);
        spending_std = grown(spending_std, square.sqrt().mul_add(direction[which], plan.inflation_mean));
        let word = draws.coin[i];
        let falls = plan.emergency.falls(word);
        let taken = if falls {
            (word as f32).mul_add(plan.emergency_step, outgoings.with_emergency[i])
        } else {
            payment
        };

        let before = above + start.reserve;
        let invested = if above > 0.0 { above } else { 0.0 };
        let stds = [income * plan.income_std, spending_std, invested * plan.return_std];
        let variance = stds[1].mul_add(stds[1], stds[0] * stds[0]);
        let (radius, angle, which) = draws.of_month(i, 0);
        let Polar { square, direction } = polar(&Axes::UNIT, radius, angle);
        let mut noise_square = variance * square;
        above += spending_std.mul_add(plan.spending_per_std, income) - taken;
        if invested > 0.0 {
            noise_square = (invested * invested).mul_add(square * plan.return_variance, noise_square);
            above = invested.mul_add(plan.return_mean, above);
        }
        above = noise_square.sqrt().mul_add(direction[which], above);
        each(Month {
            income,
            spending: -spending_std * plan.spending_per_std,
            payment,
            emergency: falls.then_some(taken - payment),
            invested,
            stds,
            annual_raise,
            promotion_raise,
            before,
            balance: above + start.reserve,
        });
    }
    above + start.reserve - plan.owed[0]
}

fn grown(x: f32, rate: f32) -> f32 {
    x.mul_add(rate, x)
}

fn bounded(x: f32) -> f32 {
    x.clamp(-MONEY_BOUND, MONEY_BOUND)
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
    let x = (radius | 1).cast_signed() as f32;
    let exponent = (x.to_bits() << 1 >> 24).cast_signed() - 127;
    let t = 2.0 - f32::from_bits(x.to_bits() & 0x007f_ffff | 0x3f80_0000);
    let octaves = (exponent as f32).mul_add(-OCTAVE, 30.0 * OCTAVE);
    let y = f32::from_bits(angle << 1 | ANGLE_REST) - ANGLE_MIDDLE;
    let cos = polynomial(&axes.cos, y * y);
    let cos = if radius.cast_signed() < 0 { -cos } else { cos };
    Polar {
        square: t.mul_add(polynomial(&LOG, t), octaves),
        direction: [cos, polynomial(&axes.sin, y * y) * y],
    }
}

/// The final balance of simulation `index` of the job, in dollars, in double precision throughout.
pub fn final_balance_f64(spec: &JobSpec, index: u64) -> f64 {
    let (household, world) = (&spec.household, &spec.world);
    let schedule = Schedule::new(spec, spec.goal.timeline_months as usize);
    let bound = f64::from(MONEY_BOUND);
    let reserve = 6.0 * household.monthly_spending;
    let mut balance = starting_balance(spec);
    let (mut income, mut spending) = (household.monthly_income, household.monthly_spending);
    let mut halves = HalfYears::of(spec, index);
    let mut draws = halves.next();
    for (month, payment) in schedule.payments.iter().enumerate() {
        let i = month % 6;
        if i == 0 && month > 0 {
            draws = halves.next();
        }
        if i == 5 {
            let promoted = uniform(draws.coin[6]) < world.promotion_probability;
            let [z_promotion, z_raise] = normals_f64(draws.radius[6], draws.angle[6]);
            balance = (balance - reserve).clamp(-bound, bound) + reserve;
            spending = spending.clamp(-bound, bound);
            if month % 12 == 11 {
                income *= 1.0 + world.annual_raise_mean + z_raise * world.annual_raise_volatility;
            }
            if promoted {
                income *= 1.0 + world.promotion_raise_mean + z_promotion * world.promotion_raise_volatility;
            }
            income = income.clamp(-bound, bound);
        }
        let (radius, angle, which) = draws.of_month(i, 3);
        let z_spending = normals_f64(radius, angle)[which];
        let (radius, angle, which) = draws.of_month(i, 0);
        let z_cash = normals_f64(radius, angle)[which];
        let emergency = uniform(draws.coin[i]);

        spending *= 1.0 + (world.inflation_rate + z_spending * world.inflation_volatility) / 12.0;
        let invested = (balance - reserve).max(0.0);
        let variance = (income * world.income_volatility).powi(2)
            + (spending * world.expense_volatility).powi(2)
            + (invested * world.annual_return_std).powi(2) / 12.0;
        let mut cash = income - payment - spending;
        if emergency < world.emergency_probability {
            let share = emergency / world.emergency_probability;
            cash -= world.emergency_min + share * (world.emergency_max - world.emergency_min);
        }
        balance += cash + invested * world.annual_return_mean / 12.0 + variance.sqrt() * z_cash;
    }
    balance - schedule.owed[schedule.payments.len()]
}

/// In (0, 1): the middle of a word's step.
fn uniform(word: u32) -> f64 {
    (f64::from(word) + 0.5) / 4_294_967_296.0
}

/// The two normals of these words.
pub(crate) fn normals_f64(radius: u32, angle: u32) -> [f64; 2] {
    let x = f64::from((radius | 1).cast_signed());
    let r = (-2.0 * (x.abs() / 2_147_483_648.0).ln()).sqrt();
    let y = f64::from(angle << 1 | 1) / 524_288.0 - 1.0;
    let (sin, cos) = (y * std::f64::consts::FRAC_PI_2).sin_cos();
    [r * cos.copysign(x), r * sin]
}
