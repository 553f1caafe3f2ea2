//! `carlo verify`: recomputes a stored answer from its own request and compares the two to the last
//! bit.
//!
//! An answer carries everything that it follows from: the request with nothing left to a default,
//! the seed in it, what else was asked of it, the model's version. So whoever has the file can tell
//! whether its numbers are what they say they are, without the cluster that made them.

use anyhow::Context as _;
use carlo_rest::Job;
use carlo_rest::difference::{self, Difference};
use carlo_rest::job::JobResults;
use serde::Deserialize;
use serde_json::{Value, json, to_value};

use crate::exit::{Exit, say};
use crate::output::{print, print_json};
use crate::request::RequestError;
use crate::run::Submission;
use crate::{args, request, run, wait};

/// A file that holds no answer which could be recomputed here.
#[derive(Debug, thiserror::Error)]
pub enum Unverifiable {
    /// It is JSON, but neither a complete job nor its results.
    #[error("{file} holds no results: expected a complete job, or the `results` of one")]
    NoResults {
        /// Which file.
        file: String,
        /// What is missing in it.
        source: serde_json::Error,
    },
    /// It comes from another version of the model, whose bits are others.
    #[error("{file} is of model version {theirs}, and this program computes version {ours}")]
    OtherModel {
        /// Which file.
        file: String,
        /// The version that it names.
        theirs: u32,
        /// The version that answered here.
        ours: u32,
    },
}

/// Members of an answer that don't follow from its request: how many nodes took part.
const OF_THE_CLUSTER: [&str; 1] = ["workersUsed"];
/// The most members that JSON lists.
const LISTED_MAX: usize = 100;

/// Recomputes the answer in a file and says whether it is the same.
pub async fn verify(args: args::Verify) -> anyhow::Result<Exit> {
    let file = request::name(&args.file);
    let stored: Value = serde_json::from_slice(&request::read(&args.file)?)
        .map_err(|source| RequestError::NotJson { file: args.file.clone(), source })?;
    let results = stored.get("results").unwrap_or(&stored);
    let theirs = JobResults::deserialize(results)
        .map_err(|source| Unverifiable::NoResults { file: file.clone(), source })?;
    let submission = submission(&theirs, results);
    let answer =
        run::here(submission, args.threads).await.with_context(|| format!("failed to recompute {file}"))?;
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    let Job { results: Some(ours), .. } = &answer.value else {
        return wait::conclude(&answer, false, None);
    };
    let versions = (theirs.model_version, ours.model_version);
    if versions.0 != versions.1 {
        return Err(Unverifiable::OtherModel { file, theirs: versions.0, ours: versions.1 }.into());
    }
    let differences = differences(&stored, &answer.value)?;
    conclude(&file, (&theirs.digest.to_string(), &ours.digest.to_string()), &differences, args.json)
}

/// What was asked: the request itself, or what else the answer says was asked of it. Requests are
/// sent as they are stored, so that a member that this program doesn't know is refused, and not
/// left out.
fn submission(theirs: &JobResults, stored: &Value) -> Submission {
    let plan = &stored["assumptions"];
    match &theirs.solution {
        Some(solution) => {
            let (variable, probability) = (&solution.variable, solution.probability);
            let asked = json!({"request": plan, "for": variable, "probability": probability});
            Submission::Solve(asked.to_string())
        }
        None if let Some(sweep) = &theirs.sweep => {
            Submission::Sweep(json!({"request": plan, "axes": sweep.axes}).to_string())
        }
        None if theirs.variants.is_empty() => Submission::Job(plan.to_string()),
        None => {
            let others = stored["variants"].as_array().into_iter().flatten();
            let others = others.map(|variant| &variant["assumptions"]);
            let plans: Vec<_> = std::iter::once(plan).chain(others).collect();
            Submission::Compare(json!({"requests": plans}).to_string())
        }
    }
}

/// Where what is stored differs from what was computed: in the results, and in whatever else of a
/// job, in either family's names, follows from its request. A digest alone would not do: whoever
/// changes a number leaves the digest as it was.
fn differences(stored: &Value, computed: &Job) -> serde_json::Result<Vec<Difference>> {
    let computed = to_value(computed)?;
    let mut pairs = vec![("results", "results")];
    if stored.get("results").is_none() {
        let (mut stored, mut computed) = (stored.clone(), computed["results"].clone());
        for name in OF_THE_CLUSTER {
            forget(name, &mut stored, &mut computed);
        }
        return Ok(difference::between(&stored, &computed));
    }
    let is_snake = stored.get("job_id").is_some();
    if is_snake {
        pairs.push(("sensitivity_results", "sensitivityResults"));
    } else {
        let others =
            ["sensitivityResults", "seed", "simulationsTotal", "simulationsComplete", "status", "progress"];
        pairs.extend(others.map(|name| (name, name)));
    }
    let mut members = (json!({}), json!({}));
    for (theirs, ours) in pairs {
        members.0[theirs] = stored.get(theirs).cloned().unwrap_or_default();
        members.1[theirs] = computed.get(ours).cloned().unwrap_or_default();
    }
    for name in OF_THE_CLUSTER {
        forget(name, &mut members.0["results"], &mut members.1["results"]);
    }
    Ok(difference::between(&members.0, &members.1))
}

fn forget(name: &str, stored: &mut Value, computed: &mut Value) {
    for value in [stored, computed] {
        if let Some(object) = value.as_object_mut() {
            object.remove(name);
        }
    }
}

fn conclude(
    file: &str,
    (theirs, ours): (&str, &str),
    differences: &[Difference],
    as_json: bool,
) -> anyhow::Result<Exit> {
    let exit = if differences.is_empty() { Exit::Ok } else { Exit::Different };
    if as_json {
        let verdict = json!({
            "isRight": differences.is_empty(),
            "digest": theirs,
            "recomputedDigest": ours,
            "differences": differences.len(),
            "different": differences.iter().take(LISTED_MAX).map(|found| &found.pointer).collect::<Vec<_>>(),
        });
        print_json(&verdict.to_string())?;
        return Ok(exit);
    }
    let Some((first, others)) = differences.split_first() else {
        print(&format!("{file} is right: recomputed to the last bit, digest {ours}"))?;
        return Ok(exit);
    };
    let Difference { pointer, first: stored, second: computed } = first;
    let others =
        if others.is_empty() { String::new() } else { format!(" ({} more members differ)", others.len()) };
    say(&format!(
        "error: {file} is not what its request gives: {pointer} is {}, recomputed {}{others}",
        shown(stored),
        shown(computed)
    ));
    say(&format!("  its digest  {theirs}\n  recomputed  {ours}"));
    Ok(exit)
}

/// A value in a line of text.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "absent".to_owned(),
        Value::Array(entries) => format!("a list of {}", entries.len()),
        Value::Object(_) => "an object".to_owned(),
        value => value.to_string().chars().take(80).collect(),
    }
}
