//! The coordinator as gRPC clients see it, in this process: keys, usage, batches, events. The
//! ledger is in memory and outlives the coordinator, so a test kills one and starts the next on the
//! same ledger; the calendar is the test's; the worker is a puppet.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod accounts;
mod batches;
mod connections;
mod deadlines;
mod intake;
mod jobs;
mod puppet;
mod services;
mod shares;
mod world;
