//! The JSON shapes of the REST contract, and nothing more: what the gateway writes and the command line tool reads.
//!
//! * [`request`]: a simulation request, read with every fault named at once.
//! * [`job`]: jobs, their lists and their results.
//! * [`cluster`]: the cluster and its nodes.
//! * [`problem`]: every error, as `application/problem+json` (RFC 9457).
//!
//! Whether a number is within its range is not known here, nor how a shape travels.

pub mod cluster;
pub mod job;
pub mod problem;
pub mod request;

pub use cluster::Cluster;
pub use job::{Job, JobList, Submitted};
pub use problem::Problem;
pub use request::SimulationRequest;
