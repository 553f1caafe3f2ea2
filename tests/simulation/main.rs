//! The deterministic simulation: the real coordinator, its ledger and real workers over a simulated network, clock and disk, where
//! everything goes wrong that can. Whatever happens, each job ends with the answer of an undisturbed run, or fails for its own poison, no
//! acknowledged job is missing, no simulation is counted twice, and the scheduler's indexes agree after every commit.
//!
//! A run follows from its seed alone: `plan` says what there is, `chaos` what goes wrong. Each seed runs in a process of its own (`seeds`),
//! because libraries draw randomness by themselves, which `entropy` takes from them.
//!
//! * `world`: the hosts. `net`: gRPC between them. `machine`: a worker's threads. `frost`: processes that freeze. `ledger`, `disk`, `etcd`: what the coordinator
//!   stands on.
//! * `client`: asks for jobs and checks what it is told. `oracle`: what it should be told. `trace`: what happened, and a hash of it.
//! * `forger`: takes a guard away, to see that a run would notice.
//!
//! `tests/sim --seeds N` runs many, `tests/sim --seed S` one and shows what happened in it.

mod chaos;
mod client;
mod disk;
mod entropy;
mod etcd;
mod forger;
mod frost;
mod ledger;
mod machine;
mod net;
mod oracle;
mod plan;
mod seeds;
mod trace;
mod world;
