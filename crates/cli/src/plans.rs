//! `carlo compare` and `carlo solve`: analyses of several plans with the same random numbers,
//! computed in this process or by a server.

use std::collections::BTreeMap;

use anyhow::Context as _;
use carlo_rest::Job;
use carlo_rest::plans::{ComparedPlan, Comparison, Solved};
use carlo_service::shutdown;
use serde_json::value::{RawValue, to_raw_value};

use crate::answer::Answer;
use crate::args::{self, Server};
use crate::client::{Client, ClientError};
use crate::commands::{connect, hint};
use crate::exit::{Exit, say};
use crate::local::Submission;
use crate::progress::Progress;
use crate::{answer, local, output, render, request, wait};

/// `carlo compare`
pub async fn compare(args: args::Compare) -> anyhow::Result<Exit> {
    // Options of the command line are set in the first plan, whose values apply to all.
    let [first, others @ ..] = args.files.as_slice() else { anyhow::bail!("no plan was given") };
    let first = args::Request { file: first.clone(), simulations: args.simulations, seed: args.seed };
    let mut requests = vec![raw(request::load(&first)?)?];
    for file in others {
        requests.push(raw(request::load_plan(file)?)?);
    }
    let body = serde_json::to_string(&BTreeMap::from([("requests", requests)]))?;
    let names: Vec<String> = args.files.iter().map(|file| request::name(file)).collect();
    let text = |comparison: &Comparison| render::plans::comparison(&names, comparison);
    let answer = match args.elsewhere.server() {
        None => local::compute(Submission::Compare(body), args.threads).await.context("failed to compare")?,
        Some(server) => {
            let client = connect(&server)?;
            match answered(&client, &server, client.compare(body).await).await.context("failed to compare")? {
                There::Answered(answer) => {
                    output::answer(server.json, &answer.json, || text(&answer.value))?;
                    return Ok(Exit::Ok);
                }
                There::Followed(answer) => answer.map(|answer| *answer),
            }
        }
    };
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    let Some(results) = &answer.value.results else { return answer::conclude(&answer, false, None) };
    let first = ComparedPlan::first(&results.results);
    let comparison = Comparison {
        plans: std::iter::once(first).chain(results.variants.iter().map(|plan| plan.outcome)).collect(),
        simulations_run: results.simulations_run,
        seed: results.seed.clone(),
        model_version: results.model_version,
        digest: results.digest.to_string(),
    };
    output::answer(args.elsewhere.json, &serde_json::to_string(&comparison)?, || text(&comparison))?;
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
    let what = || format!("failed to solve {file}");
    let answer = match args.elsewhere.server() {
        None => local::compute(Submission::Solve(body), args.threads).await.with_context(what)?,
        Some(server) => {
            let client = connect(&server)?;
            match answered(&client, &server, client.solve(body).await).await.with_context(what)? {
                There::Answered(answer) => {
                    output::answer(server.json, &answer.json, || render::plans::solved(&answer.value))?;
                    return Ok(Exit::Ok);
                }
                There::Followed(answer) => answer.map(|answer| *answer),
            }
        }
    };
    let Some(answer) = answer else { return Ok(Exit::Interrupted) };
    let Some((results, solution)) =
        answer.value.results.as_ref().and_then(|results| Some((results, results.solution.clone()?)))
    else {
        return answer::conclude(&answer, false, None);
    };
    let solved = Solved {
        solution,
        base_probability: results.success_probability,
        simulations_run: results.simulations_run,
        seed: results.seed.clone(),
        model_version: results.model_version,
        digest: results.digest.to_string(),
    };
    output::answer(args.elsewhere.json, &serde_json::to_string(&solved)?, || render::plans::solved(&solved))?;
    Ok(Exit::Ok)
}

/// The result of a call to a server.
enum There<T> {
    /// The response.
    Answered(Answer<T>),
    /// The call took too long, so its job was followed until it had ended. `None` after Ctrl-C.
    Followed(Option<Box<Answer<Job>>>),
}

/// Follows the job of a call that the server ended because it took too long.
async fn answered<T>(
    client: &Client,
    server: &Server,
    call: Result<Answer<T>, ClientError>,
) -> anyhow::Result<There<T>> {
    let id = match call {
        Ok(answer) => return Ok(There::Answered(answer)),
        Err(ClientError::Refused(response)) if response.job.is_some() => response.job,
        Err(error) => return Err(error.into()),
    };
    let id = id.context("the refusal has no job id")?;
    say(&format!("{id} takes longer than a call"));
    let interrupt = shutdown::on_signal().context("failed to listen for Ctrl-C")?;
    let mut progress = Progress::aside();
    tokio::select! {
        answer = wait::as_told(client, id, &mut progress) => return Ok(There::Followed(Some(Box::new(answer?)))),
        () = interrupt.cancelled() => {}
    }
    progress.clear();
    let [watch, cancel] = ["watch", "cancel"].map(|command| hint(command, &id.to_string(), server));
    say(&format!("{id} continues: {watch} follows it, {cancel} cancels it"));
    Ok(There::Followed(None))
}

fn raw(json: String) -> serde_json::Result<Box<RawValue>> {
    RawValue::from_string(json)
}
