//! The draws: which bits of a simulation's keystream each one reads.
//!
//! A simulation's stream is cut into blocks of 16 words. A block belongs to one source of chance
//! ([`Source`]) and one part of one year, and its number is a function of these two alone. So a
//! longer timeline only appends, and a source that a request doesn't use leaves the draws of every
//! other source as they are. With `rand_chacha`, block `b` begins at word `16 * b`:
//! `set_stream(i)`, `set_word_pos(16 * b)`.
//!
//! The layout of a block is a table of fields. Each field is made of [`Bits`] of the block's words,
//! the most significant first, and no bit belongs to two fields: a test proves it from the table.
//!
//! A new source of chance is a variant of [`Source`] and a table like [`RADII`]; `normals` and
//! `shocks` turn fields into what the rules of a month read.
#![expect(clippy::inline_always, reason = "compiled with the caller's instructions")]

use crate::keystream::WORDS;
use crate::lanes::Lanes;

/// Bits of a radius: 2²⁸ values.
pub(crate) const RADIUS_BITS: u32 = 28;
/// Bits of an angle: 2²⁰ directions.
pub(crate) const ANGLE_BITS: u32 = 20;
/// Bits of a uniform: 2²⁴ values.
pub(crate) const UNIFORM_BITS: u32 = 24;

/// Months in a half year.
pub(crate) const MONTHS: usize = 6;
/// Pairs of normals in a half year of the household, and as many uniforms.
pub(crate) const PAIRS: usize = MONTHS + 1;

/// A source of chance. Each reads blocks of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Cash, inflation, raises, promotions, emergencies: one block for each half year.
    Household = 0,
    /// Additional draws of a market: two blocks for each year.
    Market = 1,
    /// The innovations of yearly inflation: one block for each 16 years.
    Prices = 2,
    /// Lifetimes of people: one block.
    Lives = 3,
    /// Splits a month's single normal into the terms that a replay shows.
    Replay = 4,
}

impl Source {
    /// The number of this source's `index`-th block in the stream of every simulation: the source
    /// is in the high half. Indices are below 2³².
    pub(crate) const fn block(self, index: u32) -> u64 {
        (self as u64) << 32 | index as u64
    }
}

/// Some neighbouring bits of one word of a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits {
    /// Which word: 0 to 15.
    pub(crate) word: usize,
    /// The lowest bit: 0 to 31.
    pub(crate) shift: u32,
    /// How many bits.
    pub(crate) width: u32,
}

/// The bits of a draw, the most significant first.
pub(crate) type Field = &'static [Bits];

const fn bits(word: usize, shift: u32, width: u32) -> Bits {
    Bits { word, shift, width }
}

/// The radii of a half year: of the pairs of months 1 and 2, 3 and 4, 5 and 6 for the cash, of the
/// same pairs for inflation, and of the event's promotion and raise.
pub(crate) const RADII: [Field; PAIRS] = [
    &[bits(0, 4, 28)],
    &[bits(1, 4, 28)],
    &[bits(2, 4, 28)],
    &[bits(3, 4, 28)],
    &[bits(4, 4, 28)],
    &[bits(5, 4, 28)],
    &[bits(6, 4, 28)],
];

/// The angles of the same pairs. The last one consists of the bits that the first five radii leave
/// of their words.
pub(crate) const ANGLES: [Field; PAIRS] = [
    &[bits(7, 0, 20)],
    &[bits(8, 0, 20)],
    &[bits(9, 0, 20)],
    &[bits(10, 0, 20)],
    &[bits(11, 0, 20)],
    &[bits(12, 0, 20)],
    &[bits(0, 0, 4), bits(1, 0, 4), bits(2, 0, 4), bits(3, 0, 4), bits(4, 0, 4)],
];

/// The uniforms of a half year: the emergencies of its months, and the promotion. Three consist of
/// the bits that two angles each leave of their words, and the last one of the bits that the first
/// three uniforms leave.
pub(crate) const UNIFORMS: [Field; PAIRS] = [
    &[bits(13, 8, 24)],
    &[bits(14, 8, 24)],
    &[bits(15, 8, 24)],
    &[bits(7, 20, 12), bits(8, 20, 12)],
    &[bits(9, 20, 12), bits(10, 20, 12)],
    &[bits(11, 20, 12), bits(12, 20, 12)],
    &[bits(13, 0, 8), bits(14, 0, 8), bits(15, 0, 8)],
];

/// The number of the household's block for a half year, counted from 0: two blocks a year.
#[expect(clippy::cast_possible_truncation, reason = "at most 202 half years")]
pub(crate) const fn household_block(half_year: usize) -> u64 {
    Source::Household.block(half_year as u32)
}

/// Years whose innovations of inflation share a block; two years share a pair of normals.
pub(crate) const PRICE_YEARS: usize = 16;

/// The radius and the angle of each pair of years of inflation.
pub(crate) const PRICE_PAIRS: [[Field; 2]; PRICE_YEARS / 2] = [
    [&[bits(0, 4, 28)], &[bits(1, 0, 20)]],
    [&[bits(2, 4, 28)], &[bits(3, 0, 20)]],
    [&[bits(4, 4, 28)], &[bits(5, 0, 20)]],
    [&[bits(6, 4, 28)], &[bits(7, 0, 20)]],
    [&[bits(8, 4, 28)], &[bits(9, 0, 20)]],
    [&[bits(10, 4, 28)], &[bits(11, 0, 20)]],
    [&[bits(12, 4, 28)], &[bits(13, 0, 20)]],
    [&[bits(14, 4, 28)], &[bits(15, 0, 20)]],
];

/// The uniforms of each person's life.
pub(crate) const LIVES: [Field; 2] = [&[bits(0, 8, 24)], &[bits(1, 8, 24)]];

/// Log-normal returns: the radius and the angle of each pair of months of a year, in its first
/// block.
pub(crate) const LOGNORMAL_PAIRS: [[Field; 2]; 6] = [
    [&[bits(0, 4, 28)], &[bits(6, 0, 20)]],
    [&[bits(1, 4, 28)], &[bits(7, 0, 20)]],
    [&[bits(2, 4, 28)], &[bits(8, 0, 20)]],
    [&[bits(3, 4, 28)], &[bits(9, 0, 20)]],
    [&[bits(4, 4, 28)], &[bits(10, 0, 20)]],
    [&[bits(5, 4, 28)], &[bits(11, 0, 20)]],
];

/// A field of each month of a year, which is the same part of the month's word.
const fn monthly(shift: u32, width: u32) -> [Bits; 12] {
    let mut fields = [bits(0, shift, width); 12];
    let mut month = 0;
    while month < 12 {
        fields[month] = bits(month, shift, width);
        month += 1;
    }
    fields
}

/// Student's t: the radius of each month in the year's first block, the angle in its second.
pub(crate) const STUDENT_RADII: [Bits; 12] = monthly(4, 28);
pub(crate) const STUDENT_ANGLES: [Bits; 12] = monthly(0, 20);
/// Regimes and bootstrap: the uniform that says whether the regime changes, or a block begins, in
/// the year's first block; which row it begins with, in its second.
pub(crate) const CHANGES: [Bits; 12] = monthly(8, 24);
pub(crate) const CHOICES: [Bits; 12] = monthly(8, 24);

/// The draws of a half year of the household, as integers.
#[derive(Clone, Copy)]
pub(crate) struct Draws<W> {
    /// Below 2²⁸.
    pub(crate) radius: [W; PAIRS],
    /// Below 2²⁰.
    pub(crate) angle: [W; PAIRS],
    /// Below 2²⁴.
    pub(crate) uniform: [W; PAIRS],
}

/// Kinds of draws of a half year, and of what is made from them, that something may not depend on.
/// Cash depends on the rest.
pub(crate) mod kinds {
    /// The pairs of normals for monthly inflation.
    pub(crate) const INFLATION: u8 = 1;
    /// The raise and the promotion.
    pub(crate) const EVENTS: u8 = 2;
    pub(crate) const EMERGENCIES: u8 = 4;
    pub(crate) const ALL: u8 = INFLATION | EVENTS | EMERGENCIES;
}

impl<W: Copy> Draws<W> {
    /// The draws of the block with these words.
    #[inline(always)]
    pub(crate) fn of<L: Lanes<Word = W>>(lanes: L, words: &[W; WORDS]) -> Self {
        let none = [lanes.word(0); PAIRS];
        let mut draws = Self { radius: none, angle: none, uniform: none };
        draws.read::<L, { kinds::ALL }>(lanes, words);
        draws
    }

    /// Reads the draws for cash and of these [`kinds`] from the block with these words. The others
    /// stay as they are, and what only they need of the block isn't computed.
    #[inline(always)]
    pub(crate) fn read<L: Lanes<Word = W>, const KINDS: u8>(&mut self, lanes: L, words: &[W; WORDS]) {
        /// Expands to all fields of a table, so that each is a constant where it is used.
        macro_rules! fields {
            ($member:ident from $table:ident: $($i:literal)+) => {
                $(self.$member[$i] = field(lanes, words, $table[$i]);)+
            };
        }
        fields!(radius from RADII: 0 1 2);
        fields!(angle from ANGLES: 0 1 2);
        if KINDS & kinds::INFLATION != 0 {
            fields!(radius from RADII: 3 4 5);
            fields!(angle from ANGLES: 3 4 5);
        }
        if KINDS & kinds::EVENTS != 0 {
            fields!(radius from RADII: 6);
            fields!(angle from ANGLES: 6);
            fields!(uniform from UNIFORMS: 6);
        }
        if KINDS & kinds::EMERGENCIES != 0 {
            fields!(uniform from UNIFORMS: 0 1 2 3 4 5);
        }
    }
}

/// The integer in a field of a block. With a constant field it takes two or three operations per
/// piece.
#[inline(always)]
pub(crate) fn field<L: Lanes>(lanes: L, words: &[L::Word; WORDS], field: Field) -> L::Word {
    let mut place: u32 = field.iter().map(|bits| bits.width).sum();
    let mut value = lanes.word(0);
    for (i, bits) in field.iter().enumerate() {
        place -= bits.width;
        let word = words[bits.word];
        let part = if place > bits.shift {
            lanes.left(word, place - bits.shift)
        } else {
            lanes.right(word, bits.shift - place)
        };
        let ends_the_word = bits.shift + bits.width == 32 && place == 0;
        let mask = u32::MAX >> (32 - bits.width) << place;
        let part = if ends_the_word { part } else { lanes.and(part, lanes.word(mask)) };
        value = if i == 0 { part } else { lanes.or(value, part) };
    }
    value
}

#[cfg(test)]
mod tests;
