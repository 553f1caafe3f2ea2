//! The answer of a job: what the merged summary says, each number with its error.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::analysis::Solve;

mod json;

use json::{FanPercentiles, PercentileIntervals, Percentiles};

/// The percentiles that are reported, in percent. Every array of percentiles is in this order.
pub const PERCENTILES: [u8; 7] = [5, 10, 25, 50, 75, 90, 95];

/// An interval, both ends included.
pub type Interval = [f64; 2];

/// The results of a job that is complete, or of the part that has been simulated so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// Share of the simulations that reached the goal.
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
    /// Mean final balance, dollars.
    pub mean: f64,
    /// Standard deviation of the final balance, dollars.
    pub std: f64,
    /// Smallest final balance, exact.
    pub worst_case: f64,
    /// Largest final balance, exact.
    pub best_case: f64,
    /// Simulations that these results are of.
    pub simulations_run: u64,
    /// The final balances in at most 100 bars.
    pub histogram: Histogram,
    /// How the balance spreads along the timeline: at most 60 points, from the first 65,536
    /// simulations.
    pub trajectory: Vec<FanPoint>,
    /// What a change of the plan would do; nothing where no simulations are in yet.
    #[serde(skip)]
    pub sensitivity: Option<Sensitivity>,
    /// Simulations that are worth a look; nothing where no simulations are in yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub notable: Option<Notable>,
    /// When balances were below the floor, where the goal is never to be short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub path: Option<Path>,
    /// What a spending rule did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub spending: Option<Spending>,
    /// How many months were lived, in a plan with people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub horizon_months: Option<Horizon>,
    /// How the variants of a job that compares plans do, in the order of the request; of one that
    /// solves for something, the plans that were tried.
    #[serde(skip)]
    pub variants: Vec<Variant>,
    /// The answer of a job that solves for something.
    #[serde(skip)]
    pub solution: Option<Solution>,
    /// Inputs that had no effect, and bounds that were met: sentences for a person.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The version of the model that computed them.
    pub model_version: u32,
    /// SHA-256 over model version, request, seed and merged summary, in hexadecimal: two runs with
    /// the same digest gave the same answer to the same question.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub digest: Digest,
}

impl Results {
    /// The median final balance, dollars.
    pub fn median(&self) -> f64 {
        self.percentiles[3]
    }
}

/// Bars: `counts[i]` simulations ended between `edges[i]` and `edges[i + 1]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Histogram {
    /// Edges in dollars, ascending, one more than there are bars.
    pub edges: Vec<f64>,
    /// Simulations in each bar.
    pub counts: Vec<u64>,
}

/// The percentiles of a fan chart, in percent. Every [`FanPoint`] is in this order.
pub const FAN_PERCENTILES: [u8; 5] = [10, 25, 50, 75, 90];

/// The balances after so many months.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FanPoint {
    /// Months since the start, from 1 to the timeline.
    pub month: u32,
    /// Percentiles of the balance in dollars, in the order of [`FAN_PERCENTILES`].
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

/// The names of the scenarios that only some plans have, in their order: returns with a portfolio,
/// retirement where income ends before the timeline.
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
    /// The first simulations, at most a million, that each scenario was simulated with.
    pub simulations: u64,
    /// The success probability of the plan itself in these.
    pub base_probability: f64,
    /// What each scenario does: those of [`SCENARIOS`], and of [`PLAN_SCENARIOS`] those that the
    /// plan has.
    pub scenarios: Vec<Scenario>,
}

impl Sensitivity {
    /// The name of the scenario with the largest impact, the first of them where several have it;
    /// none where no impact exceeds twice its standard error.
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

/// What one change does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// One of [`SCENARIOS`] or of [`PLAN_SCENARIOS`].
    pub name: &'static str,
    /// The success probability with it.
    pub new_probability: f64,
    /// `new_probability` less the plan's own.
    pub delta: f64,
    /// Standard error of `delta`, from the paired differences.
    pub standard_error: f64,
}

impl Scenario {
    /// The size of `delta`.
    pub fn impact(&self) -> f64 {
        self.delta.abs()
    }
}

/// The results of another plan with the same random numbers as the job's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variant {
    /// What its variable was, for a job that solves for something.
    pub value: Option<f64>,
    /// Share of its simulations that reached its goal.
    pub success_probability: f64,
    /// Standard error of `success_probability`.
    pub standard_error: f64,
    /// 95 % Wilson interval of the success probability.
    pub confidence_interval_95: Interval,
    /// `success_probability` less that of the job's own plan.
    pub delta: f64,
    /// Standard error of `delta`, from the paired differences.
    pub delta_standard_error: f64,
    /// Its mean final balance, dollars; none for a job that solves for something.
    pub mean: Option<f64>,
    /// Its median final balance, dollars.
    pub median: Option<f64>,
}

/// What was solved for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Solution {
    /// What was asked.
    pub asked: Solve,
    /// The value that gives the wanted probability; nothing where no value within the model's range
    /// does.
    pub value: Option<f64>,
    /// Its 95 % interval: between the values whose successes are the central 95 % of the binomial
    /// count that goes with the wanted probability. It ends with the model's range where no count
    /// bounds it.
    pub interval_95: Option<Interval>,
    /// Of the earliest month: the first later month after which the probability is below the wanted
    /// one again, where it falls so within the months that were tried.
    pub below_again_after: Option<f64>,
}

/// Simulations that are worth a look, each to be replayed by its index. Of several that are equally
/// so, the first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notable {
    /// The one with the smallest final balance.
    pub worst: NotableSimulation,
    /// The one with the largest.
    pub best: NotableSimulation,
    /// The one nearest to the 5th percentile of the job's first 4,096 simulations.
    pub p5: NotableSimulation,
    /// The one nearest to their median.
    pub p50: NotableSimulation,
    /// The one nearest to their 95th percentile.
    pub p95: NotableSimulation,
    /// The one nearest to the target amount.
    pub goal: NotableSimulation,
    /// The one whose first short month is nearest to the median one of the job's first 4,096
    /// simulations; nothing where no simulation was short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub first_short: Option<FirstShort>,
}

/// A simulation that was short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirstShort {
    /// Its index.
    pub index: u64,
    /// Its first short month, from 1.
    pub month: u32,
}

/// A simulation that is worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotableSimulation {
    /// Its index.
    pub index: u64,
    /// Its final balance, dollars.
    pub balance: f64,
}

/// When balances were below the floor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Path {
    /// Share of the simulations that were short after any month.
    pub short_probability: f64,
    /// Standard error of `shortProbability`.
    pub standard_error: f64,
    /// 95 % Wilson interval of `shortProbability`.
    #[serde(rename = "confidenceInterval95")]
    #[schema(value_type = Vec<f64>, min_items = 2, max_items = 2)]
    pub confidence_interval_95: Interval,
    /// Percentiles of the first short month, from 1, among the simulations that were short; absent
    /// where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub first_short_month: Option<ShortMonths>,
    /// 95 % order-statistic interval of each of them.
    #[serde(default, rename = "firstShortMonthIntervals95", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub first_short_month_intervals_95: Option<ShortMonthIntervals>,
    /// The probability of having been short, by each of up to 60 months.
    pub curve: Vec<CurvePoint>,
    /// Mean over the simulations that were short of the floor less the lowest balance, dollars.
    pub mean_deepest_shortfall: f64,
    /// Standard error of `meanDeepestShortfall`.
    pub mean_deepest_shortfall_standard_error: f64,
    /// The largest of these shortfalls, dollars: exact.
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
    /// Share of the simulations that were short after it or before.
    pub probability: f64,
    /// Standard error of `probability`.
    pub standard_error: f64,
}

/// What a spending rule did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spending {
    /// Share of the simulations in which less than planned was spent at any time.
    pub cut_probability: f64,
    /// Standard error of `cutProbability`.
    pub standard_error: f64,
    /// 95 % Wilson interval of `cutProbability`.
    #[serde(rename = "confidenceInterval95")]
    #[schema(value_type = Vec<f64>, min_items = 2, max_items = 2)]
    pub confidence_interval_95: Interval,
    /// Percentiles of the least multiple of planned spending, which starts at 1.
    pub lowest_multiplier: Multipliers,
    /// 95 % order-statistic interval of each of them.
    #[serde(rename = "lowestMultiplierIntervals95")]
    pub lowest_multiplier_intervals_95: MultiplierIntervals,
    /// The mean multiple: over the months lived, then over simulations.
    pub mean_multiplier: f64,
    /// Standard error of `meanMultiplier`.
    pub mean_multiplier_standard_error: f64,
}

/// Percentiles of multiples of planned spending.
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

/// An interval for each percentile of multiples.
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

/// How many months were lived: to the last death, at most the timeline.
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

/// A SHA-256 hash. Two runs with the same digest gave the same answer to the same question.
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

/// A text that is no digest.
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
