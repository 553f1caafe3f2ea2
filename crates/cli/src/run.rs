//! `carlo run`: one request, answered by a cluster in this process that lives as long as the answer takes. Other commands that need an
//! answer without a server ask [`here`], too.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use carlo_coordinator::Data;
use carlo_rest::Job;
use carlo_service::telemetry::{self, LogFormat};
use carlo_service::{CancellationToken, shutdown};
use carlo_types::JobId;
use tokio::time::{sleep, timeout};

use crate::args;
use crate::client::{Answer, Client, ClientError};
use crate::embedded::{ANY_PORT, Embedded, Options};
use crate::exit::{Exit, say};
use crate::progress::Progress;
use crate::{request, wait};

/// How long the cluster may take until it takes a job.
const START_MAX: Duration = Duration::from_secs(5);
/// How long cancelling may take once somebody pressed Ctrl-C.
const CANCEL_MAX: Duration = Duration::from_secs(1);

/// Simulates, prints the answer and ends.
pub async fn run(args: args::Run, started: Instant) -> anyhow::Result<Exit> {
    let body = request::load(&args.request)?;
    let answer = here(Question::Job(body), args.threads)
        .await
        .with_context(|| format!("failed to run {}", request::name(&args.request.file)))?;
    answer.map_or(Ok(Exit::Interrupted), |answer| wait::conclude(&answer, args.json, Some(started.elapsed())))
}

/// What a job answers, with the body of the call that asks it.
#[derive(Debug)]
pub enum Question {
    /// `POST /api/jobs`
    Job(String),
    /// `POST /api/compare`
    Compare(String),
    /// `POST /api/solve`
    Solve(String),
}

/// The ended job of a question, from a cluster in this process with so many threads; nothing where Ctrl-C came first.
pub async fn here(question: Question, threads: Option<NonZeroUsize>) -> anyhow::Result<Option<Answer<Job>>> {
    with_cluster(threads, async |client, interrupt| answer(client, &question, interrupt).await).await
}

/// The answer of one call to a cluster in this process, made again while the cluster isn't ready yet; nothing where Ctrl-C came first. What the
/// call began ends with the cluster.
pub async fn call<T>(
    threads: Option<NonZeroUsize>,
    call: impl AsyncFn(&Client) -> Result<Answer<T>, ClientError>,
) -> anyhow::Result<Option<Answer<T>>> {
    with_cluster(threads, async |client, interrupt| {
        tokio::select! {
            answer = once_ready(async || call(client).await) => Ok(Some(answer?)),
            () = interrupt.cancelled() => {
                say("interrupted: there is no answer");
                Ok(None)
            }
        }
    })
    .await
}

/// What `ask` gets from a cluster in this process, which lives as long as that takes.
async fn with_cluster<T>(
    threads: Option<NonZeroUsize>,
    ask: impl AsyncFnOnce(&Client, &CancellationToken) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let (_telemetry, filter) = telemetry::init(LogFormat::Text, "error");
    filter?;
    let interrupt = shutdown::on_signal().context("failed to listen for Ctrl-C")?;
    let options = Options {
        data: Data::Temporary,
        listen: ANY_PORT,
        coordinator_listen: ANY_PORT,
        threads,
        web: false,
    };
    let mut cluster = Embedded::start(options).await?;
    let client = Client::new(cluster.url())?;
    let answer = tokio::select! {
        // A daemon's end explains the error that a client of it gets.
        biased;
        error = cluster.failed() => Err(error),
        answer = ask(&client, &interrupt) => answer,
    };
    // The answer is out, or there is none: how a cluster ends that nobody will use again doesn't change it.
    let ended = cluster.shut_down().await;
    if let Err(error) = ended {
        tracing::warn!("{error:#}");
    }
    answer
}

async fn answer(
    client: &Client,
    question: &Question,
    interrupt: &CancellationToken,
) -> anyhow::Result<Option<Answer<Job>>> {
    let (mut job, mut progress) = (None, Progress::aside());
    tokio::select! {
        ended = simulate(client, question, &mut job, &mut progress) => return ended.map(Some),
        () = interrupt.cancelled() => {}
    }
    progress.clear();
    say("interrupted: there is no answer");
    if let Some(id) = job {
        // What can't be cancelled any more ends with this process.
        let _ = timeout(CANCEL_MAX, client.cancel(id)).await;
    }
    Ok(None)
}

/// Submits the question and waits for its answer. `job` is what it became, as soon as it is known.
async fn simulate(
    client: &Client,
    question: &Question,
    job: &mut Option<JobId>,
    progress: &mut Progress,
) -> anyhow::Result<Answer<Job>> {
    let id = match question {
        Question::Job(body) => once_ready(async || client.submit(body.clone()).await).await?.value.job_id,
        Question::Compare(body) => {
            only_job(client, once_ready(async || client.compare(body.clone()).await).await).await?
        }
        Question::Solve(body) => {
            only_job(client, once_ready(async || client.solve(body.clone()).await).await).await?
        }
    };
    let id = id.parse().context("failed to read the server's answer")?;
    *job = Some(id);
    wait::until_ended(client, id, progress).await
}

/// The job beneath a question: the only one of a cluster that was asked nothing else. It is there, and goes on, also where its answer took
/// too long for the call.
async fn only_job<T>(client: &Client, asked: Result<Answer<T>, ClientError>) -> anyhow::Result<String> {
    let jobs = client.jobs(None, 1, 1).await?.value.jobs;
    match (jobs.into_iter().next(), asked) {
        (Some(job), _) => Ok(job.id),
        (None, Err(refused)) => Err(refused.into()),
        (None, Ok(_)) => anyhow::bail!("failed to find the job of an answer"),
    }
}

/// Makes a call, again while the cluster isn't ready yet.
async fn once_ready<T>(
    call: impl AsyncFn() -> Result<Answer<T>, ClientError>,
) -> Result<Answer<T>, ClientError> {
    let began = Instant::now();
    loop {
        match call().await {
            Err(error) if error.is_passing() && began.elapsed() < START_MAX => {
                sleep(Duration::from_millis(5)).await;
            }
            answer => return answer,
        }
    }
}
