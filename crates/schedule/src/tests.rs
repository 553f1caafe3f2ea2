//! Tests of the whole scheduler: its rules one by one, fairness in simulated time, and random
//! histories with crashes.

mod checks;
mod epochs;
mod fairness;
mod histories;
mod lists;
pub(crate) mod marks;
mod nodes;
mod queueing;
mod rules;
mod world;
