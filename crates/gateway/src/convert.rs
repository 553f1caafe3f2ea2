//! Conversion between messages and the types of the JSON API, with one module for each family of
//! calls, and the text form of durations. An invalid message becomes a [`Failure`], with the
//! field's name in the log.

pub(crate) mod account;
pub(crate) mod batch;
pub(crate) mod cluster;
pub(crate) mod job;
pub(crate) mod plans;
pub(crate) mod simulation;
pub(crate) mod webhook;

use carlo_wire::FieldError;
use carlo_wire::v1::Interval;
use jiff::Timestamp;

use crate::problem::Failure;

impl From<FieldError> for Failure {
    /// An invalid message from the coordinator is an internal error.
    fn from(error: FieldError) -> Self {
        Self::internal(format!("the coordinator sent an invalid message: {error}"))
    }
}

fn time(field: &'static str, milliseconds: u64) -> Result<Timestamp, FieldError> {
    (i64::try_from(milliseconds).ok())
        .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
        .ok_or_else(|| FieldError::new(field, format!("is no time: {milliseconds} ms")))
}

fn time_if(field: &'static str, milliseconds: Option<u64>) -> Result<Option<Timestamp>, FieldError> {
    milliseconds.map(|milliseconds| time(field, milliseconds)).transpose()
}

fn ends(interval: Interval) -> [f64; 2] {
    [interval.low, interval.high]
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (100.0 * part as f64 / whole as f64).clamp(0.0, 100.0) }
}
