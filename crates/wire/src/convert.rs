//! Messages ↔ the domain's types. Towards the domain every conversion may fail, with the field's
//! name; the other way none does.

mod envelope;
mod lease;
mod lifetime;
mod replay;
mod request;
mod results;
mod variants;

pub use lease::{NodeSecret, hello, lease, node};

/// A message that can't be what it says it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct FieldError {
    field: &'static str,
    problem: String,
}

impl FieldError {
    /// `field` has this `problem`.
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

/// Reads an identifier out of the field of this name.
pub fn id<T>(field: &'static str, text: &str) -> Result<T, FieldError>
where
    T: std::str::FromStr<Err = carlo_types::ids::ParseIdError>,
{
    text.parse().map_err(|error: carlo_types::ids::ParseIdError| FieldError::new(field, error.to_string()))
}
