//! The types that all other crates of carlo share. Nothing here does I/O.
//!
//! * [`ids`] has the identifiers.
//! * [`request`] has all inputs, each defined once; [`definition`] is how that is done, and what is
//!   derived from it.
//! * [`spec`] is a checked request with its analysis. A [`JobSpec`] can only be made by a check.
//! * [`analysis`] and [`sweep`] are comparisons, solving for a number, and sweeps.
//! * [`blocks`] divides a job's simulations into blocks and ranges.
//! * [`lease`] has the leases of ranges.
//! * [`merge`] is the interface of partial results for the scheduler.
//! * [`money`] and [`metering`] are amounts of dollars and the cost of work.
//! * [`results`] and [`replay`] are the results of a job and a single simulation.
//! * [`node`] has facts about workers.
//! * [`fault`] has the faults of requests.
//! * [`json`] is a strict reader of JSON.
//! * [`time`] has instants for pure code.
//! * [`webhook`] has what webhooks say.
//! * [`limits`] has the limits of the system that are not configuration.
//!
//! Wire formats and storage don't belong here; other crates convert to and from these types.

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
pub mod webhook;

pub use analysis::Analysis;
pub use blocks::{BLOCK_SIMULATIONS, BlockRange};
pub use fault::{Fault, FaultCode, FieldFault};
pub use ids::{BatchId, DeliveryId, EndpointId, Epoch, JobId, LeaseId, NodeId, OwnerId};
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
