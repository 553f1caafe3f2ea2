//! The simulation kernel: one household's months, sixteen at a time, and partial results that merge
//! exactly.
//!
//! A simulation is a pure function of ([`MODEL_VERSION`], job, index). Every [`Level`] of
//! instructions gives the same bits, and so does the scalar [`reference`](mod@reference), which
//! states the model plainly.
//!
//! * [`Level`]: which instructions to use. `lanes` wraps them, and holds the workspace's only
//!   `unsafe`.
//! * [`Job`]: a specification made ready to simulate. `plan` holds its constants; `keystream`,
//!   `normals` and `walk` are the inner loops, generic over lanes.
//! * [`Accumulator`]: what one thread makes of its blocks. [`Partial`]: that, sparse, mergeable, in
//!   canonical bytes.
//! * [`results`]: the summary of a partial result, with its errors and its digest. It needs no
//!   simulation. [`recommendations`](fn@recommendations): what would help, in sentences.
//!
//! Threads, leases, clocks and wire formats don't belong here. The mathematics and its sources are
//! in this crate's README.

mod accumulator;
mod balances;
mod binomial;
mod chart;
mod digest;
mod draws;
mod grid;
mod job;
mod keystream;
mod lanes;
mod level;
mod lifetime;
pub mod measure;
mod normals;
mod notable;
mod numerics;
mod paired;
mod partial;
mod paths;
mod pipeline;
mod plan;
mod prepared;
mod recommendations;
pub mod reference;
mod replay;
mod rules;
mod samples;
mod scenarios;
mod sensitivity;
mod shocks;
mod solve;
mod summary;
mod variants;

pub use accumulator::Accumulator;
pub use job::Job;
pub use level::{Level, UnknownLevel};
pub use partial::{DecodeError, Partial};
pub use plan::threshold;
pub use recommendations::recommendations;
pub use replay::replay;
pub use samples::Samples;
pub use summary::results;

/// The version of the model. It changes when any bit of any result changes: the order of draws, the
/// arithmetic, the grid.
pub const MODEL_VERSION: u32 = 5;
