//! The JSON shapes of the REST contract, and nothing more: what the gateway writes and the command line tool reads.
//!
//! * [`request`]: a simulation request, read with every fault named at once.
//! * [`job`]: jobs, their lists and their results.
//! * [`simulation`], [`batch`]: the same jobs in the words of `/simulations`, and batches of them.
//! * [`replay`]: one simulation, month by month.
//! * [`plans`]: several plans on the same luck.
//! * [`account`]: keys, and what has been used with them.
//! * [`cluster`]: the cluster and its nodes.
//! * [`json`], [`pointer`](mod@pointer): JSON texts, and pointers into them. [`money`]: amounts.
//! * [`label`]: the states by which lists are filtered.
//! * [`problem`]: every error, as `application/problem+json` (RFC 9457).
//!
//! Whether a number is within its range is not known here, nor how a shape travels.

pub mod account;
pub mod batch;
pub mod cluster;
pub mod job;
pub mod json;
pub mod label;
pub mod money;
pub mod plans;
pub mod pointer;
pub mod problem;
mod reader;
pub mod replay;
pub mod request;
pub mod simulation;

pub use batch::Batch;
pub use cluster::Cluster;
pub use job::{Job, JobList, Submitted};
pub use label::Label;
pub use problem::Problem;
pub use request::SimulationRequest;
pub use simulation::Simulation;
