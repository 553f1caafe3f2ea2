//! Three daemons in real processes, over REST: what an operator and a client would try, and what goes wrong on machines.
//!
//! The oracle of every fault is the digest: whatever happens on the way, the answer has the same bits.

mod admin;
mod connections;
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
mod rude;
mod strangers;
mod tls;
mod workers;
