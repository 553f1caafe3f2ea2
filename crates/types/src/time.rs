//! Instants, as they are passed into code that must not look at a clock.

use std::time::Duration;

/// A point in calendar time: milliseconds since 1970-01-01T00:00:00Z. For people and records, never
/// for deadlines: a machine's calendar may jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

/// The time that a command happens at: `elapsed` for every deadline and rate, `wall` for what
/// people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Time since the process (or the simulated world) began. Never goes back.
    pub elapsed: Duration,
    /// The calendar time. May jump.
    pub wall: Timestamp,
}
