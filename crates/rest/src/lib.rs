//! The JSON types of the REST contract around requests and results. The gateway writes them, and
//! the command line tool reads them.
//!
//! * [`job`]: jobs, their lists and their results. [`order`]: the order of a list.
//! * [`simulation`], [`batch`]: the same jobs in the form of `/simulations`, and batches of them.
//! * [`plans`]: comparisons of plans, and solving for a number. [`sweep`]: a plan at many values of
//!   its numbers.
//! * [`lifetime`]: texts and rows that the report and the command line share for plans over a
//!   lifetime.
//! * [`account`]: usage, keys, join tokens and tiers.
//! * [`webhook`]: where events are sent.
//! * [`cluster`]: the cluster and its nodes.
//! * [`pointer`](mod@pointer): pointers into JSON texts. [`money`]: amounts. [`duration`]:
//!   durations.
//! * [`difference`]: the differences of two JSON values.
//! * [`label`]: the labels of states and roles.
//! * [`problem`]: errors as `application/problem+json` (RFC 9457).
//!
//! Requests, results and replays themselves are defined in `carlo_types`. This crate doesn't depend
//! on HTTP.

pub mod account;
pub mod batch;
pub mod cluster;
pub mod difference;
pub mod duration;
pub mod job;
pub mod label;
pub mod lifetime;
pub mod money;
pub mod order;
pub mod plans;
pub mod pointer;
pub mod problem;
pub mod simulation;
pub mod sweep;
pub mod webhook;

pub use batch::Batch;
pub use cluster::Cluster;
pub use job::{Job, JobList, Submitted};
pub use label::Label;
pub use problem::Problem;
pub use simulation::Simulation;
