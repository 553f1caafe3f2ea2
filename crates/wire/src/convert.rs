//! Conversions between messages and the domain's types. Conversions to the domain can fail, with
//! the
//! name of the field; those to messages can't.

mod envelope;
mod lease;
mod lifetime;
mod replay;
mod request;
mod results;
mod variants;

pub use lease::{NodeSecret, hello, lease, node};

/// An invalid field of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct FieldError {
    field: &'static str,
    problem: String,
}

impl FieldError {
    /// The error that `field` has this `problem`.
    pub fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }

    fn missing(field: &'static str) -> Self {
        Self::new(field, "is missing")
    }
}

impl From<FieldError> for carlo_types::Fault {
    fn from(error: FieldError) -> Self {
        Self::new(carlo_types::FaultCode::Invalid, error.to_string())
    }
}

/// Parses an identifier from the field with this name.
pub fn id<T>(field: &'static str, text: &str) -> Result<T, FieldError>
where
    T: std::str::FromStr<Err = carlo_types::ids::ParseIdError>,
{
    text.parse().map_err(|error: carlo_types::ids::ParseIdError| FieldError::new(field, error.to_string()))
}
