//! What the words of a half year are used for.
//!
//! Half year k of a simulation, months 6k to 6k + 5 and the event before the last of them, reads block k of its stream: 16 words. So
//! what is read depends on the month alone, and a longer timeline only appends.
//!
//! | word | bits | |
//! |---|---|---|
//! | 0 to 5 | all | the radius of a month's normals |
//! | 6 to 11 | 30 to 20 | the same month's emergency begins with them |
//! | | 19 to 0 | the angle of its normals |
//! | 12 | all | the radius of the event's normals |
//! | 13 | 30 to 8 | the promotion's coin begins with them |
//! | | 7 to 0 | refine the first month's emergency |
//! | 14 | 31 to 24 | refine the second month's |
//! | | 19 to 0 | the angle of the event's normals |
//! | 15 | 27 to 20, 19 to 12, 11 to 4 | refine the third's, the fourth's, the fifth's |
//! | | 3 to 0, 31 to 28 | refine the sixth's |
//!
//! An emergency is the whole word of its month, exclusive or another word shifted so that the bits that refine it come after
//! its own. So every radius, coin and emergency is uniform on all of its 32 or 31 bits and every angle on its 20; and all bits of radii
//! and angles, 23 of the coin and 19 of each emergency are jointly independent. What draws share lies behind these. A test finds the rank.

use crate::lanes::{Lanes, SIGN};

/// Months of a half year.
pub(crate) const MONTHS: usize = 6;
/// Words of a half year: a block's.
pub(crate) const WORDS: usize = 16;

/// The draws of a half year.
pub(crate) struct Draws<W> {
    /// Radii of the months' normals and of the event's.
    pub(crate) radius: [W; MONTHS + 1],
    /// The words that end with their angles.
    pub(crate) angle: [W; MONTHS + 1],
    /// Emergencies, without the sign bit.
    pub(crate) emergency: [W; MONTHS],
    /// The promotion's coin, without the sign bit.
    pub(crate) promotion: W,
}

impl<W: Copy> Draws<W> {
    /// Takes a block apart.
    #[expect(clippy::inline_always, reason = "compiled with the caller's instructions")]
    #[inline(always)]
    pub(crate) fn new<L: Lanes<Word = W>>(lanes: L, words: &[W; WORDS]) -> Self {
        let [r0, r1, r2, r3, r4, r5, a0, a1, a2, a3, a4, a5, r6, coin, a6, rest] = *words;
        let refined = [
            lanes.xor(a0, lanes.left::<12>(coin)),
            lanes.xor(a1, lanes.right::<12>(a6)),
            lanes.xor(a2, lanes.right::<8>(rest)),
            lanes.xor(a3, rest),
            lanes.xor(a4, lanes.left::<8>(rest)),
            lanes.xor(a5, lanes.rotate::<16>(rest)),
        ];
        let mut emergency = refined;
        for word in &mut emergency {
            *word = lanes.and(*word, lanes.word(!SIGN));
        }
        Self {
            radius: [r0, r1, r2, r3, r4, r5, r6],
            angle: [a0, a1, a2, a3, a4, a5, a6],
            emergency,
            promotion: lanes.and(coin, lanes.word(!SIGN)),
        }
    }
}

#[cfg(test)]
mod tests;
