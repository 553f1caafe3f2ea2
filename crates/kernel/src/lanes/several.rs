//! Groups side by side: each operation on all of them before the next one, so that between an operation and the one that waits for
//! it lie the others' operations. A processor's window is too short to find these on its own: the chains of a
//! logarithm and a root are long.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use super::Lanes;

/// `G` groups of `L`.
#[derive(Clone, Copy)]
pub(crate) struct Several<L, const G: usize>(pub(crate) L);

/// Defines an operation as the same on every group. The first operand's values begin the result, so that none need be made up.
macro_rules! each {
    ($($name:ident$(<const $n:ident: u32>)?($first:ident: $kind:ident $(, $x:ident: $of:ident)*) -> $out:ident;)+) => {
        $(
            #[inline(always)]
            fn $name$(<const $n: u32>)?(self, $first: Self::$kind $(, $x: Self::$of)*) -> Self::$out {
                let mut out = [self.0.$name$(::<$n>)?($first[0] $(, $x[0])*); G];
                for g in 1..G {
                    out[g] = self.0.$name$(::<$n>)?($first[g] $(, $x[g])*);
                }
                out
            }
        )+
    };
}

impl<L: Lanes, const G: usize> Lanes for Several<L, G> {
    type Float = [L::Float; G];
    type Word = [L::Word; G];
    type Mask = [L::Mask; G];

    #[inline(always)]
    fn float(self, x: f32) -> Self::Float {
        [self.0.float(x); G]
    }

    #[inline(always)]
    fn word(self, x: u32) -> Self::Word {
        [self.0.word(x); G]
    }

    each! {
        add(a: Float, b: Float) -> Float;
        sub(a: Float, b: Float) -> Float;
        mul(a: Float, b: Float) -> Float;
        fma(a: Float, b: Float, c: Float) -> Float;
        sqrt(a: Float) -> Float;
        within(x: Float, bound: Float) -> Float;
        exponent(x: Float) -> Float;
        mantissa(x: Float) -> Float;
        flip(x: Float, by: Word) -> Float;
        add_words(a: Word, b: Word) -> Word;
        xor(a: Word, b: Word) -> Word;
        and(a: Word, b: Word) -> Word;
        or(a: Word, b: Word) -> Word;
        rotate<const N: u32>(a: Word) -> Word;
        left<const N: u32>(a: Word) -> Word;
        with_bits(a: Word) -> Float;
        signed(a: Word) -> Float;
        positive(x: Float) -> Mask;
        fma_if(mask: Mask, a: Float, b: Float, c: Float) -> Float;
        at_most(a: Word, b: Word) -> Mask;
        fma_word_if(mask: Mask, word: Word, b: Float, c: Float, other: Float) -> Float;
    }
}
