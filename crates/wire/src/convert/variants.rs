//! The results of other plans, and of solving for a number.

use carlo_types::analysis::Solve;
use carlo_types::results::{Solution, Variant};

use super::FieldError;
use super::results::{ends, interval};
use crate::v1;

impl From<&Variant> for v1::Variant {
    fn from(variant: &Variant) -> Self {
        Self {
            value: variant.value,
            success_probability: variant.success_probability,
            standard_error: variant.standard_error,
            confidence_interval_95: Some(interval(variant.confidence_interval_95)),
            delta: variant.delta,
            delta_standard_error: variant.delta_standard_error,
            mean: variant.mean,
            median: variant.median,
        }
    }
}

impl TryFrom<v1::Variant> for Variant {
    type Error = FieldError;

    fn try_from(message: v1::Variant) -> Result<Self, FieldError> {
        let missing = || FieldError::missing("results.variants.confidence_interval_95");
        Ok(Self {
            value: message.value,
            success_probability: message.success_probability,
            standard_error: message.standard_error,
            confidence_interval_95: message.confidence_interval_95.map(ends).ok_or_else(missing)?,
            delta: message.delta,
            delta_standard_error: message.delta_standard_error,
            mean: message.mean,
            median: message.median,
        })
    }
}

impl From<&Solution> for v1::Solution {
    fn from(solution: &Solution) -> Self {
        let Solve { variable, probability } = solution.asked;
        Self {
            asked: Some(v1::SolveFor {
                variable: Some(variable.as_str().to_owned()),
                probability: Some(probability),
            }),
            value: solution.value,
            interval_95: solution.interval_95.map(interval),
            below_again_after: solution.below_again_after,
        }
    }
}

impl TryFrom<v1::Solution> for Solution {
    type Error = FieldError;

    fn try_from(message: v1::Solution) -> Result<Self, FieldError> {
        let asked = message.asked.unwrap_or_default();
        let variable = asked.variable.unwrap_or_default();
        Ok(Self {
            asked: Solve {
                variable: variable
                    .parse()
                    .map_err(|_| FieldError::new("results.solution.asked.variable", "is none"))?,
                probability: asked
                    .probability
                    .ok_or_else(|| FieldError::missing("results.solution.asked.probability"))?,
            },
            value: message.value,
            interval_95: message.interval_95.map(ends),
            below_again_after: message.below_again_after,
        })
    }
}
