//! The order of a list of jobs: the parameter `sort`.

use std::fmt;
use std::str::FromStr;

use crate::Label;

/// By what jobs are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobSort {
    /// When they were submitted.
    Created,
    /// When they ended.
    Ended,
    /// How long they ran, or have run until now.
    Duration,
    /// Their name, whatever the case of letters.
    Name,
    /// Queued, running, complete, failed, cancelled.
    Status,
    /// Their owner.
    User,
    /// Their priority.
    Priority,
    /// The number of simulations in the request.
    Simulations,
}

impl Label for JobSort {
    const ALL: &'static [Self] = &[
        Self::Created,
        Self::Ended,
        Self::Duration,
        Self::Name,
        Self::Status,
        Self::User,
        Self::Priority,
        Self::Simulations,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Ended => "ended",
            Self::Duration => "duration",
            Self::Name => "name",
            Self::Status => "status",
            Self::User => "user",
            Self::Priority => "priority",
            Self::Simulations => "simulations",
        }
    }
}

/// The order of a list of jobs. As text it is a label of [`JobSort`], after a minus sign if the
/// order is descending: `name`, `-created`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobOrder {
    /// By what.
    pub by: JobSort,
    /// Whether the latest or largest comes first.
    pub descending: bool,
}

/// The text is no [`JobOrder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderError;

impl std::error::Error for OrderError {}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be one of {}, or one of them after a minus sign", labels(", "))
    }
}

impl fmt::Display for JobOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.by.label())
    }
}

impl FromStr for JobOrder {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Self, OrderError> {
        let label = text.strip_prefix('-');
        let by = JobSort::from_label(label.unwrap_or(text)).ok_or(OrderError)?;
        Ok(Self { by, descending: label.is_some() })
    }
}

impl JobOrder {
    /// A regular expression for its text.
    pub fn pattern() -> String {
        format!("^-?({})$", labels("|"))
    }
}

fn labels(separator: &str) -> String {
    JobSort::ALL.iter().map(|by| by.label()).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_read_as_it_is_written() {
        for &by in JobSort::ALL {
            for descending in [false, true] {
                let order = JobOrder { by, descending };
                assert_eq!(order.to_string().parse(), Ok(order));
            }
        }
        for wrong in ["", "-", "--name", "Name", "age", "name "] {
            assert_eq!(wrong.parse::<JobOrder>(), Err(OrderError), "{wrong:?}");
        }
    }
}
