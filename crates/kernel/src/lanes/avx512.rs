//! AVX-512: 16 lanes.
#![expect(unsafe_code, reason = "instructions that the compiler can't assume; see the SAFETY note of `on`")]
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]
#![expect(clippy::cast_possible_wrap, reason = "instructions take words as signed integers")]

use std::arch::x86_64 as x86;
use std::arch::x86_64::{__m512, __m512i, __mmask16};

use super::{Lanes, Register, SIGN, Stage, Task, WIDTH_MAX};

/// Proof that this machine has AVX-512 F, BW, DQ and VL, FMA and AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The lanes, if the machine supports them.
    pub(crate) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        has.then_some(Self(()))
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn entry<T: Task>(lanes: Avx512, task: T) -> T::Output {
    task.run(lanes)
}

#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn stage_entry<S: Stage<Avx512>>(lanes: Avx512, stage: S) {
    stage.run(lanes);
}

/// Uses instructions of AVX-512.
macro_rules! on {
    ($self:ident, $instructions:expr) => {{
        let Self(()) = $self;
        // SAFETY: only `detect` makes an `Avx512`, after it has checked that the processor has
        // these instructions. Pointers come from references to arrays of the size that the
        // instruction reads or writes, and unaligned access is allowed.
        unsafe { $instructions }
    }};
}

impl Register for Avx512 {
    const WIDTH: usize = 16;

    fn run<T: Task>(self, task: T) -> T::Output {
        on!(self, entry(self, task))
    }

    #[inline(always)]
    fn stage<S: Stage<Self>>(self, stage: S) {
        on!(self, stage_entry(self, stage));
    }

    #[inline(always)]
    fn store(self, x: __m512, out: &mut [f32; WIDTH_MAX]) {
        on!(self, x86::_mm512_storeu_ps(out.as_mut_ptr(), x));
    }

    #[inline(always)]
    fn words(self, x: &[u32; WIDTH_MAX]) -> __m512i {
        on!(self, x86::_mm512_loadu_si512(x.as_ptr().cast()))
    }

    #[inline(always)]
    #[cfg(test)]
    fn store_words(self, x: __m512i, out: &mut [u32; WIDTH_MAX]) {
        on!(self, x86::_mm512_storeu_si512(out.as_mut_ptr().cast(), x));
    }
}

impl Lanes for Avx512 {
    type Float = __m512;
    type Word = __m512i;
    type Mask = __mmask16;

    #[inline(always)]
    fn float(self, x: f32) -> __m512 {
        on!(self, x86::_mm512_set1_ps(x))
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        on!(self, x86::_mm512_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        on!(self, x86::_mm512_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        on!(self, x86::_mm512_mul_ps(a, b))
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        on!(self, x86::_mm512_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        on!(self, x86::_mm512_sqrt_ps(a))
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        on!(self, x86::_mm512_div_ps(a, b))
    }

    #[inline(always)]
    fn larger(self, a: __m512, b: __m512) -> __m512 {
        on!(self, x86::_mm512_max_ps(a, b))
    }

    #[inline(always)]
    fn smaller(self, a: __m512, b: __m512) -> __m512 {
        on!(self, x86::_mm512_min_ps(a, b))
    }

    #[inline(always)]
    fn exponent(self, x: __m512) -> __m512 {
        on!(self, x86::_mm512_getexp_ps(x))
    }

    #[inline(always)]
    fn mantissa(self, x: __m512) -> __m512 {
        on!(self, x86::_mm512_getmant_ps::<{ x86::_MM_MANT_NORM_1_2 }, { x86::_MM_MANT_SIGN_ZERO }>(x))
    }

    #[inline(always)]
    fn flip(self, x: __m512, by: __m512i) -> __m512 {
        // The table of x ^ (by & sign): the truth of (x, by, sign) for 111 down to 000.
        const TABLE: i32 = 0b0111_1000;
        on!(self, {
            let sign = x86::_mm512_set1_epi32(SIGN as i32);
            x86::_mm512_castsi512_ps(x86::_mm512_ternarylogic_epi32::<TABLE>(
                x86::_mm512_castps_si512(x),
                by,
                sign,
            ))
        })
    }

    #[inline(always)]
    fn word(self, x: u32) -> __m512i {
        on!(self, x86::_mm512_set1_epi32(x as i32))
    }

    #[inline(always)]
    fn add_words(self, a: __m512i, b: __m512i) -> __m512i {
        on!(self, x86::_mm512_add_epi32(a, b))
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        on!(self, x86::_mm512_xor_si512(a, b))
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        on!(self, x86::_mm512_and_si512(a, b))
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        on!(self, x86::_mm512_or_si512(a, b))
    }

    #[inline(always)]
    fn rotate<const N: u32>(self, a: __m512i) -> __m512i {
        on!(
            self,
            match N {
                16 => x86::_mm512_rol_epi32::<16>(a),
                12 => x86::_mm512_rol_epi32::<12>(a),
                8 => x86::_mm512_rol_epi32::<8>(a),
                7 => x86::_mm512_rol_epi32::<7>(a),
                _ => unreachable!("ChaCha doesn't rotate by {N}"),
            }
        )
    }

    #[inline(always)]
    fn left(self, a: __m512i, n: u32) -> __m512i {
        on!(self, x86::_mm512_sll_epi32(a, x86::_mm_cvtsi32_si128(n as i32)))
    }

    #[inline(always)]
    fn right(self, a: __m512i, n: u32) -> __m512i {
        on!(self, x86::_mm512_srl_epi32(a, x86::_mm_cvtsi32_si128(n as i32)))
    }

    #[inline(always)]
    fn number(self, a: __m512i) -> __m512 {
        on!(self, x86::_mm512_cvtepi32_ps(a))
    }

    #[inline(always)]
    fn below(self, a: __m512i, b: __m512i) -> __mmask16 {
        on!(self, x86::_mm512_cmplt_epi32_mask(a, b))
    }

    #[inline(always)]
    fn masked(self, mask: __mmask16, x: __m512) -> __m512 {
        on!(self, x86::_mm512_maskz_mov_ps(mask, x))
    }

    #[inline(always)]
    fn less(self, a: __m512, b: __m512) -> __mmask16 {
        on!(self, x86::_mm512_cmp_ps_mask::<{ x86::_CMP_LT_OQ }>(a, b))
    }

    #[inline(always)]
    fn select(self, mask: __mmask16, a: __m512, b: __m512) -> __m512 {
        on!(self, x86::_mm512_mask_blend_ps(mask, b, a))
    }

    #[inline(always)]
    fn both(self, a: __mmask16, b: __mmask16) -> __mmask16 {
        let Self(()) = self;
        a & b
    }

    #[inline(always)]
    fn either(self, a: __mmask16, b: __mmask16) -> __mmask16 {
        let Self(()) = self;
        a | b
    }

    #[inline(always)]
    fn holds(self, mask: __mmask16) -> bool {
        let Self(()) = self;
        mask != 0
    }

    #[inline(always)]
    fn bits(self, x: __m512) -> __m512i {
        on!(self, x86::_mm512_castps_si512(x))
    }

    #[inline(always)]
    fn with_bits(self, a: __m512i) -> __m512 {
        on!(self, x86::_mm512_castsi512_ps(a))
    }

    #[inline(always)]
    fn gather(self, table: &[f32], index: __m512i) -> __m512 {
        let last = u32::try_from(table.len() - 1).expect("tables are short");
        let index = on!(self, x86::_mm512_min_epu32(index, x86::_mm512_set1_epi32(last as i32)));
        // SAFETY: as in `on`; every index is at most that of the table's last entry.
        unsafe { x86::_mm512_i32gather_ps::<4>(index, table.as_ptr()) }
    }

    #[inline(always)]
    fn gather_pairs(self, table: &[[f32; 2]], index: __m512i) -> [__m512; 2] {
        let last = u32::try_from(table.len() - 1).expect("tables are short");
        let (table, halves) = on!(self, {
            let index = x86::_mm512_min_epu32(index, x86::_mm512_set1_epi32(last as i32));
            let halves = [x86::_mm512_castsi512_si256(index), x86::_mm512_extracti64x4_epi64::<1>(index)];
            (table.as_ptr().cast(), halves)
        });
        // SAFETY: as in `on`; every index is at most that of the table's last entry, and an entry
        // is as long as what is gathered.
        let [low, high] =
            halves.map(|index| unsafe { x86::_mm512_castpd_ps(x86::_mm512_i32gather_pd::<8>(index, table)) });
        on!(self, {
            let even = x86::_mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
            let odd = x86::_mm512_add_epi32(even, x86::_mm512_set1_epi32(1));
            [x86::_mm512_permutex2var_ps(low, even, high), x86::_mm512_permutex2var_ps(low, odd, high)]
        })
    }
}
