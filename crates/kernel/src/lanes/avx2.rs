//! AVX2 and FMA: 8 lanes.
#![expect(unsafe_code, reason = "instructions that the compiler can't assume; see the SAFETY note of `on`")]
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]
#![expect(clippy::cast_possible_wrap, reason = "instructions take words as signed integers")]

use std::arch::x86_64 as x86;
use std::arch::x86_64::{__m256, __m256i};

use super::{Lanes, Register, SIGN, Stage, Task, WIDTH_MAX};

/// Proof that this machine has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The lanes, if the machine supports them.
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

#[target_feature(enable = "avx2,fma")]
fn entry<T: Task>(lanes: Avx2, task: T) -> T::Output {
    task.run(lanes)
}

#[inline(never)]
#[target_feature(enable = "avx2,fma")]
fn stage_entry<S: Stage<Avx2>>(lanes: Avx2, stage: S) {
    stage.run(lanes);
}

/// Uses instructions of AVX2 and FMA.
macro_rules! on {
    ($self:ident, $instructions:expr) => {{
        let Self(()) = $self;
        // SAFETY: only `detect` makes an `Avx2`, after it has checked that the processor has these
        // instructions. Pointers come from references to arrays of the size that the instruction
        // reads or writes, and unaligned access is allowed.
        unsafe { $instructions }
    }};
}

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
    fn shuffled(self, a: __m256i, bytes: &[u8; 32]) -> __m256i {
        on!(self, x86::_mm256_shuffle_epi8(a, x86::_mm256_loadu_si256(bytes.as_ptr().cast())))
    }

    #[inline(always)]
    fn shifted<const LEFT: i32, const RIGHT: i32>(self, a: __m256i) -> __m256i {
        on!(self, x86::_mm256_or_si256(x86::_mm256_slli_epi32::<LEFT>(a), x86::_mm256_srli_epi32::<RIGHT>(a)))
    }
}

impl Register for Avx2 {
    const WIDTH: usize = 8;

    fn run<T: Task>(self, task: T) -> T::Output {
        on!(self, entry(self, task))
    }

    #[inline(always)]
    fn stage<S: Stage<Self>>(self, stage: S) {
        on!(self, stage_entry(self, stage));
    }

    #[inline(always)]
    fn store(self, x: __m256, out: &mut [f32; WIDTH_MAX]) {
        on!(self, x86::_mm256_storeu_ps(out.as_mut_ptr(), x));
    }

    #[inline(always)]
    fn words(self, x: &[u32; WIDTH_MAX]) -> __m256i {
        on!(self, x86::_mm256_loadu_si256(x.as_ptr().cast()))
    }

    #[inline(always)]
    #[cfg(test)]
    fn store_words(self, x: __m256i, out: &mut [u32; WIDTH_MAX]) {
        on!(self, x86::_mm256_storeu_si256(out.as_mut_ptr().cast(), x));
    }
}

impl Lanes for Avx2 {
    type Float = __m256;
    type Word = __m256i;
    type Mask = __m256i;

    #[inline(always)]
    fn float(self, x: f32) -> __m256 {
        on!(self, x86::_mm256_set1_ps(x))
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        on!(self, x86::_mm256_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        on!(self, x86::_mm256_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        on!(self, x86::_mm256_mul_ps(a, b))
    }

    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        on!(self, x86::_mm256_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn sqrt(self, a: __m256) -> __m256 {
        on!(self, x86::_mm256_sqrt_ps(a))
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        on!(self, x86::_mm256_div_ps(a, b))
    }

    #[inline(always)]
    fn larger(self, a: __m256, b: __m256) -> __m256 {
        on!(self, x86::_mm256_max_ps(a, b))
    }

    #[inline(always)]
    fn smaller(self, a: __m256, b: __m256) -> __m256 {
        on!(self, x86::_mm256_min_ps(a, b))
    }

    #[inline(always)]
    fn exponent(self, x: __m256) -> __m256 {
        let zero_exponent = self.word(127);
        on!(self, {
            let exponent = x86::_mm256_srli_epi32::<23>(x86::_mm256_castps_si256(x));
            x86::_mm256_cvtepi32_ps(x86::_mm256_sub_epi32(exponent, zero_exponent))
        })
    }

    #[inline(always)]
    fn mantissa(self, x: __m256) -> __m256 {
        let fraction = self.word(0x007f_ffff);
        let one = self.word(0x3f80_0000);
        on!(self, {
            let fraction = x86::_mm256_and_si256(x86::_mm256_castps_si256(x), fraction);
            x86::_mm256_castsi256_ps(x86::_mm256_or_si256(fraction, one))
        })
    }

    #[inline(always)]
    fn flip(self, x: __m256, by: __m256i) -> __m256 {
        let sign = self.and(by, self.word(SIGN));
        on!(self, x86::_mm256_xor_ps(x, x86::_mm256_castsi256_ps(sign)))
    }

    #[inline(always)]
    fn word(self, x: u32) -> __m256i {
        on!(self, x86::_mm256_set1_epi32(x as i32))
    }

    #[inline(always)]
    fn add_words(self, a: __m256i, b: __m256i) -> __m256i {
        on!(self, x86::_mm256_add_epi32(a, b))
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        on!(self, x86::_mm256_xor_si256(a, b))
    }

    #[inline(always)]
    fn and(self, a: __m256i, b: __m256i) -> __m256i {
        on!(self, x86::_mm256_and_si256(a, b))
    }

    #[inline(always)]
    fn or(self, a: __m256i, b: __m256i) -> __m256i {
        on!(self, x86::_mm256_or_si256(a, b))
    }

    #[inline(always)]
    fn rotate<const N: u32>(self, a: __m256i) -> __m256i {
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
    fn left(self, a: __m256i, n: u32) -> __m256i {
        on!(self, x86::_mm256_sll_epi32(a, x86::_mm_cvtsi32_si128(n as i32)))
    }

    #[inline(always)]
    fn right(self, a: __m256i, n: u32) -> __m256i {
        on!(self, x86::_mm256_srl_epi32(a, x86::_mm_cvtsi32_si128(n as i32)))
    }

    #[inline(always)]
    fn number(self, a: __m256i) -> __m256 {
        on!(self, x86::_mm256_cvtepi32_ps(a))
    }

    #[inline(always)]
    fn below(self, a: __m256i, b: __m256i) -> __m256i {
        on!(self, x86::_mm256_cmpgt_epi32(b, a))
    }

    #[inline(always)]
    fn masked(self, mask: __m256i, x: __m256) -> __m256 {
        on!(self, x86::_mm256_and_ps(x86::_mm256_castsi256_ps(mask), x))
    }

    #[inline(always)]
    fn less(self, a: __m256, b: __m256) -> __m256i {
        on!(self, x86::_mm256_castps_si256(x86::_mm256_cmp_ps::<{ x86::_CMP_LT_OQ }>(a, b)))
    }

    #[inline(always)]
    fn select(self, mask: __m256i, a: __m256, b: __m256) -> __m256 {
        on!(self, x86::_mm256_blendv_ps(b, a, x86::_mm256_castsi256_ps(mask)))
    }

    #[inline(always)]
    fn both(self, a: __m256i, b: __m256i) -> __m256i {
        on!(self, x86::_mm256_and_si256(a, b))
    }

    #[inline(always)]
    fn either(self, a: __m256i, b: __m256i) -> __m256i {
        on!(self, x86::_mm256_or_si256(a, b))
    }

    #[inline(always)]
    fn holds(self, mask: __m256i) -> bool {
        on!(self, x86::_mm256_movemask_epi8(mask)) != 0
    }

    #[inline(always)]
    fn bits(self, x: __m256) -> __m256i {
        on!(self, x86::_mm256_castps_si256(x))
    }

    #[inline(always)]
    fn with_bits(self, a: __m256i) -> __m256 {
        on!(self, x86::_mm256_castsi256_ps(a))
    }

    #[inline(always)]
    fn gather(self, table: &[f32], index: __m256i) -> __m256 {
        let last = u32::try_from(table.len() - 1).expect("tables are short");
        let index = on!(self, x86::_mm256_min_epu32(index, x86::_mm256_set1_epi32(last as i32)));
        // SAFETY: as in `on`; every index is at most that of the table's last entry.
        unsafe { x86::_mm256_i32gather_ps::<4>(table.as_ptr(), index) }
    }

    #[inline(always)]
    fn gather_pairs(self, table: &[[f32; 2]], index: __m256i) -> [__m256; 2] {
        let last = u32::try_from(table.len() - 1).expect("tables are short");
        let (table, halves) = on!(self, {
            let index = x86::_mm256_min_epu32(index, x86::_mm256_set1_epi32(last as i32));
            let halves = [x86::_mm256_castsi256_si128(index), x86::_mm256_extracti128_si256::<1>(index)];
            (table.as_ptr().cast(), halves)
        });
        // SAFETY: as in `on`; every index is at most that of the table's last entry, and an entry
        // is as long as what is gathered.
        let [low, high] =
            halves.map(|index| unsafe { x86::_mm256_castpd_ps(x86::_mm256_i32gather_pd::<8>(table, index)) });
        on!(self, {
            // Both have two pairs in either half.
            let [first, second] = [
                x86::_mm256_permute2f128_ps::<0x20>(low, high),
                x86::_mm256_permute2f128_ps::<0x31>(low, high),
            ];
            [
                x86::_mm256_shuffle_ps::<0b10_00_10_00>(first, second),
                x86::_mm256_shuffle_ps::<0b11_01_11_01>(first, second),
            ]
        })
    }
}
