//! `carlo verify`: recomputes stored results from their own request and compares them to the last
//! bit.
//!
//! Results contain everything from which they follow: the request with all defaults filled in, the
//! seed, the analysis, and the model version. So they can be verified without the cluster that
//! computed them.

use anyhow::Context as _;
use carlo_rest::Job;
use carlo_rest::difference::{self, Difference};
use carlo_rest::job::JobResults;
use serde::Deserialize;
use serde_json::{Value, json, to_value};

use crate::exit::{Exit, say};
use crate::local::Submission;
use crate::output::{print, print_json};
use crate::request::RequestError;
use crate::{answer, args, local, request};

/// The reason why a file can't be verified.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub enum Unverifiable {
    /// The JSON is neither a complete job nor its results.
    #[error("{file} holds no results: expected a complete job, or the `results` of one")]
    NoResults { file: String, source: serde_json::Error },
    /// The results come from another model version.
    #[error("{file} is of model version {theirs}, and this program computes version {ours}")]
    OtherModel { file: String, theirs: u32, ours: u32 },
}

/// Members of results that don't follow from the request, like the number of nodes.
const OF_THE_CLUSTER: [&str; 2] = ["workersUsed", "doubts"];
/// The most differing members in the JSON output.
const LISTED_MAX: usize = 100;

/// Recomputes the results in a file and reports whether they are the same.
pub async fn verify(args: args::Verify) -> anyhow::Result<Exit> {
    let file = request::name(&args.file);
    let stored: Value = serde_json::from_slice(&request::read(&args.file)?)
        .map_err(|source| RequestError::NotJson { file: args.file.clone(), source })?;
    let results = stored.get("results").unwrap_or(&stored);
    let theirs = JobResults::deserialize(results)
        .map_err(|source| Unverifiable::NoResults { file: file.clone(), source })?;
    let submission = submission(&theirs, results);
    let answer = local::compute(submission, args.threads)
        .await
        .with_context(|| format!("failed to recompute {file}"))?;
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    let Job { results: Some(ours), .. } = &answer.value else {
        return answer::conclude(&answer, false, None);
    };
    let versions = (theirs.model_version, ours.model_version);
    if versions.0 != versions.1 {
        return Err(Unverifiable::OtherModel { file, theirs: versions.0, ours: versions.1 }.into());
    }
    let differences = differences(&stored, &answer.value)?;
    conclude(&file, (&theirs.digest.to_string(), &ours.digest.to_string()), &differences, args.json)
}

/// The call that computes the same results. The stored request is sent unchanged, so that members
/// that this program doesn't know are refused rather than ignored.
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

/// The differences between the stored and the computed job: in the results, and in all other
/// members that follow from the request, in the names of either family of calls. Comparing digests
/// would not be enough, because a changed number may come with an unchanged digest.
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
        print(&format!("{file} is correct: the recomputed results are equal in every bit, digest {ours}"))?;
        return Ok(exit);
    };
    let Difference { pointer, first: stored, second: computed } = first;
    let others =
        if others.is_empty() { String::new() } else { format!(" ({} more members differ)", others.len()) };
    say(&format!(
        "error: {file} differs from the recomputed results: {pointer} is {}, recomputed {}{others}",
        shown(stored),
        shown(computed)
    ));
    say(&format!("  its digest  {theirs}\n  recomputed  {ours}"));
    Ok(exit)
}

/// A value as text.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "absent".to_owned(),
        Value::Array(entries) => format!("a list of {}", entries.len()),
        Value::Object(_) => "an object".to_owned(),
        value => value.to_string().chars().take(80).collect(),
    }
}
