//! The points of a sweep, and samples, as JSON, CSV and JSON lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use carlo_types::analysis::Analysis;
use carlo_types::{JobSpec, Results, sweep};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::job::JobStatus;
use crate::plans::ComparedPlan;

/// The points of a running or complete sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sweep {
    /// The job.
    pub job_id: String,
    /// The status of the job. While it runs, the points are those of the simulations so far.
    pub status: JobStatus,
    /// The number of simulations of each point.
    pub simulations_run: u64,
    /// The plan itself, with which the points are compared.
    pub base: ComparedPlan,
    /// The axes and the points.
    #[serde(flatten)]
    pub results: SweepResults,
}

/// The results of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SweepResults {
    /// The axes in the order of the request.
    pub axes: Vec<Axis>,
    /// A point for each combination of values, with the last axis varying fastest.
    pub points: Vec<SweepPoint>,
}

/// A number of the plan and its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Axis {
    /// The JSON pointer of the number in the request.
    #[schema(example = "/plan/incomeUntil")]
    pub pointer: String,
    /// The values.
    pub values: Vec<f64>,
}

/// A point of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SweepPoint {
    /// The value of each axis.
    pub values: Vec<f64>,
    /// The results of the plan with these values, compared with the plan of the request.
    #[serde(flatten)]
    pub outcome: ComparedPlan,
}

/// A point of a sweep as a line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SweepLine {
    /// The value of each axis, by its pointer.
    pub values: BTreeMap<String, f64>,
    /// The results of the plan with these values, compared with the plan of the request.
    #[serde(flatten)]
    pub outcome: ComparedPlan,
}

/// The outcome of a simulation, as a JSON line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The index of the simulation.
    pub index: u64,
    /// The final balance in dollars.
    pub final_balance: f32,
    /// Whether the simulation reached the goal.
    pub success: bool,
    /// The first short month, from 1; absent if there was none, or if the goal doesn't ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub first_short_month: Option<u32>,
    /// The number of months in which somebody was alive; absent in a plan without people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub horizon_months: Option<u32>,
    /// The lowest multiplier of planned spending; absent without a spending rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lowest_multiplier: Option<f32>,
}

/// The columns after those of the axes.
const COLUMNS: [&str; 8] = [
    "successProbability",
    "standardError",
    "confidenceInterval95Low",
    "confidenceInterval95High",
    "delta",
    "deltaStandardError",
    "mean",
    "median",
];

impl SweepResults {
    /// The points of a job that is a sweep; nothing where it is none.
    pub fn of(asked: &JobSpec, results: &Results) -> Option<Self> {
        let Analysis::Sweep(axes) = &asked.analysis else { return None };
        let outcomes = results.variants.iter().map(ComparedPlan::from);
        let point = |(values, outcome)| SweepPoint { values, outcome };
        let shown =
            |axis: &sweep::SweepAxis| Axis { pointer: axis.pointer.clone(), values: axis.values.clone() };
        Some(Self {
            axes: axes.iter().map(shown).collect(),
            points: sweep::values(axes).into_iter().zip(outcomes).map(point).collect(),
        })
    }

    /// Comma-separated values (RFC 4180): a line of names, then one for each point. A mean or
    /// median that isn't known is empty.
    pub fn csv(&self) -> String {
        let names = self.axes.iter().map(|axis| quoted(&axis.pointer));
        let head: Vec<_> = names.chain(COLUMNS.map(str::to_owned)).collect();
        let mut csv = head.join(",") + "\r\n";
        for SweepPoint { values, outcome } in &self.points {
            let [low, high] = outcome.confidence_interval_95;
            let known = [
                outcome.success_probability,
                outcome.standard_error,
                low,
                high,
                outcome.delta,
                outcome.delta_standard_error,
            ];
            let numbers = values.iter().copied().chain(known).map(Some).chain([outcome.mean, outcome.median]);
            let row: Vec<_> =
                numbers.map(|number| number.map_or_else(String::new, |number| number.to_string())).collect();
            // Writing to a string doesn't fail.
            let _ = write!(csv, "{}\r\n", row.join(","));
        }
        csv
    }

    /// Lines, each the JSON object of a point, its values by the axes' pointers.
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        for SweepPoint { values, outcome } in &self.points {
            let pointers = self.axes.iter().map(|axis| axis.pointer.clone());
            let line =
                SweepLine { values: pointers.zip(values.iter().copied()).collect(), outcome: *outcome };
            // Numbers and names are always JSON, and writing to a string doesn't fail.
            let _ = writeln!(lines, "{}", json!(line));
        }
        lines
    }
}

/// A field of CSV, in quotes where it needs them.
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn results() -> SweepResults {
        let outcome = |success_probability| ComparedPlan {
            success_probability,
            standard_error: 0.25,
            confidence_interval_95: [0.0, 1.0],
            delta: -0.125,
            delta_standard_error: 0.0625,
            mean: Some(1_000.5),
            median: None,
        };
        let over =
            |pointer: &str, values: &[f64]| Axis { pointer: pointer.to_owned(), values: values.to_vec() };
        SweepResults {
            axes: vec![over("/plan/incomeUntil", &[240.0]), over("/a,\"b\"", &[0.5, 1e7])],
            points: vec![
                SweepPoint { values: vec![240.0, 0.5], outcome: outcome(0.5) },
                SweepPoint { values: vec![240.0, 1e7], outcome: outcome(0.75) },
            ],
        }
    }

    #[test]
    fn points_are_rows_of_csv() {
        let expected = "/plan/incomeUntil,\"/a,\"\"b\"\"\",successProbability,standardError,confidenceInterval95Low,\
            confidenceInterval95High,delta,deltaStandardError,mean,median\r\n\
            240,0.5,0.5,0.25,0,1,-0.125,0.0625,1000.5,\r\n240,10000000,0.75,0.25,0,1,-0.125,0.0625,1000.5,\r\n";
        assert_eq!(results().csv(), expected);
    }

    #[test]
    fn points_are_lines_of_json() {
        let lines = results().lines();
        let points: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(points.len(), 2);
        assert_eq!(points[1]["values"], json!({"/plan/incomeUntil": 240.0, "/a,\"b\"": 1e7}));
        assert_eq!((&points[1]["successProbability"], points[1].get("median")), (&json!(0.75), None));
    }
}
