//! `carlo run`: one request, answered by a cluster in this process that lives as long as the answer takes.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use carlo_coordinator::Data;
use carlo_rest::{Job, Submitted};
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
    telemetry::init(LogFormat::Text, "error");
    let interrupt = shutdown::on_signal().context("failed to listen for Ctrl-C")?;
    let options = Options {
        data: Data::Temporary,
        listen: ANY_PORT,
        coordinator_listen: ANY_PORT,
        threads: args.threads,
    };
    let mut cluster = Embedded::start(options).await?;
    let client = Client::new(cluster.url())?;
    let exit = tokio::select! {
        // A daemon's end explains the error that a client of it gets.
        biased;
        error = cluster.failed() => Err(error),
        exit = answer(&client, body, &args, &interrupt, started) => exit,
    };
    // The answer is out, or there is none: how a cluster ends that nobody will use again doesn't change it.
    let ended = cluster.shut_down().await;
    if let Err(error) = ended {
        tracing::warn!("{error:#}");
    }
    exit
}

async fn answer(
    client: &Client,
    body: String,
    args: &args::Run,
    interrupt: &CancellationToken,
    started: Instant,
) -> anyhow::Result<Exit> {
    let (mut job, mut progress) = (None, Progress::aside());
    let ended = tokio::select! {
        ended = simulate(client, body, &mut job, &mut progress) => Some(ended),
        () = interrupt.cancelled() => None,
    };
    if let Some(ended) = ended {
        let answer = ended.with_context(|| format!("failed to run {}", request::name(&args.request.file)))?;
        return wait::conclude(&answer, args.json, Some(started.elapsed()));
    }
    progress.clear();
    say("interrupted: there is no answer");
    if let Some(id) = job {
        // What can't be cancelled any more ends with this process.
        let _ = timeout(CANCEL_MAX, client.cancel(id)).await;
    }
    Ok(Exit::Interrupted)
}

/// Submits the request and waits for its answer. `job` is what it became, as soon as it is known.
async fn simulate(
    client: &Client,
    body: String,
    job: &mut Option<JobId>,
    progress: &mut Progress,
) -> anyhow::Result<Answer<Job>> {
    let submitted = submit(client, body).await?;
    let id = submitted.value.job_id.parse().context("failed to read the server's answer")?;
    *job = Some(id);
    wait::until_ended(client, id, progress).await
}

/// Submits, again while the cluster isn't ready yet.
async fn submit(client: &Client, body: String) -> Result<Answer<Submitted>, ClientError> {
    let began = Instant::now();
    loop {
        match client.submit(body.clone()).await {
            Err(error) if error.is_passing() && began.elapsed() < START_MAX => {
                sleep(Duration::from_millis(5)).await;
            }
            answer => return answer,
        }
    }
}
