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

/// The level in the environment, or the best.
fn level() -> Level {
    Level::detect().unwrap()
}

/// The partial result of these blocks of a job.
fn partial(job: &Job, blocks: impl IntoIterator<Item = u64>) -> Partial {
    let mut accumulator = Accumulator::new(job);
    for block in blocks {
        accumulator.block(job, block);
    }
    accumulator.finish()
}

/// The partial result of a whole job.
fn whole(spec: &JobSpec, level: Level) -> Partial {
    partial(&Job::new(spec, level), 0..blocks_of(spec.simulations()))
}
