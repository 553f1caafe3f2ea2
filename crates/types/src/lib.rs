//! The words that every other crate of carlo speaks, and nothing that does I/O.
//!
//! * [`ids`]: identifiers that can't be mixed up.
//! * [`request`]: every input, defined once. [`definition`]: how, and what follows from it.
//! * [`spec`]: the job that a request becomes once every rule holds. There is no other way to make
//!   a [`JobSpec`].
//! * [`analysis`]: what a job asks beside the probability of its own plan.
//! * [`blocks`]: how a job's simulations are cut into blocks and ranges.
//! * [`lease`]: the right to simulate a range.
//! * [`merge`]: what the scheduler needs to know of a partial result.
//! * [`money`] and [`metering`]: amounts of dollars, and what work costs.
//! * [`results`]: the answer of a job.
//! * [`node`]: what a worker says of itself.
//! * [`fault`]: why something was refused.
//! * [`time`]: the instants that are passed into pure code.
//! * [`limits`]: every bound of the system that is not configuration.
//!
//! Wire formats, JSON and storage don't belong here: they convert to and from these types at their
//! own door.

pub mod analysis;
pub mod blocks;
pub mod definition;
pub mod fault;
pub mod ids;
pub mod json;
pub mod lease;
pub mod limits;
pub mod merge;
pub mod metering;
pub mod money;
pub mod node;
pub mod replay;
pub mod request;
pub mod results;
pub mod spec;
pub mod sweep;
pub mod time;

pub use analysis::Analysis;
pub use blocks::{BLOCK_SIMULATIONS, BlockRange};
pub use fault::{Fault, FaultCode, FieldFault};
pub use ids::{BatchId, Epoch, JobId, LeaseId, NodeId, OwnerId};
pub use lease::{Lease, Seal};
pub use merge::Merge;
pub use metering::{Bill, Work};
pub use money::Money;
pub use node::{Load, NodeFacts};
pub use replay::{Replay, ReplayMonth};
pub use request::Request;
pub use results::Results;
pub use spec::{Draft, JobSpec};
pub use time::{Now, Timestamp};
