//! The commands that only talk to a server.

use anyhow::Context as _;
use carlo_service::shutdown;
use carlo_types::JobId;
use jiff::Timestamp;

use crate::args::{Cluster, Jobs, OneJob, Submit};
use crate::client::Client;
use crate::exit::{Exit, say};
use crate::output::print;
use crate::progress::Progress;
use crate::{render, request, wait};

/// `carlo submit`: the id on stdout, for scripts; all else that a person wants to know on stderr.
pub async fn submit(args: Submit) -> anyhow::Result<Exit> {
    let body = request::load(&args.request)?;
    let client = Client::new(&args.server.url)?;
    let file = request::name(&args.request.file);
    let answer = client.submit(body).await.with_context(|| format!("failed to submit {file}"))?;
    let submitted = &answer.value;
    if !args.wait {
        print(if args.server.json { &answer.json } else { &submitted.job_id })?;
        if !args.server.json {
            say(&format!(
                "{}; `carlo watch {}` follows it",
                render::job::submitted(submitted),
                submitted.job_id
            ));
        }
        return Ok(Exit::Ok);
    }
    say(&format!("{} {}", submitted.job_id, render::job::submitted(submitted)));
    let id = submitted.job_id.parse().context("failed to read the server's answer")?;
    follow(&client, id, args.server.json, Progress::aside()).await
}

/// `carlo status`
pub async fn status(OneJob { id, server }: OneJob) -> anyhow::Result<Exit> {
    let answer =
        Client::new(&server.url)?.job(id).await.with_context(|| format!("failed to look at {id}"))?;
    let job = &answer.value;
    if server.json {
        print(&answer.json)?;
    } else {
        print(&render::job::job(job, Timestamp::now()))?;
        if let Some(results) = &job.results {
            print(&format!("\n{}", render::results::results(job, results, None)))?;
        }
    }
    Ok(Exit::Ok)
}

/// `carlo watch`
pub async fn watch(OneJob { id, server }: OneJob) -> anyhow::Result<Exit> {
    let client = Client::new(&server.url)?;
    let progress = if server.json { Progress::aside() } else { Progress::watch() };
    follow(&client, id, server.json, progress).await
}

/// `carlo cancel`
pub async fn cancel(OneJob { id, server }: OneJob) -> anyhow::Result<Exit> {
    let answer =
        Client::new(&server.url)?.cancel(id).await.with_context(|| format!("failed to cancel {id}"))?;
    print(if server.json { &answer.json } else { &answer.value.message })?;
    Ok(Exit::Ok)
}

/// `carlo jobs`
pub async fn jobs(args: Jobs) -> anyhow::Result<Exit> {
    let client = Client::new(&args.server.url)?;
    let answer =
        client.jobs(args.status, args.page, args.page_size).await.context("failed to list the jobs")?;
    if args.server.json {
        print(&answer.json)?;
    } else {
        print(&render::job::jobs(&answer.value, Timestamp::now()))?;
    }
    Ok(Exit::Ok)
}

/// `carlo cluster`
pub async fn cluster(Cluster { server }: Cluster) -> anyhow::Result<Exit> {
    let answer = Client::new(&server.url)?.cluster().await.context("failed to look at the cluster")?;
    if server.json {
        print(&answer.json)?;
    } else {
        print(&render::cluster::cluster(&answer.value))?;
    }
    Ok(Exit::Ok)
}

/// Waits for a job that goes on without this program.
async fn follow(client: &Client, id: JobId, json: bool, mut progress: Progress) -> anyhow::Result<Exit> {
    let interrupt = shutdown::on_signal().context("failed to listen for Ctrl-C")?;
    let ended = tokio::select! {
        ended = wait::until_ended(client, id, &mut progress) => Some(ended.with_context(|| format!("failed to watch {id}"))?),
        () = interrupt.cancelled() => None,
    };
    if let Some(answer) = ended {
        return wait::conclude(&answer, json, None);
    }
    progress.clear();
    say(&format!("{id} goes on: `carlo watch {id}` follows it again, `carlo cancel {id}` ends it"));
    Ok(Exit::Interrupted)
}
