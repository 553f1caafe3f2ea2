//! `carlo batch`: submits, lists, follows and cancels batches.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use carlo_rest::Batch;
use carlo_rest::batch::BatchStatus;
use carlo_service::shutdown;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::args::{self, BatchAction, OneBatch, Server};
use crate::client::{ApiResponse, Client, ClientError};
use crate::commands::{connect, hint};
use crate::exit::{Exit, say};
use crate::output::{self, print};
use crate::render;
use crate::request::{self, RequestError};
use crate::wait::Connection;

/// How long a server may be unreachable, or refuse calls because of limits, before the wait for a
/// batch ends.
const AWAY_MAX: Duration = Duration::from_mins(2);
/// The time between two attempts in that case.
const AWAY_EVERY: Duration = Duration::from_secs(2);

/// `carlo batch`
pub async fn batch(args::Batch { action, server }: args::Batch) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    match action {
        BatchAction::Submit { file } => submit(&client, &file, &server).await,
        BatchAction::List { page } => {
            let answer = client.batches(page).await.context("failed to list the batches")?;
            let text = || render::batch::batches(&answer.value, Timestamp::now());
            output::answer(server.json, &answer.json, text)?;
            Ok(Exit::Ok)
        }
        BatchAction::Status(OneBatch { id }) => {
            let answer = client.batch(&id, false).await.with_context(|| format!("failed to look at {id}"))?;
            show(&answer, server.json)
        }
        BatchAction::Watch(OneBatch { id }) => watch(&client, &id, &server).await,
        BatchAction::Results(OneBatch { id }) => results(&client, &id).await,
        BatchAction::Cancel { batch: OneBatch { id }, reason, keep_running } => {
            let answer = client.cancel_batch(&id, reason.as_deref(), !keep_running).await;
            show(&answer.with_context(|| format!("failed to cancel {id}"))?, server.json)
        }
    }
}

fn show(answer: &ApiResponse<Batch>, json: bool) -> anyhow::Result<Exit> {
    let text = || render::batch::batch(&answer.value, Timestamp::now());
    output::answer(json, &answer.json, text)?;
    Ok(Exit::Ok)
}

async fn submit(client: &Client, file: &Path, server: &Server) -> anyhow::Result<Exit> {
    let bytes = request::read(file)?;
    let text: Box<serde_json::value::RawValue> = serde_json::from_slice(&bytes)
        .map_err(|source| RequestError::NotJson { file: file.to_owned(), source })?;
    let name = request::name(file);
    let answer = client.submit_batch(text.get().to_owned()).await;
    let answer = answer.with_context(|| format!("failed to submit {name}"))?;
    let batch = &answer.value;
    output::answer(server.json, &answer.json, || batch.batch_id.clone())?;
    if !server.json {
        let watch = hint("batch watch", &batch.batch_id, server);
        say(&format!("{}; {watch} follows it", render::batch::submitted(batch)));
    }
    Ok(Exit::Ok)
}

async fn watch(client: &Client, id: &str, server: &Server) -> anyhow::Result<Exit> {
    let interrupt = shutdown::on_signal().context("failed to listen for Ctrl-C")?;
    let ended = tokio::select! {
        ended = until_ended(client, id, server.json) => Some(ended),
        () = interrupt.cancelled() => None,
    };
    let Some(ended) = ended else {
        say(&format!("{id} goes on: {} follows it again", hint("batch watch", id, server)));
        return Ok(Exit::Interrupted);
    };
    let answer = ended.with_context(|| format!("failed to watch {id}"))?;
    show(&answer, server.json)?;
    Ok(match answer.value.status {
        BatchStatus::Cancelled => Exit::JobCancelled,
        BatchStatus::Partial | BatchStatus::Failed => Exit::JobFailed,
        BatchStatus::Pending | BatchStatus::Running | BatchStatus::Completed => Exit::Ok,
    })
}

async fn until_ended(client: &Client, id: &str, quiet: bool) -> anyhow::Result<ApiResponse<Batch>> {
    let (mut first, mut last, mut heard) = (true, String::new(), Instant::now());
    let mut connection = Connection::default();
    loop {
        let answer = client.batch(id, !first).await;
        if answer.is_ok() {
            connection.is_there();
        }
        match answer {
            Ok(answer) if answer.value.status.has_ended() => return Ok(answer),
            Ok(answer) => {
                (first, heard) = (false, Instant::now());
                let line = render::batch::progress(&answer.value);
                if !quiet && line != last {
                    print(&line)?;
                    last = line;
                }
            }
            Err(error) if may_pass(&error) && heard.elapsed() < AWAY_MAX => {
                connection.is_lost(&error);
                sleep(error.retry_after().unwrap_or(AWAY_EVERY).clamp(AWAY_EVERY, AWAY_MAX)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether the same call may succeed later, including calls that were refused because of a rate
/// limit.
fn may_pass(error: &ClientError) -> bool {
    let limited =
        matches!(error, ClientError::Refused(refusal) if refusal.problem.kind.ends_with("/rate-limited"));
    limited || error.is_passing()
}

/// Prints every line as soon as it arrives.
async fn results(client: &Client, id: &str) -> anyhow::Result<Exit> {
    let what = || format!("failed to read the results of {id}");
    let mut results = client.batch_results(id).await.with_context(what)?;
    // Only whole lines, because a character may arrive in two parts.
    let mut unread = Vec::new();
    while let Some(bytes) = results.next().await.with_context(what)? {
        unread.extend_from_slice(&bytes);
        let Some(end) = unread.iter().rposition(|byte| *byte == b'\n') else { continue };
        let lines: Vec<u8> = unread.drain(..=end).collect();
        output::write_json(&String::from_utf8_lossy(&lines))?;
    }
    output::write_json(&String::from_utf8_lossy(&unread))?;
    Ok(Exit::Ok)
}
