//! `carlo verify`: recomputes a stored answer from its own request and compares the two to the last bit.
//!
//! An answer carries everything that it follows from: the request with nothing left to a default, the seed in it, what else was asked of it,
//! the model's version.
//! So whoever has the file can tell whether its numbers are what they say they are, without the cluster that made them.

use std::path::Path;

use anyhow::Context as _;
use carlo_rest::Job;
use carlo_rest::job::JobResults;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::exit::{Exit, say};
use crate::output::{print, print_json};
use crate::request::RequestError;
use crate::run::Question;
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

/// Recomputes the answer in a file and says whether it is the same.
pub async fn verify(args: args::Verify) -> anyhow::Result<Exit> {
    let file = request::name(&args.file);
    let stored = read(&request::read(&args.file)?, &args.file)?;
    let question = question(&stored).context("failed to write the request again")?;
    let answer =
        run::here(question, args.threads).await.with_context(|| format!("failed to recompute {file}"))?;
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    let Job { results: Some(computed), .. } = &answer.value else {
        return wait::conclude(&answer, false, None);
    };
    compare(&file, &stored, computed, args.json)
}

fn read(bytes: &[u8], path: &Path) -> anyhow::Result<JobResults> {
    let stored: Value = serde_json::from_slice(bytes)
        .map_err(|source| RequestError::NotJson { file: path.to_owned(), source })?;
    let results = stored.get("results").unwrap_or(&stored);
    JobResults::deserialize(results)
        .map_err(|source| Unverifiable::NoResults { file: request::name(path), source }.into())
}

/// What was asked: the request itself, or what else the answer says was asked of it.
fn question(stored: &JobResults) -> serde_json::Result<Question> {
    let plan = &stored.assumptions;
    Ok(match &stored.solution {
        Some(solution) => {
            let (variable, probability) = (&solution.variable, solution.probability);
            let asked = json!({"request": plan, "for": variable, "probability": probability});
            Question::Solve(asked.to_string())
        }
        None if let Some(sweep) = &stored.sweep => {
            Question::Sweep(json!({"request": plan, "axes": sweep.axes}).to_string())
        }
        None if stored.variants.is_empty() => Question::Job(serde_json::to_string(plan)?),
        None => {
            let others = stored.variants.iter().map(|variant| &variant.assumptions);
            let plans: Vec<_> = std::iter::once(plan).chain(others).collect();
            Question::Compare(json!({"requests": plans}).to_string())
        }
    })
}

fn compare(file: &str, stored: &JobResults, computed: &JobResults, as_json: bool) -> anyhow::Result<Exit> {
    let (theirs, ours) = (stored.model_version, computed.model_version);
    if theirs != ours {
        return Err(Unverifiable::OtherModel { file: file.to_owned(), theirs, ours }.into());
    }
    let differing = stored.differing(computed)?;
    if as_json {
        let verdict = json!({
            "isRight": differing.is_empty(),
            "digest": stored.digest,
            "recomputedDigest": computed.digest,
            "different": differing,
        });
        print_json(&verdict.to_string())?;
        return Ok(if differing.is_empty() { Exit::Ok } else { Exit::Different });
    }
    if differing.is_empty() {
        print(&format!("{file} is right: recomputed to the last bit, digest {}", computed.digest))?;
        return Ok(Exit::Ok);
    }
    say(&format!("error: {file} is not what its request gives; different: {}", differing.join(", ")));
    say(&format!("  its digest  {}\n  recomputed  {}", stored.digest, computed.digest));
    Ok(Exit::Different)
}
