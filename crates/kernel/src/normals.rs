//! Two independent standard normals from a radius and an angle, by the method of Box and Muller
//! (1958), with polynomial approximations.
//!
//! **Radius**, r = √(−2 ln u). A radius k of 28 bits makes u = (2k + 1) / 2²⁹, the middle of its
//! step: u > 0, and the tail reaches 6.34 standard deviations. With 2k + 1 = m·2ᵉ and t = 2 − m,
//! −2 ln u = (28 − e)·[`OCTAVE`] + t·Q(t). Both terms are at least 0, except at u = 1 (where 2k + 1
//! rounds to 2²⁹), and there they cancel to 0: the root is never of a negative number. Q has degree
//! 5. [`OCTAVE`] is 2 ln 2 rounded to 20 bits, so that 28 of it are exact.
//!
//! **Direction.** The low 19 bits v of an angle make y = (2v + 1) / 2¹⁹ − 1 in (−1, 1), an angle
//! πy/2 within a half-turn. The highest bit turns the cosine to the other half, so that all 2²⁰
//! directions lie evenly on the circle and no moment of theirs below the 2²⁰-th is off.
//! sin(πy/2) = y·S(y²) and cos(πy/2) = C(y²), of degrees 3 and 4 in y².
//!
//! The polynomials are minimax fits by Remez's algorithm in 50 digits. Errors: radius 2.3e-6 (with
//! the weight that makes it the absolute error of r), sine 5.9e-7, cosine 4.7e-8; the tests check
//! them. The largest moves a variance by 4e-8.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::draws::{ANGLE_BITS, RADIUS_BITS};
use crate::lanes::Lanes;

/// 2 ln 2 to 20 bits.
pub(crate) const OCTAVE: f32 = 726_817.0 / 524_288.0;
/// The octave in which u is at least a half: that of 2k + 1 at its largest.
pub(crate) const LAST_OCTAVE: f32 = RADIUS_BITS as f32;
/// −2 ln(1 − t/2) / t on [0, 1], and [`OCTAVE`] at 1; powers of t ascending.
pub(crate) const LOG: [f32; 6] =
    [0.999_943_6, 0.251_462_77, 0.072_641_45, 0.063_823_18, -0.033_038_226, 0.031_460_598];
/// sin(πy/2) / y; powers of y² ascending.
pub(crate) const SIN: [f32; 4] = [1.570_791, -0.645_892_86, 0.079_434_34, -0.004_333_095];
/// cos(πy/2); powers of y² ascending.
pub(crate) const COS: [f32; 5] = [0.999_999_94, -1.233_698_2, 0.253_650_75, -0.020_810_628, 0.000_858_190_6];

/// The bits of an angle that place it within a half-turn.
pub(crate) const WITHIN_HALF_TURN: u32 = (1 << (ANGLE_BITS - 1)) - 1;
/// How far the bit that chooses the half-turn is from the sign of a number.
const HALF_TURN_SHIFT: u32 = 32 - ANGLE_BITS;
/// y = v · `ANGLE_STEP` + `FIRST_ANGLE`.
pub(crate) const ANGLE_STEP: f32 = 1.0 / (1 << (ANGLE_BITS - 2)) as f32;
pub(crate) const FIRST_ANGLE: f32 = ANGLE_STEP / 2.0 - 1.0;

/// The polynomial with these coefficients, lowest power first, by Horner's rule.
#[inline(always)]
fn polynomial<L: Lanes, const N: usize>(lanes: L, coefficients: &[f32; N], x: L::Float) -> L::Float {
    let mut sum = lanes.float(coefficients[N - 1]);
    for i in 1..N {
        sum = lanes.fma(sum, x, lanes.float(coefficients[N - 1 - i]));
    }
    sum
}

/// The coefficients of a direction's cosine and sine, each times a standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axes {
    pub(crate) cos: [f32; 5],
    pub(crate) sin: [f32; 4],
}

impl Axes {
    /// Those of standard normals.
    pub(crate) const UNIT: Self = Self { cos: COS, sin: SIN };

    /// Those of normals with these standard deviations.
    pub(crate) fn new(cos: f32, sin: f32) -> Self {
        Self { cos: COS.map(|coefficient| coefficient * cos), sin: SIN.map(|coefficient| coefficient * sin) }
    }
}

/// Two normals in each lane before they are multiplied out: they are √`square` · `cos` and
/// √`square` · `sin`.
pub(crate) struct Polar<L: Lanes> {
    /// r², at least 0.
    pub(crate) square: L::Float,
    pub(crate) cos: L::Float,
    pub(crate) sin: L::Float,
}

impl<L: Lanes> Polar<L> {
    /// From a radius below 2²⁸ and an angle below 2²⁰.
    #[inline(always)]
    pub(crate) fn new(lanes: L, axes: &Axes, radius: L::Word, angle: L::Word) -> Self {
        let x = lanes.fma(lanes.number(radius), lanes.float(2.0), lanes.float(1.0));
        let octaves = lanes.fma(lanes.exponent(x), lanes.float(-OCTAVE), lanes.float(LAST_OCTAVE * OCTAVE));
        let t = lanes.sub(lanes.float(2.0), lanes.mantissa(x));
        let square = lanes.fma(t, polynomial(lanes, &LOG, t), octaves);

        let within = lanes.number(lanes.and(angle, lanes.word(WITHIN_HALF_TURN)));
        let y = lanes.fma(within, lanes.float(ANGLE_STEP), lanes.float(FIRST_ANGLE));
        let y2 = lanes.mul(y, y);
        let sin = lanes.mul(polynomial(lanes, &axes.sin, y2), y);
        let cos = polynomial(lanes, &axes.cos, y2);
        let cos = lanes.flip(cos, lanes.left(angle, HALF_TURN_SHIFT));
        Self { square, cos, sin }
    }
}

#[cfg(test)]
mod tests;
