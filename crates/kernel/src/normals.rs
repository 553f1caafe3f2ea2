//! Two independent standard normals from two words, by the method of Box and Muller (1958), with own polynomials.
//!
//! **Radius**, r = √(−2 ln u). The word, made odd, is taken as a signed integer x; u = |x| / 2³¹, so u > 0 and the tail reaches
//! 6.55 standard deviations. With x = ±m·2ᵉ and t = 2 − m, −2 ln u = (30 − e)·[`OCTAVE`] + t·Q(t), both terms at least 0 but for
//! u = 1, where they cancel to no less than 0: the root is never of a negative number. Q is of degree 5.
//! [`OCTAVE`] is 2 ln 2 rounded to 20 bits, so that 30 of it are exact.
//!
//! **Direction.** 19 bits and the middle of their step, in the fraction of a number, make y/16 for y in (−1, 1): an angle πy/2 within a half-turn. The
//! sign of x, which the radius doesn't use, turns the cosine to the other half, so that all 2²⁰ directions lie evenly on the circle,
//! and no moment of theirs below the 2²⁰-th is off. sin(πy/2) = y·S(y²) and cos(πy/2) = C(y²), of degrees 3 and 4 in y²;
//! their coefficients here hold the powers of 16.
//!
//! The polynomials are minimax fits by Remez's algorithm in 50 digits. Errors: radius 2.3e-6 (with the weight
//! that makes it the absolute error of r), sine 5.9e-7, cosine 4.7e-8, against which the tests check them. All far below what 10⁷
//! simulations can see, and the degrees were chosen for that.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::lanes::Lanes;

/// 2 ln 2 to 20 bits.
pub(crate) const OCTAVE: f32 = 726_817.0 / 524_288.0;
/// −2 ln(1 − t/2) / t on [0, 1], and [`OCTAVE`] at 1; powers of t ascending.
pub(crate) const LOG: [f32; 6] =
    [0.999_943_6, 0.251_462_77, 0.072_641_45, 0.063_823_18, -0.033_038_226, 0.031_460_598];
/// 16·sin(πy/2) / y; powers of (y/16)² ascending.
pub(crate) const SIN: [f32; 4] = scaled([1.570_791, -0.645_892_86, 0.079_434_34, -0.004_333_095], 16.0);
/// cos(πy/2); powers of (y/16)² ascending.
pub(crate) const COS: [f32; 5] =
    scaled([0.999_999_94, -1.233_698_2, 0.253_650_75, -0.020_810_628, 0.000_858_190_6], 1.0);
/// The bits of a word that make an angle.
pub(crate) const ANGLE: u32 = 0x000f_fffe;
/// The other bits of a number in [1, 1.125) that ends with an angle: those before it, and one for the middle of its step.
pub(crate) const ANGLE_REST: u32 = 0x3f80_0001;
/// The middle of these numbers.
pub(crate) const ANGLE_MIDDLE: f32 = 1.0625;

/// Coefficients for powers of a square that is 256 times smaller, and `first` times the polynomial: exact.
const fn scaled<const N: usize>(mut coefficients: [f32; N], first: f32) -> [f32; N] {
    let (mut i, mut factor) = (0, first);
    while i < N {
        coefficients[i] *= factor;
        factor *= 256.0;
        i += 1;
    }
    coefficients
}

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
#[derive(Debug, Clone, Copy)]
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

/// Two normals in each lane before they are multiplied out: they are √`square` · `cos` and √`square` · `sin`.
pub(crate) struct Polar<L: Lanes> {
    /// r², at least 0.
    pub(crate) square: L::Float,
    pub(crate) cos: L::Float,
    pub(crate) sin: L::Float,
}

impl<L: Lanes> Polar<L> {
    /// From a word for the radius and one with the bits of a number that ends with the angle: [`ANGLE`] and [`ANGLE_REST`].
    #[inline(always)]
    pub(crate) fn new(lanes: L, axes: &Axes, radius: L::Word, angle: L::Word) -> Self {
        let odd = lanes.or(radius, lanes.word(1));
        let x = lanes.signed(odd);
        let octaves = lanes.fma(lanes.exponent(x), lanes.float(-OCTAVE), lanes.float(30.0 * OCTAVE));
        let t = lanes.sub(lanes.float(2.0), lanes.mantissa(x));
        let square = lanes.fma(t, polynomial(lanes, &LOG, t), octaves);

        let y = lanes.sub(lanes.with_bits(angle), lanes.float(ANGLE_MIDDLE));
        let y2 = lanes.mul(y, y);
        let sin = lanes.mul(polynomial(lanes, &axes.sin, y2), y);
        let cos = lanes.flip(polynomial(lanes, &axes.cos, y2), odd);
        Self { square, cos, sin }
    }
}

#[cfg(test)]
mod tests;
