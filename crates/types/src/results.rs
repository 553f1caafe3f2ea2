//! The results of a job, each with its error.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::analysis::Solve;

mod json;

use json::{FanPercentiles, PercentileIntervals, Percentiles};

/// The reported percentiles, in percent. All arrays of percentiles have this order.
pub const PERCENTILES: [u8; 7] = [5, 10, 25, 50, 75, 90, 95];

/// An interval, both ends included.
pub type Interval = [f64; 2];

/// The results of a complete job, or of the simulations so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// The fraction of the simulations that reached the goal.
    pub success_probability: f64,
    /// Standard error of `success_probability`.
    pub standard_error: f64,
    /// 95 % Wilson interval of the success probability.
    #[serde(rename = "confidenceInterval95")]
    #[schema(value_type = Vec<f64>, min_items = 2, max_items = 2)]
    pub confidence_interval_95: Interval,
    /// Percentiles of the final balance in dollars, in the order of [`PERCENTILES`].
    #[serde(with = "json::percentiles")]
    #[schema(value_type = Percentiles)]
    pub percentiles: [f64; 7],
    /// 95 % order-statistic interval of each percentile.
    #[serde(rename = "percentileIntervals95", with = "json::percentile_intervals")]
    #[schema(value_type = PercentileIntervals)]
    pub percentile_intervals_95: [Interval; 7],
    /// The mean final balance in dollars.
    pub mean: f64,
    /// The standard deviation of the final balance in dollars.
    pub std: f64,
    /// The smallest final balance in dollars; exact.
    pub worst_case: f64,
    /// The largest final balance in dollars; exact.
    pub best_case: f64,
    /// The number of simulations.
    pub simulations_run: u64,
    /// The final balances in at most 100 bars.
    pub histogram: Histogram,
    /// The distribution of the balance along the timeline: at most 60 points, from the first 65,536
    /// simulations.
    pub trajectory: Vec<FanPoint>,
    /// The effects of changes of the plan; absent without simulations.
    #[serde(skip)]
    pub sensitivity: Option<Sensitivity>,
    /// Notable simulations; absent without simulations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub notable: Option<Notable>,
    /// When balances were below the floor, if the goal is never to be short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub path: Option<Path>,
    /// The effect of a spending rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub spending: Option<Spending>,
    /// The number of months until the last death, in a plan with people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub horizon_months: Option<Horizon>,
    /// The results of a comparison's other plans, in the order of the request; the candidates of a
    /// job that solves for a number; or the points of a sweep.
    #[serde(skip)]
    pub variants: Vec<Variant>,
    /// The solution of a job that solves for a number.
    #[serde(skip)]
    pub solution: Option<Solution>,
    /// Sentences about inputs that had no effect, and balances that reached the bound of the model.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The model version.
    pub model_version: u32,
    /// SHA-256 over model version, request, seed and merged partial results, in hexadecimal. Jobs
    /// with the same digest have the same request and the same results.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub digest: Digest,
}

impl Results {
    /// The median final balance in dollars.
    pub fn median(&self) -> f64 {
        self.percentiles[3]
    }
}

/// A histogram: `counts[i]` simulations ended between `edges[i]` and `edges[i + 1]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Histogram {
    /// The edges in dollars, ascending; one more than there are bars.
    pub edges: Vec<f64>,
    /// The number of simulations in each bar.
    pub counts: Vec<u64>,
}

/// The percentiles of a fan chart, in percent. All [`FanPoint`]s have this order.
pub const FAN_PERCENTILES: [u8; 5] = [10, 25, 50, 75, 90];

/// The distribution of balances after a number of months.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FanPoint {
    /// Months since the start, from 1 to the timeline.
    pub month: u32,
    /// The percentiles of the balance in dollars, in the order of [`FAN_PERCENTILES`].
    #[serde(flatten, with = "json::fan_percentiles")]
    #[schema(value_type = FanPercentiles)]
    pub percentiles: [f64; 5],
}

/// The names of the scenarios, in the order of [`Sensitivity::scenarios`].
pub const SCENARIOS: [&str; 7] = [
    "income_plus_10",
    "income_minus_10",
    "spending_minus_10",
    "spending_minus_20",
    "spending_plus_10",
    "timeline_plus_6mo",
    "timeline_plus_12mo",
];

/// The names of the scenarios that only some plans have, in their order: returns in plans with a
/// portfolio, and retirement in plans whose income ends before the timeline.
pub const PLAN_SCENARIOS: [&str; 6] = [
    "returns_plus_1pt",
    "returns_minus_1pt",
    "retire_12mo_earlier",
    "retire_24mo_earlier",
    "retire_12mo_later",
    "retire_24mo_later",
];

/// The scenario with a name, if there is one.
pub fn scenario_name(name: &str) -> Option<&'static str> {
    SCENARIOS.into_iter().chain(PLAN_SCENARIOS).find(|&known| known == name)
}

/// The effects of changes of the plan on the success probability, each with the same random numbers
/// as the plan itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensitivity {
    /// The number of first simulations for which each scenario was simulated, at most a million.
    pub simulations: u64,
    /// The success probability of the plan itself in these simulations.
    pub base_probability: f64,
    /// The effects of all [`SCENARIOS`], and of those [`PLAN_SCENARIOS`] that the plan has.
    pub scenarios: Vec<Scenario>,
}

impl Sensitivity {
    /// The name of the scenario with the largest impact, or the first of several. `None` if no
    /// impact exceeds twice its standard error.
    pub fn most_impactful(&self) -> Option<&'static str> {
        let stands_out = |scenario: &&Scenario| scenario.impact() > 2.0 * scenario.standard_error;
        let mut most: Option<&Scenario> = None;
        for scenario in self.scenarios.iter().filter(stands_out) {
            if most.is_none_or(|most| scenario.impact() > most.impact()) {
                most = Some(scenario);
            }
        }
        most.map(|scenario| scenario.name)
    }
}

/// The effect of one change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// One of [`SCENARIOS`] or of [`PLAN_SCENARIOS`].
    pub name: &'static str,
    /// The success probability with the change.
    pub new_probability: f64,
    /// `new_probability` minus the plan's own.
    pub delta: f64,
    /// Standard error of `delta`, from the paired differences.
    pub standard_error: f64,
}

impl Scenario {
    /// The absolute value of `delta`.
    pub fn impact(&self) -> f64 {
        self.delta.abs()
    }
}

/// The results of another plan with the same random numbers as the job's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variant {
    /// The value of the variable, in a job that solves for one.
    pub value: Option<f64>,
    /// The fraction of the simulations that reached the goal.
    pub success_probability: f64,
    /// Standard error of `success_probability`.
    pub standard_error: f64,
    /// 95 % Wilson interval of the success probability.
    pub confidence_interval_95: Interval,
    /// `success_probability` minus that of the job's own plan.
    pub delta: f64,
    /// Standard error of `delta`, from the paired differences.
    pub delta_standard_error: f64,
    /// The mean final balance in dollars; absent in a job that solves for a number.
    pub mean: Option<f64>,
    /// The median final balance in dollars; absent in a job that solves for a number.
    pub median: Option<f64>,
}

/// A solution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solution {
    /// The variable and the wanted probability.
    pub asked: Solve,
    /// The value that gives the wanted probability; absent if no value within the model's range
    /// does.
    pub value: Option<f64>,
    /// The 95 % interval of the value: between the values whose successes are the central 95 % of
    /// the binomial count with the wanted probability. It ends with the model's range on a side on
    /// which no count bounds it.
    pub interval_95: Option<Interval>,
    /// For the earliest month: the first later month in which the probability is below the wanted
    /// one again, if there is one among the tried months.
    pub below_again_after: Option<f64>,
}

/// Notable simulations, which can be replayed by their indices. Of several equal ones, the first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notable {
    /// The simulation with the smallest final balance.
    pub worst: NotableSimulation,
    /// The simulation with the largest final balance.
    pub best: NotableSimulation,
    /// The simulation nearest to the 5th percentile of the job's first 4,096 simulations.
    pub p5: NotableSimulation,
    /// The simulation nearest to the median of these.
    pub p50: NotableSimulation,
    /// The simulation nearest to the 95th percentile of these.
    pub p95: NotableSimulation,
    /// The simulation nearest to the target amount.
    pub goal: NotableSimulation,
    /// The simulation whose first short month is nearest to the median one of the job's first 4,096
    /// simulations; absent if no simulation was short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub first_short: Option<FirstShort>,
}

/// A simulation that was short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirstShort {
    /// The index of the simulation.
    pub index: u64,
    /// The first short month, from 1.
    pub month: u32,
}

/// A notable simulation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotableSimulation {
    /// The index of the simulation.
    pub index: u64,
    /// The final balance in dollars.
    pub balance: f64,
}

/// When balances were below the floor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Path {
    /// The fraction of the simulations that were short after any month.
    pub short_probability: f64,
    /// Standard error of `shortProbability`.
    pub standard_error: f64,
    /// 95 % Wilson interval of `shortProbability`.
    #[serde(rename = "confidenceInterval95")]
    #[schema(value_type = Vec<f64>, min_items = 2, max_items = 2)]
    pub confidence_interval_95: Interval,
    /// Percentiles of the first short month, from 1, among the simulations that were short; absent
    /// if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub first_short_month: Option<ShortMonths>,
    /// 95 % order-statistic interval of each of them.
    #[serde(default, rename = "firstShortMonthIntervals95", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub first_short_month_intervals_95: Option<ShortMonthIntervals>,
    /// The probability of having been short, by each of up to 60 months.
    pub curve: Vec<CurvePoint>,
    /// The mean of the floor minus the lowest balance over the simulations that were short, in
    /// dollars.
    pub mean_deepest_shortfall: f64,
    /// Standard error of `meanDeepestShortfall`.
    pub mean_deepest_shortfall_standard_error: f64,
    /// The largest of these shortfalls in dollars; exact.
    pub largest_shortfall: f64,
}

/// Percentiles of months.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShortMonths {
    /// The 5th percentile.
    pub p5: u32,
    /// The 25th percentile.
    pub p25: u32,
    /// The median.
    pub p50: u32,
    /// The 75th percentile.
    pub p75: u32,
    /// The 95th percentile.
    pub p95: u32,
}

/// An interval for each percentile of months.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShortMonthIntervals {
    /// The 5th percentile.
    #[schema(value_type = Vec<u32>, min_items = 2, max_items = 2)]
    pub p5: [u32; 2],
    /// The 25th percentile.
    #[schema(value_type = Vec<u32>, min_items = 2, max_items = 2)]
    pub p25: [u32; 2],
    /// The median.
    #[schema(value_type = Vec<u32>, min_items = 2, max_items = 2)]
    pub p50: [u32; 2],
    /// The 75th percentile.
    #[schema(value_type = Vec<u32>, min_items = 2, max_items = 2)]
    pub p75: [u32; 2],
    /// The 95th percentile.
    #[schema(value_type = Vec<u32>, min_items = 2, max_items = 2)]
    pub p95: [u32; 2],
}

/// The probability of having been short by a month.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurvePoint {
    /// Months since the start, from 1.
    pub month: u32,
    /// The fraction of the simulations that were short after this month or before.
    pub probability: f64,
    /// Standard error of `probability`.
    pub standard_error: f64,
}

/// The effect of a spending rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spending {
    /// The fraction of the simulations in which less than planned was spent in any month.
    pub cut_probability: f64,
    /// Standard error of `cutProbability`.
    pub standard_error: f64,
    /// 95 % Wilson interval of `cutProbability`.
    #[serde(rename = "confidenceInterval95")]
    #[schema(value_type = Vec<f64>, min_items = 2, max_items = 2)]
    pub confidence_interval_95: Interval,
    /// Percentiles of the lowest multiplier of planned spending, which starts at 1.
    pub lowest_multiplier: Multipliers,
    /// 95 % order-statistic interval of each of them.
    #[serde(rename = "lowestMultiplierIntervals95")]
    pub lowest_multiplier_intervals_95: MultiplierIntervals,
    /// The mean multiplier: over the months lived, then over simulations.
    pub mean_multiplier: f64,
    /// Standard error of `meanMultiplier`.
    pub mean_multiplier_standard_error: f64,
}

/// Percentiles of multipliers of planned spending.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Multipliers {
    /// The 5th percentile.
    pub p5: f64,
    /// The 25th percentile.
    pub p25: f64,
    /// The median.
    pub p50: f64,
}

/// An interval for each percentile of multipliers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MultiplierIntervals {
    /// The 5th percentile.
    #[schema(value_type = Vec<f64>, min_items = 2, max_items = 2)]
    pub p5: Interval,
    /// The 25th percentile.
    #[schema(value_type = Vec<f64>, min_items = 2, max_items = 2)]
    pub p25: Interval,
    /// The median.
    #[schema(value_type = Vec<f64>, min_items = 2, max_items = 2)]
    pub p50: Interval,
}

/// The number of months until the last death, at most the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Horizon {
    /// The 5th percentile.
    pub p5: u32,
    /// The median.
    pub p50: u32,
    /// The 95th percentile.
    pub p95: u32,
    /// 95 % order-statistic interval of each percentile.
    #[serde(rename = "intervals95")]
    pub intervals_95: HorizonIntervals,
    /// The mean.
    pub mean: f64,
    /// Standard error of `mean`.
    pub mean_standard_error: f64,
}

/// An interval for each percentile of months lived.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HorizonIntervals {
    /// The 5th percentile.
    #[schema(value_type = Vec<u32>, min_items = 2, max_items = 2)]
    pub p5: [u32; 2],
    /// The median.
    #[schema(value_type = Vec<u32>, min_items = 2, max_items = 2)]
    pub p50: [u32; 2],
    /// The 95th percentile.
    #[schema(value_type = Vec<u32>, min_items = 2, max_items = 2)]
    pub p95: [u32; 2],
}

/// A SHA-256 hash. Jobs with the same digest have the same request and the same results.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return Err(NoDigest);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(pair).map_err(|_| NoDigest)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NoDigest)?;
        }
        Ok(Self(bytes))
    }
}

/// The text is not a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 64 hexadecimal digits")]
pub struct NoDigest;

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_change_is_the_most_impactful_where_none_stands_out_from_chance() {
        let scenario = |name, delta: f64, standard_error| Scenario {
            name,
            new_probability: 0.5 + delta,
            delta,
            standard_error,
        };
        let sensitivity = |scenarios| Sensitivity { simulations: 100, base_probability: 0.5, scenarios };
        let most = |scenarios| sensitivity(scenarios).most_impactful();
        let noise = scenario(SCENARIOS[0], 0.03, 0.02);
        assert_eq!(most(vec![noise, scenario(SCENARIOS[1], 0.0, 0.0)]), None);
        assert_eq!(most(vec![noise, scenario(SCENARIOS[1], -0.02, 0.001)]), Some(SCENARIOS[1]));
        let several = vec![scenario(SCENARIOS[2], 0.1, 0.01), scenario(SCENARIOS[3], -0.1, 0.01)];
        assert_eq!(most(several), Some(SCENARIOS[2]));
        assert_eq!(most(Vec::new()), None);
    }
}
