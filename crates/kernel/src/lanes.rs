//! Registers of numbers, on every level: the few operations that the kernel is written in, and one
//! set of wrappers around instructions per level. This is the only `unsafe` of the workspace.
//!
//! A value of a [`Lanes`] type is proof that the machine has its instructions: it is only made
//! after they were detected. A [`Task`] is code over any lanes; [`Register::run`] compiles it for
//! its level. Everything a task calls must be `#[inline(always)]`, so that it ends up inside the
//! one function that may use the level's instructions.
//!
//! Each operation is exactly rounded IEEE 754 arithmetic or integer arithmetic, so that every level
//! gives the same bits. Approximate instructions (`rsqrt14`, `rcp14`) differ between processors and
//! don't belong here. Nothing here knows the model.
//!
//! A new operation is added to [`Lanes`], to the three levels, and to the list in `lanes/tests.rs`,
//! which compares its bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use portable::Portable;

/// The most lanes that a register has. Each carries one simulation.
pub(crate) const WIDTH_MAX: usize = 16;

/// The bit that is a number's sign.
pub(crate) const SIGN: u32 = 1 << 31;

/// Code that runs on any lanes.
pub(crate) trait Task {
    type Output;

    /// Must be `#[inline(always)]`, with everything it calls.
    fn run<L: Register>(self, lanes: L) -> Self::Output;
}

/// A part of a task that is compiled as a function of its own: the compiler's work grows faster
/// than the size of a function.
pub(crate) trait Stage<L: Register> {
    /// Must be `#[inline(always)]`, with everything it calls.
    fn run(self, lanes: L);
}

/// One register's lanes: what a level provides.
pub(crate) trait Register: Lanes {
    /// How many lanes: at most [`WIDTH_MAX`].
    const WIDTH: usize;

    /// Runs `task` compiled for this level.
    fn run<T: Task>(self, task: T) -> T::Output;
    /// Runs a part of a task compiled for this level.
    fn stage<S: Stage<Self>>(self, stage: S);

    /// Writes the lanes in order to the first [`Register::WIDTH`] places.
    fn store(self, x: Self::Float, out: &mut [f32; WIDTH_MAX]);
    /// The first [`Register::WIDTH`] of these words, one a lane.
    fn words(self, x: &[u32; WIDTH_MAX]) -> Self::Word;
    /// Writes the lanes in order to the first [`Register::WIDTH`] places.
    #[cfg(test)]
    fn store_words(self, x: Self::Word, out: &mut [u32; WIDTH_MAX]);
}

/// Operations on every lane of a register.
pub(crate) trait Lanes: Copy {
    /// A single-precision number in each lane.
    type Float: Copy;
    /// A word of 32 bits in each lane.
    type Word: Copy;
    /// A boolean in each lane.
    type Mask: Copy;

    /// `x` in every lane.
    fn float(self, x: f32) -> Self::Float;
    fn add(self, a: Self::Float, b: Self::Float) -> Self::Float;
    fn sub(self, a: Self::Float, b: Self::Float) -> Self::Float;
    fn mul(self, a: Self::Float, b: Self::Float) -> Self::Float;
    /// a·b + c, rounded once.
    fn fma(self, a: Self::Float, b: Self::Float, c: Self::Float) -> Self::Float;
    fn sqrt(self, a: Self::Float) -> Self::Float;
    fn div(self, a: Self::Float, b: Self::Float) -> Self::Float;
    /// `a` where a > b, else `b`.
    fn larger(self, a: Self::Float, b: Self::Float) -> Self::Float;
    /// `a` where a < b, else `b`.
    fn smaller(self, a: Self::Float, b: Self::Float) -> Self::Float;
    /// ⌊log₂ x⌋ of a positive normal number, as a number.
    fn exponent(self, x: Self::Float) -> Self::Float;
    /// x / 2^exponent of a normal number above 0: in [1, 2).
    fn mantissa(self, x: Self::Float) -> Self::Float;
    /// `x`, its sign flipped where the highest bit of `by` is set.
    fn flip(self, x: Self::Float, by: Self::Word) -> Self::Float;

    /// `x` in every lane.
    fn word(self, x: u32) -> Self::Word;
    /// The sum modulo 2³².
    fn add_words(self, a: Self::Word, b: Self::Word) -> Self::Word;
    fn xor(self, a: Self::Word, b: Self::Word) -> Self::Word;
    fn and(self, a: Self::Word, b: Self::Word) -> Self::Word;
    fn or(self, a: Self::Word, b: Self::Word) -> Self::Word;
    /// Rotation to the left by `N`, one of the four that the keystream needs: 16, 12, 8, 7.
    fn rotate<const N: u32>(self, a: Self::Word) -> Self::Word;
    /// Shifted to the left by `n` bits, below 32.
    fn left(self, a: Self::Word, n: u32) -> Self::Word;
    /// Shifted to the right by `n` bits, below 32; zeros come in.
    fn right(self, a: Self::Word, n: u32) -> Self::Word;
    /// The words as signed integers, rounded to the nearest number.
    fn number(self, a: Self::Word) -> Self::Float;

    /// Where `a` < `b`, as signed integers.
    fn below(self, a: Self::Word, b: Self::Word) -> Self::Mask;
    /// `x` where the mask holds, else 0.
    fn masked(self, mask: Self::Mask, x: Self::Float) -> Self::Float;
    /// Where `a` < `b`; false where either is NaN.
    fn less(self, a: Self::Float, b: Self::Float) -> Self::Mask;
    /// `a` where the mask holds, else `b`.
    fn select(self, mask: Self::Mask, a: Self::Float, b: Self::Float) -> Self::Float;
    /// Where both hold.
    fn both(self, a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// Where at least one holds.
    fn either(self, a: Self::Mask, b: Self::Mask) -> Self::Mask;

    /// Whether the mask holds in any lane.
    fn holds(self, mask: Self::Mask) -> bool;

    /// The bits of the numbers.
    fn bits(self, x: Self::Float) -> Self::Word;
    /// The numbers with these bits.
    fn with_bits(self, a: Self::Word) -> Self::Float;
    /// The table's entries at these indexes; the last entry for indexes beyond the table. The table
    /// must not be empty.
    fn gather(self, table: &[f32], index: Self::Word) -> Self::Float;
    /// The first and the second number of the table's entries at these indexes, as
    /// [`gather`](Self::gather). Two calls of that take longer.
    fn gather_pairs(self, table: &[[f32; 2]], index: Self::Word) -> [Self::Float; 2];
}

#[cfg(test)]
mod tests;
