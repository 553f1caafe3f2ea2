//! Parts of the kernel on their own, so that a benchmark can say what each costs. Nothing else uses them.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use std::hint::black_box;

use crate::keystream::{Streams, Uniform};
use crate::lanes::{Lanes, Register, Several, Task};
use crate::level::Level;
use crate::normals::{ANGLE, ANGLE_REST, Axes, Polar};
use crate::plan::key;

/// Makes the first `blocks` keystream blocks (of 16 words) for each of `simulations` simulations and forgets them.
pub fn keystream(level: Level, simulations: u32, blocks: u32) {
    level.run(Keystream { simulations, blocks });
}

/// Makes `pairs` pairs of normals from words that cost nothing and forgets them.
pub fn normals(level: Level, pairs: u32) {
    level.run(Normals { pairs });
}

struct Keystream {
    simulations: u32,
    blocks: u32,
}

impl Task for Keystream {
    type Output = ();

    #[inline(always)]
    fn run<L: Register>(self, lanes: L) {
        let key = key(1);
        let uniforms: Vec<Uniform> = (0..self.blocks).map(|counter| Uniform::new(&key, counter, 0)).collect();
        for first in (0..self.simulations).step_by(L::WIDTH) {
            let streams = Streams::new(lanes, &key, &uniforms[0], first);
            for uniform in &uniforms {
                black_box(&streams.block(lanes, uniform));
            }
        }
    }
}

struct Normals {
    pairs: u32,
}

impl Task for Normals {
    type Output = ();

    #[inline(always)]
    fn run<L: Register>(self, lanes: L) {
        let step = lanes.words(&[
            0x9e37_79b9,
            0x7f4a_7c15,
            0xf39c_c061,
            0x1082_76bf,
            0x2f0b_4c47,
            0x5851_f42d,
            0x4c95_7f2d,
            0x1405_7b7f,
            0x2545_f491,
            0x4f6c_dd1d,
            0x369d_ea0f,
            0x31a5_3f85,
            0xd120_2b1b,
            0xbf58_476d,
            0x1ce4_e5b9,
            0x94d0_49bb,
        ]);
        let several = Several::<L, 2>(lanes);
        let mut words = [step, lanes.rotate::<7>(step)];
        for _ in (0..self.pairs).step_by(2 * L::WIDTH) {
            words = several.add_words(words, [step; 2]);
            let angles = several.or(several.and(words, several.word(ANGLE)), several.word(ANGLE_REST));
            let Polar { square, cos, sin } = Polar::new(several, &Axes::UNIT, words, angles);
            let radius = several.sqrt(square);
            black_box([several.mul(radius, cos), several.mul(radius, sin)]);
        }
    }
}
