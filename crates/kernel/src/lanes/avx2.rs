//! AVX2 and FMA: a group is two registers.
#![expect(unsafe_code, reason = "instructions that the compiler can't assume; see the SAFETY note of `on`")]
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]
#![expect(clippy::cast_possible_wrap, reason = "instructions take words as signed integers")]

use std::arch::x86_64 as x86;
use std::arch::x86_64::{__m256, __m256i};

use super::{LANES, Lanes, SIGN, Task};

/// Proof that this machine has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The lanes, where the machine has them.
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

#[target_feature(enable = "avx2,fma")]
fn entry<T: Task>(lanes: Avx2, task: T) -> T::Output {
    task.run(lanes)
}

/// Uses instructions of AVX2 and FMA.
macro_rules! on {
    ($self:ident, $instructions:expr) => {{
        let Self(()) = $self;
        // SAFETY: an `Avx2` is made by `detect` alone, after the machine was asked for these instructions; pointers come from
        // references to halves of arrays, of the size that the instruction reads or writes, and unaligned access is allowed.
        unsafe { $instructions }
    }};
}

/// Applies an instruction to both halves.
macro_rules! both {
    ($self:ident, $instruction:expr, $($x:ident),+) => {
        on!($self, [$instruction($($x[0]),+), $instruction($($x[1]),+)])
    };
}

type Float = [__m256; 2];
type Word = [__m256i; 2];

/// The bytes of a rotation by 16 or by 8 of each word, as a shuffle of the bytes of 16.
const fn shuffle(bits: usize) -> [u8; 32] {
    let mut bytes = [0; 32];
    let mut i = 0;
    while i < 32 {
        let word = i / 4 % 4 * 4;
        #[expect(clippy::cast_possible_truncation, reason = "below 16")]
        let from = (word + (i % 4 + 4 - bits / 8) % 4) as u8;
        bytes[i] = from;
        i += 1;
    }
    bytes
}

impl Avx2 {
    #[inline(always)]
    fn half_words(self, x: u32) -> __m256i {
        on!(self, x86::_mm256_set1_epi32(x as i32))
    }

    #[inline(always)]
    fn shuffled(self, a: Word, bytes: &[u8; 32]) -> Word {
        let by = on!(self, x86::_mm256_loadu_si256(bytes.as_ptr().cast()));
        on!(self, [x86::_mm256_shuffle_epi8(a[0], by), x86::_mm256_shuffle_epi8(a[1], by)])
    }

    #[inline(always)]
    fn shifted<const LEFT: i32, const RIGHT: i32>(self, a: Word) -> Word {
        on!(self, {
            [
                x86::_mm256_or_si256(
                    x86::_mm256_slli_epi32::<LEFT>(a[0]),
                    x86::_mm256_srli_epi32::<RIGHT>(a[0]),
                ),
                x86::_mm256_or_si256(
                    x86::_mm256_slli_epi32::<LEFT>(a[1]),
                    x86::_mm256_srli_epi32::<RIGHT>(a[1]),
                ),
            ]
        })
    }

    /// The bits of |x|.
    #[inline(always)]
    fn magnitude(self, x: Float) -> Word {
        let mask = self.half_words(!SIGN);
        on!(self, {
            [
                x86::_mm256_and_si256(x86::_mm256_castps_si256(x[0]), mask),
                x86::_mm256_and_si256(x86::_mm256_castps_si256(x[1]), mask),
            ]
        })
    }
}

impl Lanes for Avx2 {
    type Float = Float;
    type Word = Word;
    type Mask = Word;

    fn run<T: Task>(self, task: T) -> T::Output {
        on!(self, entry(self, task))
    }

    #[inline(always)]
    fn float(self, x: f32) -> Float {
        on!(self, [x86::_mm256_set1_ps(x); 2])
    }

    #[inline(always)]
    fn store(self, x: Float, out: &mut [f32; LANES]) {
        let (low, high) = out.split_at_mut(LANES / 2);
        on!(self, {
            x86::_mm256_storeu_ps(low.as_mut_ptr(), x[0]);
            x86::_mm256_storeu_ps(high.as_mut_ptr(), x[1]);
        });
    }

    #[inline(always)]
    fn add(self, a: Float, b: Float) -> Float {
        both!(self, x86::_mm256_add_ps, a, b)
    }

    #[inline(always)]
    fn sub(self, a: Float, b: Float) -> Float {
        both!(self, x86::_mm256_sub_ps, a, b)
    }

    #[inline(always)]
    fn mul(self, a: Float, b: Float) -> Float {
        both!(self, x86::_mm256_mul_ps, a, b)
    }

    #[inline(always)]
    fn fma(self, a: Float, b: Float, c: Float) -> Float {
        both!(self, x86::_mm256_fmadd_ps, a, b, c)
    }

    #[inline(always)]
    fn sqrt(self, a: Float) -> Float {
        both!(self, x86::_mm256_sqrt_ps, a)
    }

    #[inline(always)]
    fn max(self, a: Float, b: Float) -> Float {
        both!(self, x86::_mm256_max_ps, a, b)
    }

    #[inline(always)]
    fn min(self, a: Float, b: Float) -> Float {
        both!(self, x86::_mm256_min_ps, a, b)
    }

    #[inline(always)]
    fn exponent(self, x: Float) -> Float {
        let bits = self.magnitude(x);
        let zero_exponent = self.half_words(127);
        on!(self, {
            [
                x86::_mm256_cvtepi32_ps(x86::_mm256_sub_epi32(
                    x86::_mm256_srli_epi32::<23>(bits[0]),
                    zero_exponent,
                )),
                x86::_mm256_cvtepi32_ps(x86::_mm256_sub_epi32(
                    x86::_mm256_srli_epi32::<23>(bits[1]),
                    zero_exponent,
                )),
            ]
        })
    }

    #[inline(always)]
    fn mantissa(self, x: Float) -> Float {
        let fraction = self.half_words(0x007f_ffff);
        let one = self.half_words(0x3f80_0000);
        on!(self, {
            let low = x86::_mm256_and_si256(x86::_mm256_castps_si256(x[0]), fraction);
            let high = x86::_mm256_and_si256(x86::_mm256_castps_si256(x[1]), fraction);
            [
                x86::_mm256_castsi256_ps(x86::_mm256_or_si256(low, one)),
                x86::_mm256_castsi256_ps(x86::_mm256_or_si256(high, one)),
            ]
        })
    }

    #[inline(always)]
    fn flip(self, x: Float, by: Word) -> Float {
        let sign = self.half_words(SIGN);
        on!(self, {
            let low = x86::_mm256_and_si256(by[0], sign);
            let high = x86::_mm256_and_si256(by[1], sign);
            [
                x86::_mm256_xor_ps(x[0], x86::_mm256_castsi256_ps(low)),
                x86::_mm256_xor_ps(x[1], x86::_mm256_castsi256_ps(high)),
            ]
        })
    }

    #[inline(always)]
    fn word(self, x: u32) -> Word {
        [self.half_words(x); 2]
    }

    #[inline(always)]
    fn words(self, x: &[u32; LANES]) -> Word {
        let (low, high) = x.split_at(LANES / 2);
        on!(self, {
            [x86::_mm256_loadu_si256(low.as_ptr().cast()), x86::_mm256_loadu_si256(high.as_ptr().cast())]
        })
    }

    #[inline(always)]
    #[cfg(test)]
    fn store_words(self, x: Word, out: &mut [u32; LANES]) {
        let (low, high) = out.split_at_mut(LANES / 2);
        on!(self, {
            x86::_mm256_storeu_si256(low.as_mut_ptr().cast(), x[0]);
            x86::_mm256_storeu_si256(high.as_mut_ptr().cast(), x[1]);
        });
    }

    #[inline(always)]
    fn add_words(self, a: Word, b: Word) -> Word {
        both!(self, x86::_mm256_add_epi32, a, b)
    }

    #[inline(always)]
    fn xor(self, a: Word, b: Word) -> Word {
        both!(self, x86::_mm256_xor_si256, a, b)
    }

    #[inline(always)]
    fn and(self, a: Word, b: Word) -> Word {
        both!(self, x86::_mm256_and_si256, a, b)
    }

    #[inline(always)]
    fn or(self, a: Word, b: Word) -> Word {
        both!(self, x86::_mm256_or_si256, a, b)
    }

    #[inline(always)]
    fn rotate<const N: u32>(self, a: Word) -> Word {
        const BY_16: [u8; 32] = shuffle(16);
        const BY_8: [u8; 32] = shuffle(8);
        match N {
            16 => self.shuffled(a, &BY_16),
            12 => self.shifted::<12, 20>(a),
            8 => self.shuffled(a, &BY_8),
            7 => self.shifted::<7, 25>(a),
            _ => unreachable!("ChaCha doesn't rotate by {N}"),
        }
    }

    #[inline(always)]
    fn signed(self, a: Word) -> Float {
        both!(self, x86::_mm256_cvtepi32_ps, a)
    }

    #[inline(always)]
    fn at_most(self, a: Word, b: Word) -> Word {
        let above = both!(self, x86::_mm256_cmpgt_epi32, a, b);
        self.xor(above, self.word(u32::MAX))
    }

    #[inline(always)]
    fn sub_where(self, mask: Word, a: Float, b: Float) -> Float {
        on!(self, {
            [
                x86::_mm256_sub_ps(a[0], x86::_mm256_and_ps(x86::_mm256_castsi256_ps(mask[0]), b[0])),
                x86::_mm256_sub_ps(a[1], x86::_mm256_and_ps(x86::_mm256_castsi256_ps(mask[1]), b[1])),
            ]
        })
    }

    #[inline(always)]
    fn select(self, mask: Word, a: Float, b: Float) -> Float {
        on!(self, {
            [
                x86::_mm256_blendv_ps(b[0], a[0], x86::_mm256_castsi256_ps(mask[0])),
                x86::_mm256_blendv_ps(b[1], a[1], x86::_mm256_castsi256_ps(mask[1])),
            ]
        })
    }
}
