//! The kernel from outside: against the model's description, and its partial results.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![expect(clippy::cast_possible_truncation, reason = "a million, at most")]

mod cents;
mod coverage;
mod extras;
mod golden;
mod model;
mod partials;
mod plans;
mod precision;
mod replay;
mod vectors;

use carlo_kernel::{Accumulator, Job, Level, Partial};
use carlo_types::JobSpec;
use carlo_types::blocks::blocks_of;

/// The level that the environment asks for, or the best.
fn level() -> Level {
    Level::detect().unwrap()
}

/// What these blocks of a job come to.
fn partial(job: &Job, blocks: impl IntoIterator<Item = u64>) -> Partial {
    let mut accumulator = Accumulator::new(job);
    for block in blocks {
        accumulator.block(job, block);
    }
    accumulator.finish()
}

/// What a whole job comes to.
fn whole(spec: &JobSpec, level: Level) -> Partial {
    partial(&Job::new(spec, level), 0..blocks_of(spec.simulations))
}
