//! What the words of a year are used for.
//!
//! Year k of a simulation, months 12k to 12k + 11 with the events before the last of either half year, reads block k of its stream: 16
//! words, whatever the request. So what is read depends on the month alone, and a longer timeline only appends.
//!
//! Words 0 to 6 belong to the first half year, 7 to 13 to the second. Each begins three draws with bits of its own:
//!
//! | bits | begin | what the seven of a half year are for |
//! |---|---|---|
//! | 31 to 20 | a radius, with its sign | the cash of two months (three words), the inflation of two months (three), the event |
//! | 19 to 10 | an angle | the same normals |
//! | 9 to 0 | a coin | the emergencies of the six months, the promotion |
//!
//! A draw is longer than that. What follows its own bits is mixed from others', and from words 14 and 15, which no draw shows as
//! they are. With w a word, n the next of its half year (cyclic), and ⊕ for exclusive or:
//!
//! * radius: w ⊕ word 15;
//! * angle: bits 19 to 1 of w ⊕ word 14;
//! * coin: (w shifted to the left by 22) ⊕ n ⊕ (word 14 rotated by 8).
//!
//! So every draw is uniform to its last bit, a radius and a coin on 32, an angle on 19. Any three draws of a year are jointly independent, to
//! their last bits; and all 42 are in their own, the first 12 of a radius, the first 10 of an angle or a coin. Tests find the ranks.

use crate::keystream::WORDS;
use crate::lanes::Lanes;
use crate::normals::{ANGLE, ANGLE_REST};

/// Months of a half year.
pub(crate) const MONTHS: usize = 6;
/// Pairs of normals of a half year, and coins.
pub(crate) const PAIRS: usize = MONTHS + 1;

/// By how much a word is shifted so that its coin comes first.
const COIN: u32 = 22;

/// The draws of a half year: three pairs of months' cash, three of months' inflation, the event.
pub(crate) struct Draws<W> {
    pub(crate) radius: [W; PAIRS],
    /// Angles in the fractions of numbers in [1, 1.125).
    pub(crate) angle: [W; PAIRS],
    /// The months' emergencies and the event's promotion.
    pub(crate) coin: [W; PAIRS],
}

impl<W: Copy> Draws<W> {
    /// Those of the first half of the year with these words (`half` is 0) or of the second (1).
    #[expect(clippy::inline_always, reason = "compiled with the caller's instructions")]
    #[inline(always)]
    pub(crate) fn new<L: Lanes<Word = W>>(lanes: L, words: &[W; WORDS], half: usize) -> Self {
        let own: &[W; PAIRS] = words[half * PAIRS..].first_chunk().expect("a year has two halves");
        let [u, v] = [words[2 * PAIRS], words[2 * PAIRS + 1]];
        let angles = lanes.or(lanes.and(u, lanes.word(ANGLE)), lanes.word(ANGLE_REST));
        let coins = lanes.rotate::<8>(u);
        let [mut radius, mut angle, mut coin] = [*own; 3];
        for i in 0..PAIRS {
            radius[i] = lanes.xor(own[i], v);
            angle[i] = lanes.xor(lanes.and(own[i], lanes.word(ANGLE)), angles);
            let next = own[(i + 1) % PAIRS];
            coin[i] = lanes.xor(lanes.xor(lanes.left::<COIN>(own[i]), next), coins);
        }
        Self { radius, angle, coin }
    }
}

#[cfg(test)]
mod tests;
