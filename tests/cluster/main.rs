//! Clusters of real processes, over REST: what operators and clients try, and what goes wrong on
//! machines.
//!
//! Every fault is judged by the digest: whatever happens, the answer must have the same bits.

mod admin;
mod backups;
mod bodies;
mod connections;
mod contract;
mod crashes;
mod determinism;
mod drain;
#[cfg(feature = "etcd")]
mod failover;
mod hostile_workers;
mod logs;
mod membership;
mod previous_release;
mod puppet;
mod rest;
mod rotation;
mod rude;
mod secret_files;
mod shares;
mod strangers;
mod tls;
mod traces;
mod variables;
mod webhooks;
mod workers;
