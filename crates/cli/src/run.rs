//! `carlo run`: computes one request with a temporary cluster in this process. Other commands that
//! compute without a server use [`here`], too.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use carlo_coordinator::Data;
use carlo_gateway::ANSWER_WAIT;
use carlo_rest::Job;
use carlo_service::telemetry::{self, LogFormat};
use carlo_service::{CancellationToken, shutdown};
use carlo_types::JobId;
use carlo_webhooks::Reach;
use tokio::time::{sleep, timeout};

use crate::args;
use crate::client::{ApiResponse, Client, ClientError, JobFilter};
use crate::embedded::{ANY_PORT, Embedded, Options};
use crate::exit::{Exit, say};
use crate::progress::Progress;
use crate::{request, wait};

/// How long the cluster may take until it accepts a job.
const START_MAX: Duration = Duration::from_secs(5);
/// The time between two attempts to find the job of a call.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long the cancellation may take after Ctrl-C.
const CANCEL_MAX: Duration = Duration::from_secs(1);

/// Simulates the request and prints the results.
pub async fn run(args: args::Run, started: Instant) -> anyhow::Result<Exit> {
    let body = request::load(&args.request)?;
    let answer = here(Submission::Job(body), args.threads)
        .await
        .with_context(|| format!("failed to run {}", request::name(&args.request.file)))?;
    answer.map_or(Ok(Exit::Interrupted), |answer| wait::conclude(&answer, args.json, Some(started.elapsed())))
}

/// A call that runs a job, with its body.
#[derive(Debug)]
pub enum Submission {
    /// `POST /api/jobs`
    Job(String),
    /// `POST /api/compare`
    Compare(String),
    /// `POST /api/solve`
    Solve(String),
    /// `POST /api/sweep`
    Sweep(String),
}

/// Runs a job with a cluster in this process with this number of threads. Returns the ended job;
/// `None` after Ctrl-C.
pub async fn here(
    submission: Submission,
    threads: Option<NonZeroUsize>,
) -> anyhow::Result<Option<ApiResponse<Job>>> {
    let options = private(threads);
    with_cluster(options, async |client, interrupt| answer(client, &submission, interrupt).await).await
}

/// The options of a cluster for one command.
fn private(threads: Option<NonZeroUsize>) -> Options {
    Options {
        data: Data::Temporary,
        listen: ANY_PORT,
        coordinator_listen: ANY_PORT,
        threads,
        web: false,
        is_private: true,
        answer_wait: ANSWER_WAIT,
        webhook_reach: Reach::default(),
    }
}

/// Runs `ask` with a cluster in this process, which ends afterwards.
async fn with_cluster<T>(
    options: Options,
    ask: impl AsyncFnOnce(&Client, &CancellationToken) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let (_telemetry, filter) = telemetry::init(LogFormat::Text, "error");
    filter?;
    let interrupt = shutdown::on_signal().context("failed to listen for Ctrl-C")?;
    let mut cluster = Embedded::start(options).await?;
    let client = Client::new(cluster.url())?;
    let answer = tokio::select! {
        // If a daemon has ended, its error explains the error of the client.
        biased;
        error = cluster.failed() => Err(error),
        answer = ask(&client, &interrupt) => answer,
    };
    // Errors at the end of the cluster don't change the result.
    let ended = cluster.shut_down().await;
    if let Err(error) = ended {
        tracing::warn!("{error:#}");
    }
    answer
}

async fn answer(
    client: &Client,
    submission: &Submission,
    interrupt: &CancellationToken,
) -> anyhow::Result<Option<ApiResponse<Job>>> {
    let (mut job, mut progress) = (None, Progress::aside());
    tokio::select! {
        ended = simulate(client, submission, &mut job, &mut progress) => return ended.map(Some),
        () = interrupt.cancelled() => {}
    }
    progress.clear();
    say("interrupted: there are no results");
    if let Some(id) = job {
        // If the job can't be cancelled, it ends with this process.
        let _ = timeout(CANCEL_MAX, client.cancel(id)).await;
    }
    Ok(None)
}

/// Submits the job and waits for its end. `job` is set to the id of the job as soon as it is known.
async fn simulate(
    client: &Client,
    submission: &Submission,
    job: &mut Option<JobId>,
    progress: &mut Progress,
) -> anyhow::Result<ApiResponse<Job>> {
    match submission {
        Submission::Job(body) | Submission::Sweep(body) => {
            let submit = async || match submission {
                Submission::Sweep(_) => client.sweep(body.clone()).await,
                _ => client.submit(body.clone()).await,
            };
            let submitted = once_ready(submit).await?.value;
            let id = submitted.job_id.parse().context("failed to read the server's answer")?;
            *job = Some(id);
            wait::until_ended(client, id, progress).await
        }
        Submission::Compare(body) => {
            let call = once_ready(async || client.compare(body.clone()).await);
            beneath(client, async { call.await.map(drop) }, job, progress).await
        }
        Submission::Solve(body) => {
            let call = once_ready(async || client.solve(body.clone()).await);
            beneath(client, async { call.await.map(drop) }, job, progress).await
        }
    }
}

/// Follows the job of a call, which is the only job of the cluster. The server ends the call after
/// half a minute, and the job continues. If the call were dropped before that, the job would be
/// cancelled.
async fn beneath(
    client: &Client,
    call: impl Future<Output = Result<(), ClientError>>,
    job: &mut Option<JobId>,
    progress: &mut Progress,
) -> anyhow::Result<ApiResponse<Job>> {
    let mut call = std::pin::pin!(call);
    let mut ended: Option<Result<(), ClientError>> = None;
    let id = loop {
        let list = JobFilter::page(1, 1);
        let newest = client.jobs(&list);
        if let Some(found) = newest.await.ok().and_then(|answer| answer.value.jobs.into_iter().next()) {
            break found.id.parse().context("failed to read the server's answer")?;
        }
        match ended {
            Some(Err(refused)) => return Err(refused.into()),
            Some(Ok(())) => anyhow::bail!("failed to find the job of an answer"),
            None => tokio::select! {
                answer = &mut call => ended = Some(answer),
                () = sleep(LOOK_EVERY) => {}
            },
        }
    };
    *job = Some(id);
    let follow = wait::until_ended(client, id, progress);
    let mut follow = std::pin::pin!(follow);
    loop {
        tokio::select! {
            answer = &mut follow => return answer,
            _ = &mut call, if ended.is_none() => ended = Some(Ok(())),
        }
    }
}

/// Makes a call, and repeats it while the cluster isn't ready yet.
async fn once_ready<T>(
    call: impl AsyncFn() -> Result<ApiResponse<T>, ClientError>,
) -> Result<ApiResponse<T>, ClientError> {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(simulations: u64) -> Value {
        json!({
            "financialProfile": {"liquidAssets": 1_000, "monthlySpending": 1_000},
            "userInputs": {"monthlyIncome": 1_100},
            "goal": {"targetAmount": 1_100, "timelineMonths": 1},
            "simulationParams": {"nSimulations": simulations, "seed": "7"},
        })
    }

    /// The call beneath ends after a millisecond, and a server that others use takes no more than
    /// ten million simulations in one.
    #[tokio::test(flavor = "multi_thread")]
    async fn an_answer_is_waited_for_longer_than_a_call_takes() {
        let compared = json!({"requests": [request(10_000_001), request(10_000_001)]});
        let solved = json!({"request": request(200_000), "for": "maxTarget", "probability": 0.9});
        for submission in [Submission::Compare(compared.to_string()), Submission::Solve(solved.to_string())] {
            let options = Options { answer_wait: Duration::from_millis(1), ..private(None) };
            let ask = async |client: &Client, interrupt: &CancellationToken| {
                answer(client, &submission, interrupt).await
            };
            let job = with_cluster(options, ask).await.unwrap().expect("nobody interrupts it").value;
            let results = job.results.expect("it is complete");
            match submission {
                Submission::Compare(_) => assert_eq!(results.simulations_run, 10_000_001),
                _ => assert!(results.solution.is_some_and(|solution| solution.value.is_some())),
            }
        }
    }
}
