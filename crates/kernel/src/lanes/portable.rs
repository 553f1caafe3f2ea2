//! Plain arrays: what the compiler makes of them. On aarch64 that is NEON; on x86-64 without AVX2 it is slow but right.
#![expect(clippy::inline_always, reason = "loops over lanes are only fast where they are inlined")]

use super::{LANES, Lanes, SIGN, Task};

/// Lanes that every machine has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

/// An array made lane by lane. A loop and not `array::from_fn`: a closure is not always inlined.
macro_rules! each {
    ($zero:expr, $i:ident => $x:expr) => {{
        let mut out = [$zero; LANES];
        for $i in 0..LANES {
            out[$i] = $x;
        }
        out
    }};
}

impl Lanes for Portable {
    type Float = [f32; LANES];
    type Word = [u32; LANES];
    type Mask = [bool; LANES];

    fn run<T: Task>(self, task: T) -> T::Output {
        task.run(self)
    }

    #[inline(always)]
    fn float(self, x: f32) -> [f32; LANES] {
        [x; LANES]
    }

    #[inline(always)]
    fn store(self, x: [f32; LANES], out: &mut [f32; LANES]) {
        *out = x;
    }

    #[inline(always)]
    fn add(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each!(0.0, i => a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each!(0.0, i => a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each!(0.0, i => a[i] * b[i])
    }

    #[inline(always)]
    fn fma(self, a: [f32; LANES], b: [f32; LANES], c: [f32; LANES]) -> [f32; LANES] {
        each!(0.0, i => a[i].mul_add(b[i], c[i]))
    }

    #[inline(always)]
    fn sqrt(self, a: [f32; LANES]) -> [f32; LANES] {
        each!(0.0, i => a[i].sqrt())
    }

    #[inline(always)]
    fn max(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each!(0.0, i => if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn min(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each!(0.0, i => if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn exponent(self, x: [f32; LANES]) -> [f32; LANES] {
        each!(0.0, i => (((x[i].to_bits() & !SIGN) >> 23).cast_signed() - 127) as f32)
    }

    #[inline(always)]
    fn mantissa(self, x: [f32; LANES]) -> [f32; LANES] {
        each!(0.0, i => f32::from_bits(x[i].to_bits() & 0x007f_ffff | 0x3f80_0000))
    }

    #[inline(always)]
    fn flip(self, x: [f32; LANES], by: [u32; LANES]) -> [f32; LANES] {
        each!(0.0, i => f32::from_bits(x[i].to_bits() ^ by[i] & SIGN))
    }

    #[inline(always)]
    fn word(self, x: u32) -> [u32; LANES] {
        [x; LANES]
    }

    #[inline(always)]
    fn words(self, x: &[u32; LANES]) -> [u32; LANES] {
        *x
    }

    #[inline(always)]
    #[cfg(test)]
    fn store_words(self, x: [u32; LANES], out: &mut [u32; LANES]) {
        *out = x;
    }

    #[inline(always)]
    fn add_words(self, a: [u32; LANES], b: [u32; LANES]) -> [u32; LANES] {
        each!(0, i => a[i].wrapping_add(b[i]))
    }

    #[inline(always)]
    fn xor(self, a: [u32; LANES], b: [u32; LANES]) -> [u32; LANES] {
        each!(0, i => a[i] ^ b[i])
    }

    #[inline(always)]
    fn and(self, a: [u32; LANES], b: [u32; LANES]) -> [u32; LANES] {
        each!(0, i => a[i] & b[i])
    }

    #[inline(always)]
    fn or(self, a: [u32; LANES], b: [u32; LANES]) -> [u32; LANES] {
        each!(0, i => a[i] | b[i])
    }

    #[inline(always)]
    fn rotate<const N: u32>(self, a: [u32; LANES]) -> [u32; LANES] {
        each!(0, i => a[i].rotate_left(N))
    }

    #[inline(always)]
    fn signed(self, a: [u32; LANES]) -> [f32; LANES] {
        each!(0.0, i => a[i].cast_signed() as f32)
    }

    #[inline(always)]
    fn at_most(self, a: [u32; LANES], b: [u32; LANES]) -> [bool; LANES] {
        each!(false, i => a[i].cast_signed() <= b[i].cast_signed())
    }

    #[inline(always)]
    fn sub_where(self, mask: [bool; LANES], a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each!(0.0, i => if mask[i] { a[i] - b[i] } else { a[i] })
    }

    #[inline(always)]
    fn select(self, mask: [bool; LANES], a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each!(0.0, i => if mask[i] { a[i] } else { b[i] })
    }
}
