//! Elementary functions in each lane, and their scalar twins, which give the same bits as every
//! level.
//!
//! **exp(x) − 1** ([`expm1`]). With n the whole number nearest to x / ln 2 and f = x − n·ln 2, of
//! which |f| ≤ 0.347, it is 2ⁿ·(exp(f) − 1) + (2ⁿ − 1). The series of exp(f) − 1 to f⁷ leaves out
//! less than 2e-8 of it. ln 2 is the sum of two numbers, of which the first has few bits, so that
//! n times it is exact. Largest error: 1.2e-7 of the larger of the value and its distance to −1.
//!
//! **ln x** ([`ln`]) of a positive normal number. With x = m·2ᵉ, √½ ≤ m < √2, and
//! s = (m − 1) / (m + 1), it is e·ln 2 + 2·(s + s³/3 + s⁵/5 + s⁷/7 + s⁹/9), which leaves out less
//! than 1e-9. Largest error: 1.2e-7 where |ln x| is below 1, 1.2e-7 of the value elsewhere.
//!
//! **The twelfth root** ([`twelfth_root_rate`]): (1 + y)^(1/12) − 1 for y above −1, from the two.
//! Largest error: 1e-8 and 2e-7 of the value.
//!
//! Constants here are the mathematical ones; nothing is fitted.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::lanes::Lanes;

/// The reciprocals of factorials: (exp(f) − 1 − f) / f², lowest power first.
const EXP: [f32; 6] = [0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5_040.0];
/// (ln((1 + s) / (1 − s)) − 2s) / s³ in powers of s², lowest first.
const LN: [f32; 4] = [2.0 / 3.0, 2.0 / 5.0, 2.0 / 7.0, 2.0 / 9.0];
/// ln 2 to 9 bits.
const LN_2_HIGH: f32 = 355.0 / 512.0;
/// The difference of ln 2 and that.
#[expect(clippy::cast_possible_truncation, reason = "rounded to single precision on purpose")]
const LN_2_LOW: f32 = (std::f64::consts::LN_2 - 355.0 / 512.0) as f32;
/// Added to a number of at most 2²² in size, this rounds it to a whole one, which its low bits
/// hold.
const ROUND: f32 = 12_582_912.0;
/// The exponents between which 2ⁿ is a normal number bound x.
const EXP_MIN: f32 = -87.0;
const EXP_MAX: f32 = 88.0;
/// The bits of 1, and of √½ less those of ½.
const ONE: u32 = 0x3f80_0000;
const HALF_ROOT: u32 = 0x3f35_04f3;

/// A polynomial, lowest power first, by Horner's rule.
#[inline(always)]
fn polynomial<L: Lanes, const N: usize>(lanes: L, coefficients: &[f32; N], x: L::Float) -> L::Float {
    let mut sum = lanes.float(coefficients[N - 1]);
    for i in 1..N {
        sum = lanes.fma(sum, x, lanes.float(coefficients[N - 1 - i]));
    }
    sum
}

/// exp(x) − 1, with x clamped to [−87, 88].
#[inline(always)]
pub(crate) fn expm1<L: Lanes>(lanes: L, x: L::Float) -> L::Float {
    let x = lanes.smaller(lanes.larger(x, lanes.float(EXP_MIN)), lanes.float(EXP_MAX));
    let rounded = lanes.fma(x, lanes.float(std::f32::consts::LOG2_E), lanes.float(ROUND));
    let n = lanes.sub(rounded, lanes.float(ROUND));
    let f = lanes.fma(n, lanes.float(-LN_2_HIGH), x);
    let f = lanes.fma(n, lanes.float(-LN_2_LOW), f);
    let series = polynomial(lanes, &EXP, f);
    let series = lanes.fma(lanes.mul(f, f), series, f);
    let power = lanes.with_bits(lanes.add_words(lanes.left(lanes.bits(rounded), 23), lanes.word(ONE)));
    lanes.fma(power, series, lanes.sub(power, lanes.float(1.0)))
}

/// ln x of a positive normal number.
#[inline(always)]
pub(crate) fn ln<L: Lanes>(lanes: L, x: L::Float) -> L::Float {
    // Moves the cut between octaves from 1 to √½.
    let shifted = lanes.add_words(lanes.bits(x), lanes.word(ONE - HALF_ROOT));
    let exponent = lanes.exponent(lanes.with_bits(shifted));
    let fraction = lanes.and(shifted, lanes.word(0x007f_ffff));
    let mantissa = lanes.with_bits(lanes.add_words(fraction, lanes.word(HALF_ROOT)));
    let above = lanes.sub(mantissa, lanes.float(1.0));
    let s = lanes.div(above, lanes.add(mantissa, lanes.float(1.0)));
    let s2 = lanes.mul(s, s);
    let series = lanes.mul(lanes.mul(s2, s), polynomial(lanes, &LN, s2));
    let series = lanes.fma(exponent, lanes.float(LN_2_LOW), series);
    let series = lanes.fma(s, lanes.float(2.0), series);
    lanes.fma(exponent, lanes.float(LN_2_HIGH), series)
}

/// (1 + y)^(1/12) − 1: the monthly rate that makes y in a year. Exactly 0 for y = 0.
#[inline(always)]
pub(crate) fn twelfth_root_rate<L: Lanes>(lanes: L, y: L::Float) -> L::Float {
    let logarithm = ln(lanes, lanes.add(lanes.float(1.0), y));
    expm1(lanes, lanes.mul(logarithm, lanes.float(1.0 / 12.0)))
}

/// ⌊u·n / 2²⁴⌋ for a uniform of 24 bits and a count n of at most 2¹²: which of n, as a number.
#[inline(always)]
pub(crate) fn choice<L: Lanes>(lanes: L, uniform: L::Word, count: f32) -> L::Float {
    let step = count / 16_777_216.0;
    let place = lanes.fma(lanes.number(uniform), lanes.float(step), lanes.float(step / 2.0 - 0.5));
    let whole = lanes.sub(lanes.add(place, lanes.float(ROUND)), lanes.float(ROUND));
    lanes.larger(lanes.smaller(whole, lanes.float(count - 1.0)), lanes.float(0.0))
}

/// A whole number from 0 to 2²² as a word.
#[inline(always)]
pub(crate) fn whole_word<L: Lanes>(lanes: L, x: L::Float) -> L::Word {
    lanes.and(lanes.bits(lanes.add(x, lanes.float(ROUND))), lanes.word(0x003f_ffff))
}

/// The same functions of single numbers, operation by operation.
pub(crate) mod scalar {
    use super::{EXP, EXP_MAX, EXP_MIN, HALF_ROOT, LN, LN_2_HIGH, LN_2_LOW, ONE, ROUND};

    fn polynomial(coefficients: &[f32], x: f32) -> f32 {
        let mut powers = coefficients.iter().rev().copied();
        let last = powers.next().expect("a polynomial has coefficients");
        powers.fold(last, |sum, coefficient| sum.mul_add(x, coefficient))
    }

    /// exp(x) − 1, with x held between −87 and 88.
    pub(crate) fn expm1(x: f32) -> f32 {
        let x = x.clamp(EXP_MIN, EXP_MAX);
        let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
        let n = rounded - ROUND;
        let f = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, x));
        let series = (f * f).mul_add(polynomial(&EXP, f), f);
        let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(ONE));
        power.mul_add(series, power - 1.0)
    }

    /// ln x of a positive normal number.
    pub(crate) fn ln(x: f32) -> f32 {
        let shifted = x.to_bits().wrapping_add(ONE - HALF_ROOT);
        let exponent = ((shifted >> 23).cast_signed() - 127) as f32;
        let mantissa = f32::from_bits((shifted & 0x007f_ffff) + HALF_ROOT);
        let s = (mantissa - 1.0) / (mantissa + 1.0);
        let s2 = s * s;
        let series = s2 * s * polynomial(&LN, s2);
        let series = s.mul_add(2.0, exponent.mul_add(LN_2_LOW, series));
        exponent.mul_add(LN_2_HIGH, series)
    }

    /// (1 + y)^(1/12) − 1.
    pub(crate) fn twelfth_root_rate(y: f32) -> f32 {
        expm1(ln(1.0 + y) * (1.0 / 12.0))
    }

    /// ⌊u·n / 2²⁴⌋.
    pub(crate) fn choice(uniform: u32, count: f32) -> f32 {
        let step = count / 16_777_216.0;
        let place = (uniform.cast_signed() as f32).mul_add(step, step / 2.0 - 0.5);
        ((place + ROUND) - ROUND).min(count - 1.0).max(0.0)
    }
}

#[cfg(test)]
mod tests;
