//! The deterministic simulation: the real coordinator, its ledger and real workers over a simulated
//! network, clock and disk, with every kind of failure. Whatever happens, each job ends with the
//! answer of an undisturbed run or fails because of its own poison. A wrong answer may only leave
//! the cluster if a worker computes wrongly, and is marked in the end. No acknowledged job is
//! missing, no simulation is counted twice, and the scheduler's indexes agree after every commit.
//!
//! A run depends only on its seed: `plan` decides what exists, `chaos` what fails. Each seed runs
//! in its own process (`seeds`), because libraries draw randomness themselves, which `entropy`
//! replaces.
//!
//! * `world`: the hosts. `net`: gRPC between them. `machine`: a worker's threads. `frost`:
//!   processes that freeze. `ledger`, `disk`, `etcd`: the coordinator's storage.
//! * `client`: submits jobs and checks the answers. `oracle`: the correct answers. `trace`: what
//!   happened, and its hash.
//! * `flipper`: a worker whose processor computes wrongly. `forger`: disables a guard, to verify that
//!   a run notices. Both are a `proxy` between workers and coordinators.
//!
//! `tests/sim --seeds N` runs many seeds. `tests/sim --seed S` runs one and shows what happened.

mod chaos;
mod client;
mod disk;
mod entropy;
mod etcd;
mod flipper;
mod forger;
mod frost;
mod ledger;
mod machine;
mod net;
mod oracle;
mod plan;
mod proxy;
mod seeds;
mod trace;
mod world;
