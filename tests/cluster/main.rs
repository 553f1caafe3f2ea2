//! Three daemons in real processes, over REST: what an operator and a client would try, and what goes wrong on machines.
//!
//! The oracle of every fault is the digest: whatever happens on the way, the answer has the same bits.

mod crashes;
mod determinism;
#[cfg(feature = "etcd")]
mod failover;
mod membership;
mod rest;
