//! Instants for code that must not read a clock.

use std::time::Duration;

/// A calendar time: milliseconds since 1970-01-01T00:00:00Z. For people and records, but not for
/// deadlines, because a machine's calendar may jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

/// The time of a command: `elapsed` for deadlines and rates, `wall` for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// The time since the start of the process or of the simulation. Never decreases.
    pub elapsed: Duration,
    /// The calendar time. May jump.
    pub wall: Timestamp,
}
