//! `carlo compare` and `carlo solve`: questions about several plans on the same luck, answered by a cluster in this process.

use std::collections::BTreeMap;

use anyhow::Context as _;
use carlo_rest::plans::{Comparison, Solved};
use serde_json::value::{RawValue, to_raw_value};

use crate::args;
use crate::client::Answer;
use crate::exit::Exit;
use crate::output::print;
use crate::{render, request, run};

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
    let answer: Option<Answer<Comparison>> =
        run::call(args.threads, async |client| client.compare(body.clone()).await)
            .await
            .context("failed to compare")?;
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    let names: Vec<String> = args.files.iter().map(|file| request::name(file)).collect();
    print(&if args.json { answer.json } else { render::plans::comparison(&names, &answer.value) })?;
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
    let answer: Option<Answer<Solved>> =
        run::call(args.threads, async |client| client.solve(body.clone()).await)
            .await
            .with_context(|| format!("failed to solve {file}"))?;
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    print(&if args.json { answer.json } else { render::plans::solved(&answer.value) })?;
    Ok(Exit::Ok)
}

fn raw(json: String) -> serde_json::Result<Box<RawValue>> {
    RawValue::from_string(json)
}
