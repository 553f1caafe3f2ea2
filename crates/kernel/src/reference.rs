//! The model in plain words: one simulation at a time, drawn from `rand_chacha`.
//!
//! [`final_balance`] does the arithmetic of the lanes, operation by operation, and gives the same bits as every level: it is what they are
//! tested against, and how one simulation of a job is replayed on its own. [`final_balance_f64`] is the model in double
//! precision on the same draws, with the standard library's logarithm and sine: how much single precision moves.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use carlo_types::JobSpec;

use crate::normals::{ANGLE, ANGLE_MIDDLE, COS, LOG, OCTAVE, SIN};
use crate::plan::{Coin, MONEY_BOUND, Plan, Schedule, starting_balance};

/// The stream with the number `index`.
pub(crate) fn stream(spec: &JobSpec, index: u64) -> ChaCha8Rng {
    let mut words = ChaCha8Rng::seed_from_u64(spec.seed);
    words.set_stream(index);
    words
}

/// A half year's draws; `draws` says how they lie in its words.
struct Draws {
    radius: [u32; 7],
    angle: [u32; 7],
    emergency: [u32; 6],
    promotion: u32,
}

impl Draws {
    /// From the next block of a stream.
    fn next(stream: &mut ChaCha8Rng) -> Self {
        let words: [u32; 16] = std::array::from_fn(|_| stream.next_u32());
        let [a0, a1, a2, a3, a4, a5, r6, coin, a6, rest] = words[6..].try_into().expect("the other ten");
        let mut radius = [r6; 7];
        radius[..6].copy_from_slice(&words[..6]);
        Self {
            radius,
            angle: [a0, a1, a2, a3, a4, a5, a6],
            emergency: [
                a0 ^ coin << 12,
                a1 ^ a6 >> 12,
                a2 ^ rest >> 8,
                a3 ^ rest,
                a4 ^ rest << 8,
                a5 ^ rest.rotate_left(16),
            ],
            promotion: coin,
        }
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
    let reserve = plan.starts[0].reserve;
    let mut words = stream(spec, index);
    let (mut balance, mut income, mut spending) =
        (plan.balance, plan.starts[0].income, plan.starts[0].spending);
    let mut draws = Draws::next(&mut words);
    for (month, &payment) in plan.payments[..plan.months].iter().enumerate() {
        let i = month % 6;
        if i == 0 && month > 0 {
            draws = Draws::next(&mut words);
        }
        let (mut annual_raise, mut promotion_raise) = (None, None);
        if i == 5 {
            let (promoted, _) = coin(plan.promotion, draws.promotion);
            let (z_promotion, z_raise) = normals(draws.radius[6], draws.angle[6]);
            balance = bounded(balance);
            spending = bounded(spending);
            if month % 12 == 11 {
                let raise = z_raise.mul_add(plan.raise_std, plan.raise_mean);
                income = grown(income, raise);
                annual_raise = Some(raise);
            }
            if promoted {
                let raise = z_promotion.mul_add(plan.promotion_std, plan.promotion_mean);
                income = grown(income, raise);
                promotion_raise = Some(raise);
            }
            income = bounded(income);
        }
        let (z_spending, z_cash) = normals(draws.radius[i], draws.angle[i]);
        let (falls, emergency_word) = coin(plan.emergency, draws.emergency[i]);
        let emergency =
            falls.then(|| (emergency_word as f32).mul_add(plan.emergency_step, plan.emergency_base));

        spending = grown(spending, z_spending.mul_add(plan.inflation_std, plan.inflation_mean));
        let before = balance;
        let invested = if balance - reserve > 0.0 { balance - reserve } else { 0.0 };
        let stds = [income * plan.income_std, spending * plan.expense_std, invested * plan.return_std];
        let variance = stds[1].mul_add(stds[1], stds[0] * stds[0]);
        let std = stds[2].mul_add(stds[2], variance).sqrt();
        let mut cash = income - payment - spending;
        cash -= emergency.unwrap_or(0.0);
        cash = invested.mul_add(plan.return_mean, cash);
        cash = std.mul_add(z_cash, cash);
        balance += cash;
        each(Month {
            income,
            spending,
            payment,
            emergency,
            invested,
            stds,
            annual_raise,
            promotion_raise,
            before,
            balance,
        });
    }
    balance - plan.owed[0]
}

/// Whether a coin falls, and its word without the sign bit.
fn coin(coin: Coin, word: u32) -> (bool, i32) {
    let word = (word & 0x7fff_ffff).cast_signed();
    (word <= coin.at_most, word)
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

/// Two normals; `normals` says how.
pub(crate) fn normals(radius: u32, angle: u32) -> (f32, f32) {
    let x = (radius | 1).cast_signed() as f32;
    let exponent = (x.to_bits() << 1 >> 24).cast_signed() - 127;
    let t = 2.0 - f32::from_bits(x.to_bits() & 0x007f_ffff | 0x3f80_0000);
    let octaves = (exponent as f32).mul_add(-OCTAVE, 30.0 * OCTAVE);
    let r = t.mul_add(polynomial(&LOG, t), octaves).sqrt();
    let r = if radius.cast_signed() < 0 { -r } else { r };
    let y = f32::from_bits(angle & ANGLE | 1.0_f32.to_bits()) - ANGLE_MIDDLE;
    (r * (polynomial(&SIN, y * y) * y), r * polynomial(&COS, y * y))
}

/// The final balance of simulation `index` of the job, in dollars, in double precision throughout.
pub fn final_balance_f64(spec: &JobSpec, index: u64) -> f64 {
    let (household, world) = (&spec.household, &spec.world);
    let mut words = stream(spec, index);
    let schedule = Schedule::new(spec, spec.goal.timeline_months as usize);
    let bound = f64::from(MONEY_BOUND);
    let reserve = 6.0 * household.monthly_spending;
    let mut balance = starting_balance(spec);
    let (mut income, mut spending) = (household.monthly_income, household.monthly_spending);
    let mut draws = Draws::next(&mut words);
    for (month, payment) in schedule.payments.iter().enumerate() {
        let i = month % 6;
        if i == 0 && month > 0 {
            draws = Draws::next(&mut words);
        }
        if i == 5 {
            let promoted = uniform(draws.promotion) < world.promotion_probability;
            let (z_promotion, z_raise) = normals_f64(draws.radius[6], draws.angle[6]);
            balance = balance.clamp(-bound, bound);
            spending = spending.clamp(-bound, bound);
            if month % 12 == 11 {
                income *= 1.0 + world.annual_raise_mean + z_raise * world.annual_raise_volatility;
            }
            if promoted {
                income *= 1.0 + world.promotion_raise_mean + z_promotion * world.promotion_raise_volatility;
            }
            income = income.clamp(-bound, bound);
        }
        let (z_spending, z_cash) = normals_f64(draws.radius[i], draws.angle[i]);
        let emergency = uniform(draws.emergency[i]);

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

/// In (0, 1): the middle of a word's step, without its sign bit.
fn uniform(word: u32) -> f64 {
    (f64::from(word & 0x7fff_ffff) + 0.5) / 2_147_483_648.0
}

pub(crate) fn normals_f64(radius: u32, angle: u32) -> (f64, f64) {
    let x = f64::from((radius | 1).cast_signed());
    let r = (-2.0 * (x.abs() / 2_147_483_648.0).ln()).sqrt();
    let y = f64::from(angle & ANGLE) / 524_288.0 - 1.0;
    let (sin, cos) = (y * std::f64::consts::FRAC_PI_2).sin_cos();
    if x < 0.0 { (-r * sin, -r * cos) } else { (r * sin, r * cos) }
}
