//! The results that only plans have: the path, the effect of a spending rule, and lifetimes.

use carlo_types::results::{
    CurvePoint, FirstShort, Horizon, HorizonIntervals, MultiplierIntervals, Multipliers, Path,
    ShortMonthIntervals, ShortMonths, Spending,
};

use super::FieldError;
use super::results::{ends, interval};
use crate::v1;

/// An array from a list of a message with the same number of entries.
fn exactly<T, const N: usize>(list: Vec<T>, field: &'static str) -> Result<[T; N], FieldError> {
    list.try_into()
        .map_err(|_| FieldError::new(field, "has another number of entries than there are percentiles"))
}

/// Pairs from a list of all their members.
fn pairs<const N: usize>(list: &[u32], field: &'static str) -> Result<[[u32; 2]; N], FieldError> {
    let (pairs, rest) = list.as_chunks::<2>();
    exactly(if rest.is_empty() { pairs.to_vec() } else { Vec::new() }, field)
}

impl From<&Path> for v1::Path {
    fn from(path: &Path) -> Self {
        let months =
            path.first_short_month.map(|ShortMonths { p5, p25, p50, p75, p95 }| [p5, p25, p50, p75, p95]);
        let intervals = path
            .first_short_month_intervals_95
            .map(|ShortMonthIntervals { p5, p25, p50, p75, p95 }| [p5, p25, p50, p75, p95]);
        Self {
            short_probability: path.short_probability,
            standard_error: path.standard_error,
            confidence_interval_95: Some(interval(path.confidence_interval_95)),
            first_short_month: months.into_iter().flatten().collect(),
            first_short_month_intervals_95: intervals.into_iter().flatten().flatten().collect(),
            curve: path.curve.iter().map(Into::into).collect(),
            mean_deepest_shortfall: path.mean_deepest_shortfall,
            mean_deepest_shortfall_standard_error: path.mean_deepest_shortfall_standard_error,
            largest_shortfall: path.largest_shortfall,
        }
    }
}

impl TryFrom<v1::Path> for Path {
    type Error = FieldError;

    fn try_from(message: v1::Path) -> Result<Self, FieldError> {
        const MONTHS: &str = "results.path.first_short_month";
        let (mut months, mut intervals) = (None, None);
        if !message.first_short_month.is_empty() {
            let [p5, p25, p50, p75, p95] = exactly(message.first_short_month, MONTHS)?;
            months = Some(ShortMonths { p5, p25, p50, p75, p95 });
            let [p5, p25, p50, p75, p95] = pairs(&message.first_short_month_intervals_95, MONTHS)?;
            intervals = Some(ShortMonthIntervals { p5, p25, p50, p75, p95 });
        }
        Ok(Self {
            short_probability: message.short_probability,
            standard_error: message.standard_error,
            confidence_interval_95: ends(message.confidence_interval_95.unwrap_or_default()),
            first_short_month: months,
            first_short_month_intervals_95: intervals,
            curve: message.curve.into_iter().map(Into::into).collect(),
            mean_deepest_shortfall: message.mean_deepest_shortfall,
            mean_deepest_shortfall_standard_error: message.mean_deepest_shortfall_standard_error,
            largest_shortfall: message.largest_shortfall,
        })
    }
}

impl From<&CurvePoint> for v1::CurvePoint {
    fn from(&CurvePoint { month, probability, standard_error }: &CurvePoint) -> Self {
        Self { month, probability, standard_error }
    }
}

impl From<v1::CurvePoint> for CurvePoint {
    fn from(v1::CurvePoint { month, probability, standard_error }: v1::CurvePoint) -> Self {
        Self { month, probability, standard_error }
    }
}

impl From<FirstShort> for v1::FirstShort {
    fn from(FirstShort { index, month }: FirstShort) -> Self {
        Self { index, month }
    }
}

impl From<v1::FirstShort> for FirstShort {
    fn from(v1::FirstShort { index, month }: v1::FirstShort) -> Self {
        Self { index, month }
    }
}

impl From<&Spending> for v1::Spending {
    fn from(spending: &Spending) -> Self {
        let Multipliers { p5, p25, p50 } = spending.lowest_multiplier;
        let intervals = spending.lowest_multiplier_intervals_95;
        Self {
            cut_probability: spending.cut_probability,
            standard_error: spending.standard_error,
            confidence_interval_95: Some(interval(spending.confidence_interval_95)),
            lowest_multiplier: vec![p5, p25, p50],
            lowest_multiplier_intervals_95: [intervals.p5, intervals.p25, intervals.p50]
                .map(interval)
                .to_vec(),
            mean_multiplier: spending.mean_multiplier,
            mean_multiplier_standard_error: spending.mean_multiplier_standard_error,
        }
    }
}

impl TryFrom<v1::Spending> for Spending {
    type Error = FieldError;

    fn try_from(message: v1::Spending) -> Result<Self, FieldError> {
        const FIELD: &str = "results.spending.lowest_multiplier";
        let [p5, p25, p50] = exactly(message.lowest_multiplier, FIELD)?;
        let lowest_multiplier = Multipliers { p5, p25, p50 };
        let [p5, p25, p50] = exactly(message.lowest_multiplier_intervals_95, FIELD)?.map(ends);
        Ok(Self {
            cut_probability: message.cut_probability,
            standard_error: message.standard_error,
            confidence_interval_95: ends(message.confidence_interval_95.unwrap_or_default()),
            lowest_multiplier,
            lowest_multiplier_intervals_95: MultiplierIntervals { p5, p25, p50 },
            mean_multiplier: message.mean_multiplier,
            mean_multiplier_standard_error: message.mean_multiplier_standard_error,
        })
    }
}

impl From<&Horizon> for v1::Horizon {
    fn from(horizon: &Horizon) -> Self {
        let HorizonIntervals { p5, p50, p95 } = horizon.intervals_95;
        Self {
            percentiles: vec![horizon.p5, horizon.p50, horizon.p95],
            percentile_intervals_95: [p5, p50, p95].concat(),
            mean: horizon.mean,
            mean_standard_error: horizon.mean_standard_error,
        }
    }
}

impl TryFrom<v1::Horizon> for Horizon {
    type Error = FieldError;

    fn try_from(message: v1::Horizon) -> Result<Self, FieldError> {
        const FIELD: &str = "results.horizon_months";
        let [p5, p50, p95] = pairs(&message.percentile_intervals_95, FIELD)?;
        let intervals_95 = HorizonIntervals { p5, p50, p95 };
        let [p5, p50, p95] = exactly(message.percentiles, FIELD)?;
        let v1::Horizon { mean, mean_standard_error, .. } = message;
        Ok(Self { p5, p50, p95, intervals_95, mean, mean_standard_error })
    }
}
