//! Simulates jobs on the cores of this process, without a cluster. For programs that use the kernel
//! as a library, like the Python package.
//!
//! * [`run`](fn@run): the results of a job, with the same bits as a cluster's.
//! * [`samples`](fn@samples): the outcomes of single simulations. [`paths`](fn@paths): their
//!   balances, month by month.
//! * [`Parallelism`]: the number of threads and the instruction set.
//!
//! Threads only exist during a call and nothing is kept between calls, so the process may fork
//! between them. The caller regularly gets the [`Progress`] and can stop the call.

mod paths;
mod range;
mod run;
mod samples;
mod threads;

pub use paths::{Paths, paths};
pub use range::{NUMBERS_MAX, TooLarge};
pub use run::{JobOutcome, run};
pub use samples::samples;
pub use threads::{Interrupted, Parallelism, Progress};
