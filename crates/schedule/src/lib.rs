//! The scheduler of carlo as a pure state machine.
//!
//! [`Scheduler::apply`] takes a command and the time and returns an [`Outcome`]: records to commit,
//! and effects to carry out after that. The coordinator is the shell around it. There is no clock,
//! thread, socket, store or source of randomness here, and the same commands at the same times give
//! the same outcomes, so whole cluster histories run in a unit test from a seed.
//!
//! ```text
//!            Submit            first lease             every block in, or
//!              │                                       the target error met
//!              ▼                                        ┌───────► Complete ──┐
//!           Queued ──────────────────────► Running ─────┤                    │
//!              │                             │          └───────► Failed   ──┤ kept for a while,
//!              │ Cancel               Cancel │         a range failed or     │ then forgotten
//!              └─────────────────────────────┴──────────────────► Cancelled ─┘
//!
//!   of a running job, each block:      pending ◄──────────────► open ─────────► done
//!                                              lease / release    │  ▲  report     ▲
//!                                                 a second holder └──┘             │
//!                                         └────────────────────────────────────────┘
//!                                            report of a lease of an earlier epoch
//!
//!   A report that is drawn for a check makes its blocks unsettled instead of done. They are leased
//!   to other nodes until two of them agree.
//! ```
//!
//! * [`command`]: inputs and outputs. [`record`]: the durable state. [`view`]: snapshots for the
//!   API.
//! * `scheduler`: the dispatch of commands, with a file each for grants, reports, spot checks,
//!   members, batches, endings and restoring.
//! * [`batch`]: which jobs of a batch may run, and the batch's budget.
//! * `job`: a job and its states; `ranges`: its blocks; `fold`: its partial results and where it
//!   may stop early.
//! * `queue`: which job is next. `fleet`: nodes and their speed. `size`: how large a lease is.
//!   `leases`: the active leases.
//! * [`listing`]: indexes of jobs and batches by owner, state and age. `ranked`: the sorted sets of
//!   which they are made.
//! * `outlook`: estimates of how long jobs wait and take.
//! * `retention`: how long ended jobs are kept.
//! * [`checks`]: spot checks of reports, and what is known about nodes that compute wrongly.
//!   `snapshots`: earlier states of a job, to leave out what such a node contributed.
//! * [`seal`]: codes by which a later leader recognizes the leases of an earlier one.
//! * `verify`: checks that all indexes agree; tests call it after each command.
//!
//! This crate doesn't know what a simulation is, how partial results are merged, how records are
//! encoded, or what a caller may see.

pub mod batch;
pub mod checks;
pub mod command;
pub mod config;
mod fleet;
mod fold;
mod job;
mod leases;
pub mod listing;
mod outlook;
mod queue;
mod ranges;
mod ranked;
mod rate;
pub mod record;
mod retention;
mod scheduler;
pub mod seal;
mod size;
mod snapshots;
#[cfg(test)]
mod tests;
mod verify;
pub mod view;

pub use batch::{BatchCounts, BatchStats};
pub use checks::{CheckCounts, Mark, Trust, Verdict};
pub use command::{Command, Effect, NewBatch, Outcome, OwnerLimits};
pub use config::Config;
pub use fold::{Fold, Segments};
pub use job::JobKind;
pub use listing::{Cursor, Filter, JobSummary, Page};
pub use record::{
    BatchJob, BatchRecord, BatchState, Checkpoint, JobRecord, JobState, Part, Record, ResultRecord, Share,
    StoredJob,
};
pub use retention::RetentionLimits;
pub use scheduler::Scheduler;
pub use seal::SealKey;
pub use view::{BatchView, ClusterView, JobView, NodeShare, NodeState, NodeView, OpenJob, QueuedOwner};
