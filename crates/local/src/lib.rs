//! A job on the cores of this process, without a cluster: for whoever has the kernel in a library.
//!
//! * [`run`](fn@run): the answer of a job, to the same bits as a cluster's.
//! * [`samples`](fn@samples): what became of single simulations. [`paths`](fn@paths): their
//!   balances, month by month.
//! * [`Machine`]: how many threads compute, and with which instructions.
//!
//! Threads live as long as a call. Nothing is kept between calls, so a process may fork between
//! them. Who calls, looks in from time to time and may stop it: see [`Progress`].

mod paths;
mod range;
mod run;
mod samples;
mod threads;

pub use paths::{Paths, paths};
pub use range::{NUMBERS_MAX, TooLarge};
pub use run::{Answer, run};
pub use samples::samples;
pub use threads::{Interrupted, Machine, Progress};
