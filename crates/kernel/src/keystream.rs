//! The `ChaCha8` keystream of several streams at once, one in each lane: there is a register for
//! each state word, so nothing is transposed.
//!
//! The layout is `rand_chacha`'s: words 0 to 3 are the constants, 4 to 11 the key, 12 and 13 the
//! block counter, 14 and 15 the stream number (D. J. Bernstein, "`ChaCha`, a variant of Salsa20",
//! 2008, with a 64-bit counter and nonce). Streams are the indices of simulations, so within one
//! block of simulations every state word but the 14th is the same in all lanes. The first round
//! mixes columns, so three of its four columns are the same for every register, and the fourth is
//! the same for every counter. [`Uniform`] and [`Streams`] have these, and the beginning of the
//! second round, so about a seventh of the work is done once for all lanes.
//!
//! `draws` defines which bits of the words are used for what.
#![expect(clippy::many_single_char_names, reason = "the names of the cipher's description")]
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::lanes::{Lanes, Register, WIDTH_MAX};

/// Words in a block.
pub(crate) const WORDS: usize = 16;

const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// A quarter of a round, on words that are the same in every lane.
const fn quarter(x: &mut [u32; WORDS], [a, b, c, d]: [usize; 4]) {
    x[a] = x[a].wrapping_add(x[b]);
    x[d] = (x[d] ^ x[a]).rotate_left(16);
    x[c] = x[c].wrapping_add(x[d]);
    x[b] = (x[b] ^ x[c]).rotate_left(12);
    x[a] = x[a].wrapping_add(x[b]);
    x[d] = (x[d] ^ x[a]).rotate_left(8);
    x[c] = x[c].wrapping_add(x[d]);
    x[b] = (x[b] ^ x[c]).rotate_left(7);
}

/// The state that all lanes with the same high half of the stream number share, for one block
/// counter.
pub(crate) struct Uniform {
    /// The state before the first round; word 14 is unused.
    start: [u32; WORDS],
    /// The state after the first round's columns 0, 1 and 3, and what of the second round follows
    /// from them alone. Unused where [`Streams`] has the word.
    mixed: [u32; WORDS],
}

impl Uniform {
    /// The shared state of the block with this counter.
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the counter")]
    pub(crate) fn new(key: &[u32; 8], counter: u64, stream_high: u32) -> Self {
        let mut start = [0; WORDS];
        start[..4].copy_from_slice(&CONSTANTS);
        start[4..12].copy_from_slice(key);
        start[12] = counter as u32;
        start[13] = (counter >> 32) as u32;
        start[15] = stream_high;
        let mut mixed = start;
        for column in [0, 1, 3] {
            quarter(&mut mixed, [column, column + 4, column + 8, column + 12]);
        }
        mixed[0] = mixed[0].wrapping_add(mixed[5]);
        mixed[15] = (mixed[15] ^ mixed[0]).rotate_left(16);
        mixed[3] = mixed[3].wrapping_add(mixed[4]);
        Self { start, mixed }
    }
}

/// What a register of lanes shares over all block counters with the same high half (those of one
/// source of chance): its streams, and what of the first two rounds follows from them and the key.
#[derive(Clone, Copy)]
pub(crate) struct Streams<L: Lanes> {
    stream: L::Word,
    /// Words 1, 2, 6, 10, 13 and 14 where the second round's other sums begin.
    mixed: [L::Word; 6],
}

impl<L: Register> Streams<L> {
    /// The streams from `first` on, one in each lane, of which this is the low half. `uniform` is
    /// that of any of the blocks.
    #[inline(always)]
    pub(crate) fn new(lanes: L, key: &[u32; 8], uniform: &Uniform, first: u32) -> Self {
        let mut streams = [0; WIDTH_MAX];
        for (stream, lane) in streams.iter_mut().zip(0..) {
            *stream = first.wrapping_add(lane);
        }
        Self::of(lanes, key, uniform, lanes.words(&streams))
    }

    /// The streams of which these are the low halves. `uniform` is that of any of the blocks.
    #[inline(always)]
    pub(crate) fn of(lanes: L, key: &[u32; 8], uniform: &Uniform, stream: L::Word) -> Self {
        let mut x = [lanes.word(0); WORDS];
        for i in [1, 7, 13] {
            x[i] = lanes.word(uniform.mixed[i]);
        }
        x[2] = lanes.word(CONSTANTS[2]);
        x[6] = lanes.word(key[2]);
        x[10] = lanes.word(key[6]);
        x[14] = stream;
        mix(lanes, &mut x, [2, 6, 10, 14]);
        x[1] = lanes.add_words(x[1], x[6]);
        x[2] = lanes.add_words(x[2], x[7]);
        x[13] = lanes.rotate::<16>(lanes.xor(x[13], x[2]));
        Self { stream, mixed: [x[1], x[2], x[6], x[10], x[13], x[14]] }
    }

    /// The 16 words of every lane's stream at `uniform`'s block counter.
    #[inline(always)]
    pub(crate) fn block(&self, lanes: L, uniform: &Uniform) -> [L::Word; WORDS] {
        let mut x = [lanes.word(0); WORDS];
        for (x, &word) in x.iter_mut().zip(&uniform.mixed) {
            *x = lanes.word(word);
        }
        [x[1], x[2], x[6], x[10], x[13], x[14]] = self.mixed;
        mix_on(lanes, &mut x, [0, 5, 10, 15]);
        x[12] = lanes.rotate::<16>(lanes.xor(x[12], x[1]));
        mix_on(lanes, &mut x, [1, 6, 11, 12]);
        mix_on(lanes, &mut x, [2, 7, 8, 13]);
        x[14] = lanes.rotate::<16>(lanes.xor(x[14], x[3]));
        mix_on(lanes, &mut x, [3, 4, 9, 14]);
        for _ in 0..3 {
            two_rounds(lanes, &mut x);
        }
        for (i, word) in x.iter_mut().enumerate() {
            let start = if i == 14 { self.stream } else { lanes.word(uniform.start[i]) };
            *word = lanes.add_words(*word, start);
        }
        x
    }
}

/// The columns' round and the diagonals'.
#[inline(always)]
fn two_rounds<L: Lanes>(lanes: L, x: &mut [L::Word; WORDS]) {
    for column in 0..4 {
        mix(lanes, x, [column, column + 4, column + 8, column + 12]);
    }
    mix(lanes, x, [0, 5, 10, 15]);
    mix(lanes, x, [1, 6, 11, 12]);
    mix(lanes, x, [2, 7, 8, 13]);
    mix(lanes, x, [3, 4, 9, 14]);
}

/// A quarter of a round.
#[inline(always)]
fn mix<L: Lanes>(lanes: L, x: &mut [L::Word; WORDS], [a, b, c, d]: [usize; 4]) {
    x[a] = lanes.add_words(x[a], x[b]);
    x[d] = lanes.rotate::<16>(lanes.xor(x[d], x[a]));
    mix_on(lanes, x, [a, b, c, d]);
}

/// A quarter of a round without its first sum and its rotation by 16.
#[inline(always)]
fn mix_on<L: Lanes>(lanes: L, x: &mut [L::Word; WORDS], [a, b, c, d]: [usize; 4]) {
    x[c] = lanes.add_words(x[c], x[d]);
    x[b] = lanes.rotate::<12>(lanes.xor(x[b], x[c]));
    x[a] = lanes.add_words(x[a], x[b]);
    x[d] = lanes.rotate::<8>(lanes.xor(x[d], x[a]));
    x[c] = lanes.add_words(x[c], x[d]);
    x[b] = lanes.rotate::<7>(lanes.xor(x[b], x[c]));
}

#[cfg(test)]
mod tests;
