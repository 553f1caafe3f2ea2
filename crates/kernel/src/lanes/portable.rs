//! Plain arrays, vectorised by the compiler. On aarch64 this is NEON; on x86-64 without AVX2 it is
//! slow but correct.
#![expect(clippy::inline_always, reason = "loops over lanes are only fast where they are inlined")]

use super::{Lanes, Register, SIGN, Stage, Task, WIDTH_MAX};

/// Lanes of a register of 128 bits.
const WIDTH: usize = 4;

/// Lanes that every machine has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

/// An array made lane by lane. It is written out, because the compiler needs several times as long
/// for the same thing as a loop, and a closure is not always inlined.
macro_rules! each {
    ($i:ident => $x:expr) => {
        [lane!($i = 0, $x), lane!($i = 1, $x), lane!($i = 2, $x), lane!($i = 3, $x)]
    };
}

/// An expression with the number of a lane.
macro_rules! lane {
    ($i:ident = $lane:literal, $x:expr) => {{
        const $i: usize = $lane;
        $x
    }};
}

/// Whether the compiler may use an instruction for a fused operation. Otherwise it calls the C
/// library for each lane: out of line, or the walk would be ten thousand calls long.
const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

#[inline(never)]
fn fused(a: [f32; WIDTH], b: [f32; WIDTH], c: [f32; WIDTH]) -> [f32; WIDTH] {
    each!(I => a[I].mul_add(b[I], c[I]))
}

impl Register for Portable {
    const WIDTH: usize = WIDTH;

    fn run<T: Task>(self, task: T) -> T::Output {
        task.run(self)
    }

    #[inline(never)]
    fn stage<S: Stage<Self>>(self, stage: S) {
        stage.run(self);
    }

    #[inline(always)]
    fn store(self, x: [f32; WIDTH], out: &mut [f32; WIDTH_MAX]) {
        out[..WIDTH].copy_from_slice(&x);
    }

    #[inline(always)]
    fn words(self, x: &[u32; WIDTH_MAX]) -> [u32; WIDTH] {
        each!(I => x[I])
    }

    #[inline(always)]
    #[cfg(test)]
    fn store_words(self, x: [u32; WIDTH], out: &mut [u32; WIDTH_MAX]) {
        out[..WIDTH].copy_from_slice(&x);
    }
}

impl Lanes for Portable {
    type Float = [f32; WIDTH];
    type Word = [u32; WIDTH];
    type Mask = [bool; WIDTH];

    #[inline(always)]
    fn float(self, x: f32) -> [f32; WIDTH] {
        [x; WIDTH]
    }

    #[inline(always)]
    fn add(self, a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        each!(I => a[I] + b[I])
    }

    #[inline(always)]
    fn sub(self, a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        each!(I => a[I] - b[I])
    }

    #[inline(always)]
    fn mul(self, a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        each!(I => a[I] * b[I])
    }

    #[inline(always)]
    fn fma(self, a: [f32; WIDTH], b: [f32; WIDTH], c: [f32; WIDTH]) -> [f32; WIDTH] {
        if FUSED { each!(I => a[I].mul_add(b[I], c[I])) } else { fused(a, b, c) }
    }

    #[inline(always)]
    fn sqrt(self, a: [f32; WIDTH]) -> [f32; WIDTH] {
        each!(I => a[I].sqrt())
    }

    #[inline(always)]
    fn div(self, a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        each!(I => a[I] / b[I])
    }

    #[inline(always)]
    fn larger(self, a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        each!(I => if a[I] > b[I] { a[I] } else { b[I] })
    }

    #[inline(always)]
    fn smaller(self, a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        each!(I => if a[I] < b[I] { a[I] } else { b[I] })
    }

    #[inline(always)]
    fn exponent(self, x: [f32; WIDTH]) -> [f32; WIDTH] {
        each!(I => ((x[I].to_bits() >> 23).cast_signed() - 127) as f32)
    }

    #[inline(always)]
    fn mantissa(self, x: [f32; WIDTH]) -> [f32; WIDTH] {
        each!(I => f32::from_bits(x[I].to_bits() & 0x007f_ffff | 0x3f80_0000))
    }

    #[inline(always)]
    fn flip(self, x: [f32; WIDTH], by: [u32; WIDTH]) -> [f32; WIDTH] {
        each!(I => f32::from_bits(x[I].to_bits() ^ by[I] & SIGN))
    }

    #[inline(always)]
    fn word(self, x: u32) -> [u32; WIDTH] {
        [x; WIDTH]
    }

    #[inline(always)]
    fn add_words(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [u32; WIDTH] {
        each!(I => a[I].wrapping_add(b[I]))
    }

    #[inline(always)]
    fn xor(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [u32; WIDTH] {
        each!(I => a[I] ^ b[I])
    }

    #[inline(always)]
    fn and(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [u32; WIDTH] {
        each!(I => a[I] & b[I])
    }

    #[inline(always)]
    fn or(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [u32; WIDTH] {
        each!(I => a[I] | b[I])
    }

    #[inline(always)]
    fn rotate<const N: u32>(self, a: [u32; WIDTH]) -> [u32; WIDTH] {
        each!(I => a[I].rotate_left(N))
    }

    #[inline(always)]
    fn left(self, a: [u32; WIDTH], n: u32) -> [u32; WIDTH] {
        each!(I => a[I] << n)
    }

    #[inline(always)]
    fn right(self, a: [u32; WIDTH], n: u32) -> [u32; WIDTH] {
        each!(I => a[I] >> n)
    }

    #[inline(always)]
    fn number(self, a: [u32; WIDTH]) -> [f32; WIDTH] {
        each!(I => a[I].cast_signed() as f32)
    }

    #[inline(always)]
    fn below(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [bool; WIDTH] {
        each!(I => a[I].cast_signed() < b[I].cast_signed())
    }

    #[inline(always)]
    fn masked(self, mask: [bool; WIDTH], x: [f32; WIDTH]) -> [f32; WIDTH] {
        each!(I => if mask[I] { x[I] } else { 0.0 })
    }

    #[inline(always)]
    fn less(self, a: [f32; WIDTH], b: [f32; WIDTH]) -> [bool; WIDTH] {
        each!(I => a[I] < b[I])
    }

    #[inline(always)]
    fn select(self, mask: [bool; WIDTH], a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        each!(I => if mask[I] { a[I] } else { b[I] })
    }

    #[inline(always)]
    fn both(self, a: [bool; WIDTH], b: [bool; WIDTH]) -> [bool; WIDTH] {
        each!(I => a[I] & b[I])
    }

    #[inline(always)]
    fn either(self, a: [bool; WIDTH], b: [bool; WIDTH]) -> [bool; WIDTH] {
        each!(I => a[I] | b[I])
    }

    #[inline(always)]
    fn holds(self, mask: [bool; WIDTH]) -> bool {
        mask.contains(&true)
    }

    #[inline(always)]
    fn bits(self, x: [f32; WIDTH]) -> [u32; WIDTH] {
        each!(I => x[I].to_bits())
    }

    #[inline(always)]
    fn with_bits(self, a: [u32; WIDTH]) -> [f32; WIDTH] {
        each!(I => f32::from_bits(a[I]))
    }

    #[inline(always)]
    fn gather(self, table: &[f32], index: [u32; WIDTH]) -> [f32; WIDTH] {
        each!(I => table[(index[I] as usize).min(table.len() - 1)])
    }

    #[inline(always)]
    fn gather_pairs(self, table: &[[f32; 2]], index: [u32; WIDTH]) -> [[f32; WIDTH]; 2] {
        let last = table.len() - 1;
        [
            each!(I => table[(index[I] as usize).min(last)][0]),
            each!(I => table[(index[I] as usize).min(last)][1]),
        ]
    }
}
