//! Results.

use carlo_types::Results;
use carlo_types::results::{
    Digest, FanPoint, Histogram, Interval, Notable, NotableSimulation, Scenario, Sensitivity, scenario_name,
};

use super::FieldError;
use crate::v1;

pub(super) fn interval(interval: Interval) -> v1::Interval {
    v1::Interval { low: interval[0], high: interval[1] }
}

pub(super) fn ends(interval: v1::Interval) -> Interval {
    [interval.low, interval.high]
}

impl From<&Results> for v1::Results {
    fn from(results: &Results) -> Self {
        Self {
            success_probability: results.success_probability,
            standard_error: results.standard_error,
            confidence_interval_95: Some(interval(results.confidence_interval_95)),
            percentiles: results.percentiles.to_vec(),
            percentile_intervals_95: results.percentile_intervals_95.into_iter().map(interval).collect(),
            mean: results.mean,
            std: results.std,
            worst_case: results.worst_case,
            best_case: results.best_case,
            simulations_run: results.simulations_run,
            histogram: Some(v1::Histogram {
                edges: results.histogram.edges.clone(),
                counts: results.histogram.counts.clone(),
            }),
            model_version: results.model_version,
            digest: results.digest.0.to_vec(),
            trajectory: results.trajectory.iter().map(fan_point).collect(),
            sensitivity: results.sensitivity.as_ref().map(Into::into),
            notable: results.notable.as_ref().map(Into::into),
            variants: results.variants.iter().map(Into::into).collect(),
            solution: results.solution.as_ref().map(Into::into),
            path: results.path.as_ref().map(Into::into),
            spending: results.spending.as_ref().map(Into::into),
            horizon_months: results.horizon_months.as_ref().map(Into::into),
            warnings: results.warnings.clone(),
        }
    }
}

fn fan_point(point: &FanPoint) -> v1::FanPoint {
    v1::FanPoint { month: point.month, percentiles: point.percentiles.to_vec() }
}

impl From<&Sensitivity> for v1::Sensitivity {
    fn from(sensitivity: &Sensitivity) -> Self {
        let scenario = |scenario: &Scenario| v1::Scenario {
            name: scenario.name.to_owned(),
            new_probability: scenario.new_probability,
            delta: scenario.delta,
            standard_error: scenario.standard_error,
        };
        Self {
            simulations: sensitivity.simulations,
            base_probability: sensitivity.base_probability,
            scenarios: sensitivity.scenarios.iter().map(scenario).collect(),
        }
    }
}

impl From<&Notable> for v1::Notable {
    fn from(notable: &Notable) -> Self {
        let simulation = |seen: NotableSimulation| {
            Some(v1::NotableSimulation { index: seen.index, balance: seen.balance })
        };
        Self {
            worst: simulation(notable.worst),
            best: simulation(notable.best),
            p5: simulation(notable.p5),
            p50: simulation(notable.p50),
            p95: simulation(notable.p95),
            goal: simulation(notable.goal),
            first_short: notable.first_short.map(Into::into),
        }
    }
}

impl TryFrom<v1::Notable> for Notable {
    type Error = FieldError;

    fn try_from(message: v1::Notable) -> Result<Self, FieldError> {
        let simulation = |seen: Option<v1::NotableSimulation>, field| {
            let seen = seen.ok_or_else(|| FieldError::missing(field))?;
            Ok(NotableSimulation { index: seen.index, balance: seen.balance })
        };
        Ok(Self {
            worst: simulation(message.worst, "results.notable.worst")?,
            best: simulation(message.best, "results.notable.best")?,
            p5: simulation(message.p5, "results.notable.p5")?,
            p50: simulation(message.p50, "results.notable.p50")?,
            p95: simulation(message.p95, "results.notable.p95")?,
            goal: simulation(message.goal, "results.notable.goal")?,
            first_short: message.first_short.map(Into::into),
        })
    }
}

impl TryFrom<v1::Sensitivity> for Sensitivity {
    type Error = FieldError;

    fn try_from(message: v1::Sensitivity) -> Result<Self, FieldError> {
        let scenario = |scenario: v1::Scenario| {
            let unknown =
                || FieldError::new("results.sensitivity.scenarios", "has one that the model doesn't");
            Ok(Scenario {
                name: scenario_name(&scenario.name).ok_or_else(unknown)?,
                new_probability: scenario.new_probability,
                delta: scenario.delta,
                standard_error: scenario.standard_error,
            })
        };
        Ok(Self {
            simulations: message.simulations,
            base_probability: message.base_probability,
            scenarios: message.scenarios.into_iter().map(scenario).collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<v1::Results> for Results {
    type Error = FieldError;

    fn try_from(message: v1::Results) -> Result<Self, FieldError> {
        let intervals: Vec<_> = message.percentile_intervals_95.into_iter().map(ends).collect();
        let seven = |field| FieldError::new(field, "must have seven entries");
        let histogram = message.histogram.unwrap_or_default();
        let fan_point = |point: v1::FanPoint| {
            let five = |_| FieldError::new("results.trajectory.percentiles", "must have five entries");
            Ok(FanPoint { month: point.month, percentiles: point.percentiles.try_into().map_err(five)? })
        };
        Ok(Self {
            success_probability: message.success_probability,
            standard_error: message.standard_error,
            confidence_interval_95: message
                .confidence_interval_95
                .map(ends)
                .ok_or_else(|| FieldError::missing("results.confidence_interval_95"))?,
            percentiles: message.percentiles.try_into().map_err(|_| seven("results.percentiles"))?,
            percentile_intervals_95: intervals
                .try_into()
                .map_err(|_| seven("results.percentile_intervals_95"))?,
            mean: message.mean,
            std: message.std,
            worst_case: message.worst_case,
            best_case: message.best_case,
            simulations_run: message.simulations_run,
            histogram: Histogram { edges: histogram.edges, counts: histogram.counts },
            trajectory: message.trajectory.into_iter().map(fan_point).collect::<Result<_, FieldError>>()?,
            sensitivity: message.sensitivity.map(TryInto::try_into).transpose()?,
            notable: message.notable.map(TryInto::try_into).transpose()?,
            variants: message.variants.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            solution: message.solution.map(TryInto::try_into).transpose()?,
            path: message.path.map(TryInto::try_into).transpose()?,
            spending: message.spending.map(TryInto::try_into).transpose()?,
            horizon_months: message.horizon_months.map(TryInto::try_into).transpose()?,
            warnings: message.warnings,
            model_version: message.model_version,
            digest: Digest(
                message
                    .digest
                    .try_into()
                    .map_err(|_| FieldError::new("results.digest", "must have 32 bytes"))?,
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use carlo_types::analysis::{Solve, Variable};
    use carlo_types::results::{
        CurvePoint, FirstShort, Horizon, HorizonIntervals, MultiplierIntervals, Multipliers, Path,
        ShortMonthIntervals, ShortMonths, Solution, Spending, Variant,
    };

    use super::*;

    #[test]
    fn results_survive_the_wire() {
        let results = Results {
            success_probability: 0.5,
            standard_error: 0.01,
            confidence_interval_95: [0.48, 0.52],
            percentiles: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
            percentile_intervals_95: [[0.0, 1.0]; 7],
            mean: 4.0,
            std: 2.0,
            worst_case: -3.0,
            best_case: 9.0,
            simulations_run: 2,
            histogram: Histogram { edges: vec![-3.0, 9.0], counts: vec![2] },
            model_version: 1,
            digest: Digest([7; 32]),
            notable: Some(Notable {
                worst: NotableSimulation { index: 1, balance: -3.0 },
                best: NotableSimulation { index: 0, balance: 9.0 },
                p5: NotableSimulation { index: 1, balance: -3.0 },
                p50: NotableSimulation { index: 2, balance: 4.0 },
                p95: NotableSimulation { index: 0, balance: 9.0 },
                goal: NotableSimulation { index: 3, balance: 5.0 },
                first_short: Some(FirstShort { index: 1, month: 5 }),
            }),
            trajectory: vec![FanPoint { month: 6, percentiles: [1.0, 2.0, 3.0, 4.0, 5.0] }],
            sensitivity: Some(Sensitivity {
                simulations: 2,
                base_probability: 0.5,
                scenarios: (["income_plus_10", "retire_24mo_later"].map(|name| Scenario {
                    name,
                    new_probability: 0.75,
                    delta: 0.25,
                    standard_error: 0.125,
                }))
                .to_vec(),
            }),
            path: Some(Path {
                short_probability: 0.5,
                standard_error: 0.01,
                confidence_interval_95: [0.48, 0.52],
                first_short_month: Some(ShortMonths { p5: 1, p25: 2, p50: 3, p75: 4, p95: 5 }),
                first_short_month_intervals_95: Some(ShortMonthIntervals {
                    p5: [1, 2],
                    p25: [2, 3],
                    p50: [3, 4],
                    p75: [4, 5],
                    p95: [5, 6],
                }),
                curve: vec![CurvePoint { month: 6, probability: 0.5, standard_error: 0.01 }],
                mean_deepest_shortfall: 7.0,
                mean_deepest_shortfall_standard_error: 0.5,
                largest_shortfall: 9.0,
            }),
            spending: Some(Spending {
                cut_probability: 0.25,
                standard_error: 0.01,
                confidence_interval_95: [0.2, 0.3],
                lowest_multiplier: Multipliers { p5: 0.5, p25: 0.75, p50: 1.0 },
                lowest_multiplier_intervals_95: MultiplierIntervals {
                    p5: [0.5, 0.5],
                    p25: [0.7, 0.8],
                    p50: [1.0, 1.0],
                },
                mean_multiplier: 0.9,
                mean_multiplier_standard_error: 0.002,
            }),
            horizon_months: Some(Horizon {
                p5: 100,
                p50: 200,
                p95: 300,
                intervals_95: HorizonIntervals { p5: [99, 101], p50: [199, 201], p95: [299, 301] },
                mean: 201.5,
                mean_standard_error: 0.25,
            }),
            warnings: vec!["loanDebt has no effect".to_owned()],
            variants: vec![Variant {
                value: Some(2_500.0),
                success_probability: 0.75,
                standard_error: 0.02,
                confidence_interval_95: [0.7, 0.8],
                delta: 0.25,
                delta_standard_error: 0.01,
                mean: Some(7.0),
                median: Some(6.5),
            }],
            solution: Some(Solution {
                asked: Solve { variable: Variable::MinIncome, probability: 0.9 },
                value: Some(2_750.0),
                interval_95: Some([2_700.0, 2_800.0]),
                below_again_after: Some(48.0),
            }),
        };
        assert_eq!(Results::try_from(v1::Results::from(&results)), Ok(results));
    }

    #[test]
    fn scenarios_that_are_not_the_model_s_are_refused() {
        let scenario = v1::Scenario { name: "win_the_lottery".to_owned(), ..Default::default() };
        let message = v1::Sensitivity { scenarios: vec![scenario; 7], ..Default::default() };
        assert!(Sensitivity::try_from(message).is_err());
    }

    #[test]
    fn results_without_seven_percentiles_are_refused() {
        let message =
            v1::Results { confidence_interval_95: Some(v1::Interval::default()), ..Default::default() };
        let error = Results::try_from(message).unwrap_err();
        assert_eq!(error.to_string(), "results.percentiles must have seven entries");
    }
}
