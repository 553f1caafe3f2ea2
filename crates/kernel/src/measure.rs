//! Parts of the kernel on their own, so that benchmarks can measure them. Nothing else uses them.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use std::hint::black_box;

use crate::draws::household_block;
use crate::keystream::{Streams, Uniform};
use crate::lanes::{Register, Task};
use crate::level::Level;
use crate::normals::{Axes, Polar};
use crate::plan::key;
use crate::tile::REGISTERS;

/// Computes the first `blocks` keystream blocks (of 16 words) for each of `simulations` simulations
/// and discards them.
pub fn keystream(level: Level, simulations: u32, blocks: u32) {
    level.run(Keystream { simulations, blocks });
}

/// Computes `pairs` pairs of normals from constant words and discards them.
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
        let uniforms: Vec<Uniform> =
            (0..self.blocks as usize).map(|half| Uniform::new(&key, household_block(half), 0)).collect();
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
        let mut words = [step; REGISTERS];
        for _ in (0..self.pairs).step_by(REGISTERS * L::WIDTH) {
            for words in &mut words {
                *words = lanes.add_words(*words, step);
                let (radius, angle) = (lanes.right(*words, 4), lanes.right(*words, 12));
                let Polar { square, cos, sin } = Polar::new(lanes, &Axes::UNIT, radius, angle);
                let radius = lanes.sqrt(square);
                black_box([lanes.mul(radius, cos), lanes.mul(radius, sin)]);
            }
        }
    }
}
