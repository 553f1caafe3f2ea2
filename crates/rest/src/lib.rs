//! The JSON envelopes of the REST contract: what the gateway writes around requests and results,
//! and the command line tool reads.
//!
//! * [`job`]: jobs, their lists and their results.
//! * [`simulation`], [`batch`]: the same jobs in the words of `/simulations`, and batches of them.
//! * [`plans`]: comparisons of plans, and solving for a number. [`sweep`]: a plan at many values of
//!   its numbers.
//! * [`account`]: keys, and what has been used with them.
//! * [`cluster`]: the cluster and its nodes.
//! * [`pointer`](mod@pointer): pointers into JSON texts. [`money`]: amounts.
//! * [`difference`]: where two answers differ.
//! * [`label`]: the states by which lists are filtered.
//! * [`problem`]: every error, as `application/problem+json` (RFC 9457).
//!
//! Requests, results and replays themselves are defined in `carlo_types`; how a shape travels is
//! not known here.

pub mod account;
pub mod batch;
pub mod cluster;
pub mod difference;
pub mod job;
pub mod label;
pub mod money;
pub mod plans;
pub mod pointer;
pub mod problem;
pub mod simulation;
pub mod sweep;

pub use batch::Batch;
pub use cluster::Cluster;
pub use job::{Job, JobList, Submitted};
pub use label::Label;
pub use problem::Problem;
pub use simulation::Simulation;
