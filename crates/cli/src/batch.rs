//! `carlo batch`: submits, lists, follows and cancels batches.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use carlo_rest::Batch;
use carlo_rest::batch::BatchStatus;
use carlo_service::shutdown;
use jiff::Timestamp;

use crate::answer::Answer;
use crate::args::{self, BatchAction, OneBatch, Server};
use crate::client::{Client, ClientError};
use crate::commands::{connect, hint};
use crate::exit::{Exit, say};
use crate::output::{self, print};
use crate::render::{self, width};
use crate::request::{self, RequestError};
use crate::wait::{self, Patience};
use crate::webhooks;

/// How long a server may be unreachable, or refuse calls because of limits, before the wait for a
/// batch ends, and the shortest time between two attempts.
const PATIENCE: Patience =
    Patience { away_max: Duration::from_mins(2), every: Duration::from_millis(500), passes: may_pass };

/// `carlo batch`
pub async fn batch(args::Batch { action, server }: args::Batch) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    match action {
        BatchAction::Submit { file } => submit(&client, &file, &server).await,
        BatchAction::List { all, user, page } => {
            let answer = client.batches(all, user.as_deref(), page).await;
            let answer = answer.context("failed to list the batches")?;
            let shows_owners = all || user.is_some();
            let text = || render::batch::batches(&answer.value, shows_owners, Timestamp::now());
            output::answer(server.json, &answer.json, text)?;
            Ok(Exit::Ok)
        }
        BatchAction::Status(OneBatch { id }) => {
            let answer = client.batch(&id).await.with_context(|| format!("failed to look at {id}"))?;
            show(&answer, server.json)
        }
        BatchAction::Watch(OneBatch { id }) => watch(&client, &id, &server).await,
        BatchAction::Results(OneBatch { id }) => results(&client, &id).await,
        BatchAction::Delete(OneBatch { id }) => {
            let answer = client.delete_batch(&id).await.with_context(|| format!("failed to delete {id}"))?;
            output::answer(server.json, &answer.json, || answer.value.message.clone())?;
            Ok(Exit::Ok)
        }
        BatchAction::Cancel { batch: OneBatch { id }, reason, keep_running } => {
            let answer = client.cancel_batch(&id, reason.as_deref(), !keep_running).await;
            show(&answer.with_context(|| format!("failed to cancel {id}"))?, server.json)
        }
    }
}

fn show(answer: &Answer<Batch>, json: bool) -> anyhow::Result<Exit> {
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
        webhooks::say_made(batch.webhook.as_ref());
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
        say(&format!("{id} continues: {} follows it", hint("batch watch", id, server)));
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

async fn until_ended(client: &Client, id: &str, quiet: bool) -> anyhow::Result<Answer<Batch>> {
    let mut last = String::new();
    let hear = |heard: Option<&Batch>| {
        let Some(batch) = heard else { return Ok(false) };
        let line = render::batch::progress(batch);
        // A batch that is cancelled may still have running jobs.
        let is_last = batch.completed_at.is_some();
        if !quiet && !is_last && line != last {
            print(&width::fitted(&line))?;
            last = line;
        }
        Ok(is_last)
    };
    wait::follow(async |last| client.batch_events(id, last).await, PATIENCE, hear).await
}

/// Whether the same call may succeed later, including calls that were refused because of a rate
/// limit.
fn may_pass(error: &ClientError) -> bool {
    let limited =
        matches!(error, ClientError::Refused(response) if response.problem.kind.ends_with("/rate-limited"));
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
