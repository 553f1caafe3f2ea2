//! The simulation kernel: months of many households side by side, and partial results that merge
//! exactly.
//!
//! A simulation is a pure function of ([`MODEL_VERSION`], job, index). Every [`Level`] of
//! instructions gives the same bits, and so does the scalar [`reference`](mod@reference), which
//! states the model plainly.
//!
//! * [`Level`]: which instructions to use. `lanes` wraps them, and holds the workspace's only
//!   `unsafe`.
//! * [`Job`]: a specification made ready to simulate. `plan` holds its constants, `rules` the rules
//!   of a month, `draws` and `shocks` what chance decides, `pipeline` how it is computed.
//! * [`Accumulator`]: what one thread makes of its blocks. [`Partial`]: that, sparse, mergeable, in
//!   canonical bytes.
//! * [`results`]: the summary of a partial result, with its errors and its digest. It needs no
//!   simulation.
//!
//! Threads, leases, clocks and wire formats don't belong here. The method and its sources are in this
//! crate's README.

mod accumulator;
mod binomial;
mod chart;
mod digest;
mod draws;
mod grid;
mod job;
mod keystream;
mod lanes;
mod level;
pub mod measure;
mod normals;
mod notable;
mod paired;
mod partial;
mod pipeline;
mod plan;
pub mod reference;
mod replay;
mod rules;
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
pub use replay::replay;
pub use summary::results;

/// The version of the model. It changes when any bit of any result changes: the order of draws, the arithmetic, the grid.
pub const MODEL_VERSION: u32 = 5;
