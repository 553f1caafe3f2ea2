//! The simulation kernel: households month by month, up to sixteen simulations per register, and
//! partial results that merge exactly.
//!
//! A simulation is a pure function of ([`MODEL_VERSION`], job, index). Every [`Level`] of
//! instructions gives the same bits, and so does the scalar [`reference`](mod@reference), which
//! states the model plainly.
//!
//! * [`Level`]: the instruction set. `lanes` wraps the instructions and has the workspace's only
//!   `unsafe` code.
//! * [`Job`]: a specification that is prepared for simulation. `plan` has its constants;
//!   `keystream`, `draws`, `normals`, `shocks` and `rules` are the stages of the inner loop, which
//!   `pipeline` runs.
//! * [`Accumulator`]: the counts and sums of one thread. [`Partial`]: the same in sparse form,
//!   which merges and has canonical bytes.
//! * [`results`]: the results of a partial result, with their errors and digest.
//!   [`recommendations`](fn@recommendations): changes of the plan that would help, in sentences.
//!
//! This crate knows no threads, leases, clocks or wire formats. Its README describes the methods
//! and their sources.

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
mod limits;
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
mod sparse;
mod summary;
mod tile;
mod variants;

pub use accumulator::Accumulator;
pub use job::Job;
pub use level::{Level, UnknownLevel};
pub use partial::{DecodeError, Partial};
pub use plan::threshold;
pub use recommendations::recommendations;
pub use replay::{Replayer, replay};
pub use samples::Samples;
pub use summary::results;

/// The version of the model. It changes when any bit of any result changes: the order of draws, the
/// arithmetic, the grid.
pub const MODEL_VERSION: u32 = 5;
