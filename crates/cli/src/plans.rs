//! `carlo compare` and `carlo solve`: questions about several plans on the same luck, answered by a cluster in this process.

use std::collections::BTreeMap;

use anyhow::Context as _;
use carlo_rest::plans::{ComparedPlan, Comparison, Solved};
use serde_json::value::{RawValue, to_raw_value};

use crate::args;
use crate::exit::Exit;
use crate::run::Question;
use crate::{output, render, request, run, wait};

/// `carlo compare`
pub async fn compare(args: args::Compare) -> anyhow::Result<Exit> {
    // What the command line says holds for the first plan, which says it for all.
    let [first, others @ ..] = args.files.as_slice() else { anyhow::bail!("no plan was given") };
    let first = args::Request { file: first.clone(), simulations: args.simulations, seed: args.seed };
    let mut requests = vec![raw(request::load(&first)?)?];
    for file in others {
        requests.push(raw(request::load_plan(file)?)?);
    }
    let body = serde_json::to_string(&BTreeMap::from([("requests", requests)]))?;
    let answer = run::here(Question::Compare(body), args.threads).await.context("failed to compare")?;
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    let Some(results) = &answer.value.results else { return wait::conclude(&answer, false, None) };
    let first = ComparedPlan::first(
        results.success_probability,
        results.standard_error,
        results.confidence_interval_95,
    );
    let comparison = Comparison {
        plans: std::iter::once(first).chain(results.variants.iter().map(|plan| plan.outcome)).collect(),
        simulations_run: results.simulations_run,
        seed: results.seed.clone(),
        model_version: results.model_version,
        digest: results.digest.to_string(),
    };
    let names: Vec<String> = args.files.iter().map(|file| request::name(file)).collect();
    let text = || render::plans::comparison(&names, &comparison);
    output::answer(args.json, &serde_json::to_string(&comparison)?, text)?;
    Ok(Exit::Ok)
}

/// `carlo solve`
pub async fn solve(args: args::Solve) -> anyhow::Result<Exit> {
    let body = BTreeMap::from([
        ("request", raw(request::load(&args.request)?)?),
        ("for", to_raw_value(&args.variable)?),
        ("probability", to_raw_value(&args.probability)?),
    ]);
    let body = serde_json::to_string(&body)?;
    let file = request::name(&args.request.file);
    let answer = run::here(Question::Solve(body), args.threads).await;
    let answer = answer.with_context(|| format!("failed to solve {file}"))?;
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    let Some((results, solution)) =
        answer.value.results.as_ref().and_then(|results| Some((results, results.solution.clone()?)))
    else {
        return wait::conclude(&answer, false, None);
    };
    let solved = Solved {
        solution,
        base_probability: results.success_probability,
        simulations_run: results.simulations_run,
        seed: results.seed.clone(),
        model_version: results.model_version,
        digest: results.digest.to_string(),
    };
    output::answer(args.json, &serde_json::to_string(&solved)?, || render::plans::solved(&solved))?;
    Ok(Exit::Ok)
}

fn raw(json: String) -> serde_json::Result<Box<RawValue>> {
    RawValue::from_string(json)
}
