//! `carlo sweep`: simulates a plan at many values of one or two of its numbers, in this
//! process or with a server.

use std::collections::BTreeMap;

use anyhow::Context as _;
use carlo_rest::Job;
use carlo_rest::job::JobResults;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::answer::Answer;
use crate::args::{self, SweepFormat};
use crate::commands::{connect, until_ended};
use crate::exit::{Exit, say};
use crate::local::Submission;
use crate::progress::Progress;
use crate::{answer, local, output, render, request};

/// The most values of an axis, which is the server's limit of points.
const VALUES_MAX: usize = carlo_types::sweep::POINTS_MAX;

/// `carlo sweep`
pub async fn sweep(args: args::Sweep) -> anyhow::Result<Exit> {
    let plan: Box<RawValue> = RawValue::from_string(request::load(&args.request)?)?;
    let axes: Vec<_> =
        args.over.iter().map(|over| json!({"pointer": over.pointer, "values": over.values})).collect();
    let mut body = BTreeMap::from([("request", plan), ("axes", to_raw_value(&axes)?)]);
    if let Some(name) = &args.name {
        body.insert("name", to_raw_value(name)?);
    }
    if let Some(priority) = args.priority {
        body.insert("priority", to_raw_value(&priority)?);
    }
    let body = serde_json::to_string(&body)?;
    let file = request::name(&args.request.file);
    let answer = match args.elsewhere.server() {
        None => local::compute(Submission::Sweep(body), args.threads).await,
        Some(server) => there(&server, body).await,
    };
    let answer = answer.with_context(|| format!("failed to sweep over {file}"))?;
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    let Some(JobResults { sweep: Some(sweep), .. }) = &answer.value.results else {
        return answer::conclude(&answer, false, None);
    };
    match if args.elsewhere.json { SweepFormat::Json } else { args.format } {
        SweepFormat::Text => return answer::conclude(&answer, false, None),
        SweepFormat::Json => output::print_json(&answer.json)?,
        SweepFormat::Csv => output::write(&render::visible::lines(&sweep.csv().replace("\r\n", "\n")))?,
        SweepFormat::Jsonl => output::write_json(&sweep.lines())?,
    }
    Ok(Exit::Ok)
}

/// Sweeps with a server and returns the ended job; returns `None` after Ctrl-C.
async fn there(server: &args::Server, body: String) -> anyhow::Result<Option<Answer<Job>>> {
    let client = connect(server)?;
    let submitted = client.sweep(body).await?.value;
    say(&format!("{} {}", submitted.job_id, render::job::submitted(&submitted)));
    let id = submitted.job_id.parse().context("failed to read the server's answer")?;
    until_ended(&client, id, server, Progress::aside()).await
}

/// An axis on the command line.
#[derive(Debug, Clone, PartialEq)]
pub struct Over {
    /// The JSON pointer of the number in the request.
    pub pointer: String,
    /// The values of the number.
    pub values: Vec<f64>,
}

impl std::str::FromStr for Over {
    type Err = String;

    /// Parses `POINTER=VALUES`, where the values are numbers and ranges `FROM:TO:STEP` (both ends
    /// included), separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let (pointer, list) =
            text.split_once('=').ok_or("must be POINTER=VALUES, like /plan/incomeUntil=240:480:12")?;
        let mut values = Vec::new();
        for item in list.split(',') {
            range(item.trim(), &mut values)?;
            if values.len() > VALUES_MAX {
                return Err(format!("has more than {VALUES_MAX} values"));
            }
        }
        Ok(Self { pointer: pointer.to_owned(), values })
    }
}

/// Adds a number, or the numbers of a range.
fn range(item: &str, values: &mut Vec<f64>) -> Result<(), String> {
    let number = |text: &str| {
        let number = text.trim().replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| format!("{text:?} is not a number"))
    };
    let parts = item.split(':').map(number).collect::<Result<Vec<f64>, _>>()?;
    match parts[..] {
        [value] => values.push(value),
        [from, to, step] => {
            let steps = (to - from) / step;
            if step == 0.0 || steps < 0.0 {
                return Err(format!("{item} never gets to {to}"));
            }
            // The end is included even if rounding errors exceed it slightly.
            let last = (steps + 1e-9).floor();
            if last >= VALUES_MAX as f64 {
                return Err(format!("{item} has more than {VALUES_MAX} values"));
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1023")]
            values.extend((0..=last as u32).map(|i| rounded(from + f64::from(i) * step)));
        }
        _ => return Err(format!("{item} is neither a number nor FROM:TO:STEP")),
    }
    Ok(())
}

/// Rounds away the errors of adding up steps.
fn rounded(value: f64) -> f64 {
    format!("{value:.12}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbers_and_ranges() {
        let values = |text: &str| text.parse::<Over>().map(|over| over.values);
        assert_eq!(values("/plan/incomeUntil=240:276:12"), Ok(vec![240.0, 252.0, 264.0, 276.0]));
        assert_eq!(values("/x=0.1:0.3:0.1, 1_000,-5"), Ok(vec![0.1, 0.2, 0.3, 1_000.0, -5.0]));
        assert_eq!(values("/x=5:1:-2"), Ok(vec![5.0, 3.0, 1.0]));
        assert_eq!(values("/x=5:6:4"), Ok(vec![5.0]));
        for bad in ["/x", "/x=", "/x=a", "/x=1:2", "/x=1:2:0", "/x=1:2:-1", "/x=0:1e9:1", "/x=nan"] {
            assert!(values(bad).is_err(), "{bad}: {:?}", values(bad));
        }
    }
}
