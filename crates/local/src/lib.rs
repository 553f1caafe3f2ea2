//! A job on the cores of this process, without a cluster: for whoever has the kernel in a library.
//!
//! * [`run`](fn@run): the answer of a job, to the same bits as a cluster's.
//! * [`paths`](fn@paths): the balances of single simulations, month by month.
//! * [`Machine`]: how many threads compute, and with which instructions.
//!
//! Threads live as long as a call. Nothing is kept between calls, so a process may fork between them. Who calls, looks in from time to time and
//! may stop it: see [`Progress`].

mod paths;
mod run;
mod threads;

pub use paths::{NUMBERS_MAX, Paths, TooLarge, paths};
pub use run::{Answer, run};
pub use threads::{Interrupted, Machine, Progress};
