//! Tests of the coordinator through gRPC, in this process: keys, usage, jobs, batches, events. The
//! ledger is in memory and outlives the coordinator, so a test can kill one and start the next on
//! the same ledger. The test controls the calendar and the worker.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod accounts;
mod administration;
mod batches;
mod connections;
mod deadlines;
mod intake;
mod jobs;
mod puppet;
mod services;
mod shares;
mod spot_checks;
mod webhooks;
mod world;
