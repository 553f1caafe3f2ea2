//! The commands that use a server.

use anyhow::Context as _;
use carlo_rest::Job;
use carlo_service::{files, shutdown, tls};
use carlo_types::JobId;
use carlo_types::limits::PAGE_SIZE_MAX;
use jiff::Timestamp;
use serde_json::json;

use crate::answer::Answer;
use crate::args::{
    Cluster, JobName, Jobs, ManyJobs, OneJob, PROFILE_VARIABLE, Replay, Report, Reprioritize, Samples,
    Server, Submit, URL_DEFAULT, URL_VARIABLE, WebhookOptions,
};
use crate::client::{Client, JobFilter};
use crate::exit::{self, BadArgument, Exit, say};
use crate::output::{self, StdoutClosed, print, print_json};
use crate::progress::Progress;
use crate::request::Labels;
use crate::{answer, profile, render, request, wait, webhooks};

/// `carlo submit`: prints the id to stdout, for scripts, and further information to stderr.
pub async fn submit(args: Submit) -> anyhow::Result<Exit> {
    let options = WebhookOptions { events: args.webhook_event, secret_file: args.webhook_secret_file };
    let webhook = args.webhook.map(|url| webhooks::body(&url, &options)).transpose()?;
    let labels = Labels { name: args.name, priority: args.priority, webhook };
    let body = request::load_labelled(&args.request, &labels)?;
    let client = connect(&args.server)?;
    let file = request::name(&args.request.file);
    let answer = client.submit(body).await.with_context(|| format!("failed to submit {file}"))?;
    let submitted = &answer.value;
    if args.wait || !args.server.json {
        webhooks::say_made(submitted.webhook.as_ref());
    }
    if !args.wait {
        output::answer(args.server.json, &answer.json, || submitted.job_id.clone())?;
        if !args.server.json {
            let (standing, watch) =
                (render::job::submitted(submitted), hint("watch", &submitted.job_id, &args.server));
            say(&format!("{standing}; {watch} follows it"));
        }
        return Ok(Exit::Ok);
    }
    say(&format!("{} {}", submitted.job_id, render::job::submitted(submitted)));
    let id = submitted.job_id.parse().context("failed to read the server's answer")?;
    follow(&client, id, &args.server, Progress::aside()).await
}

/// `carlo status`
pub async fn status(ManyJobs { ids, server }: ManyJobs) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    each(ids, async |number, name| {
        let id = find(&client, name).await?;
        let answer = client.job(id).await.with_context(|| format!("failed to look at {id}"))?;
        let job = &answer.value;
        if server.json {
            return print_json(&answer.json);
        }
        let gap = if number > 0 { "\n" } else { "" };
        print(&format!("{gap}{}", render::job::job(job, Timestamp::now())))?;
        match &job.results {
            Some(results) => print(&format!("\n{}", render::results::results(job, results, None))),
            None => Ok(()),
        }
    })
    .await
}

/// Does this with each of several items. Failures are reported without ending the loop, and the
/// first one decides the exit code.
pub(crate) async fn each<T>(
    all: Vec<T>,
    with_one: impl AsyncFn(usize, T) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let (mut exit, last) = (Exit::Ok, all.len().saturating_sub(1));
    for (number, one) in all.into_iter().enumerate() {
        if let Err(error) = with_one(number, one).await {
            if error.is::<StdoutClosed>() || number == last && exit == Exit::Ok {
                return Err(error);
            }
            let failed = exit::report(&error);
            exit = if exit == Exit::Ok { failed } else { exit };
        }
    }
    Ok(exit)
}

/// `carlo watch`
pub async fn watch(OneJob { id, server }: OneJob) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    let id = find(&client, id).await?;
    let progress = if server.json { Progress::aside() } else { Progress::watch() };
    follow(&client, id, &server, progress).await
}

/// `carlo cancel`
pub async fn cancel(ManyJobs { ids, server }: ManyJobs) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    each(ids, async |_, name| {
        let id = find(&client, name).await?;
        let answer = client.cancel(id).await.with_context(|| format!("failed to cancel {id}"))?;
        output::answer(server.json, &answer.json, || answer.value.message.clone())
    })
    .await
}

/// `carlo reprioritize`
pub async fn reprioritize(args: Reprioritize) -> anyhow::Result<Exit> {
    let Reprioritize { ids, priority, name, server } = args;
    let client = connect(&server)?;
    each(ids, async |_, job| {
        let id = find(&client, job).await?;
        let answer = client.update(id, priority, name.as_deref()).await;
        let answer = answer.with_context(|| format!("failed to change {id}"))?;
        output::answer(server.json, &answer.json, || {
            let name = answer.value.name.as_ref().map(|name| format!(", {name}")).unwrap_or_default();
            format!("{id}{name}: priority {}", answer.value.priority)
        })
    })
    .await
}

/// `carlo delete`
pub async fn delete(ManyJobs { ids, server }: ManyJobs) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    each(ids, async |_, name| {
        let id = find(&client, name).await?;
        let answer = client.delete(id).await.with_context(|| format!("failed to delete {id}"))?;
        output::answer(server.json, &answer.json, || answer.value.message.clone())
    })
    .await
}

/// `carlo jobs`
pub async fn jobs(args: Jobs) -> anyhow::Result<Exit> {
    let Jobs { all, user, status, name, text, age, sort, page, page_size, server } = args;
    let client = connect(&server)?;
    let now = Timestamp::now();
    // What is older than time itself is no bound.
    let since = age.and_then(|age| now.checked_sub(age).ok()).filter(|since| *since > Timestamp::UNIX_EPOCH);
    let shows_owners = all || user.is_some();
    let list = JobFilter { all, user, status, name, text, since, sort, page, page_size };
    let answer = client.jobs(&list).await.context("failed to list the jobs")?;
    if server.json {
        print_json(&answer.json)?;
    } else {
        print(&render::job::jobs(&answer.value, shows_owners, now))?;
    }
    Ok(Exit::Ok)
}

/// `carlo cluster`
pub async fn cluster(Cluster { server }: Cluster) -> anyhow::Result<Exit> {
    let answer = connect(&server)?.cluster().await.context("failed to look at the cluster")?;
    if server.json {
        print_json(&answer.json)?;
    } else {
        print(&render::cluster::cluster(&answer.value, Timestamp::now()))?;
    }
    Ok(Exit::Ok)
}

/// `carlo replay`
pub async fn replay(Replay { id, index, server }: Replay) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    let id = find(&client, id).await?;
    let answer = client
        .replay(id, index)
        .await
        .with_context(|| format!("failed to replay simulation {index} of {id}"))?;
    output::answer(server.json, &answer.json, || render::replay::replay(&answer.value))?;
    Ok(Exit::Ok)
}

/// `carlo samples`
pub async fn samples(args: Samples) -> anyhow::Result<Exit> {
    let client = connect(&args.server)?;
    let id = find(&client, args.id).await?;
    let failed = || format!("failed to read the simulations of {id}");
    let range = [args.first, args.count];
    let mut answer = client.samples(id, range, args.format.media_type()).await.with_context(failed)?;
    let mut out: Box<dyn std::io::Write> = match &args.output {
        Some(path) => {
            let file = std::fs::File::create(path);
            Box::new(file.with_context(|| format!("failed to write {}", path.display()))?)
        }
        None => Box::new(std::io::stdout()),
    };
    while let Some(bytes) = answer.chunk().await.with_context(failed)? {
        output::write_bytes(&mut out, &bytes)?;
    }
    Ok(Exit::Ok)
}

/// `carlo report`
pub async fn report(Report { id, output, server }: Report) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    let id = find(&client, id).await?;
    let page = client.report(id).await.with_context(|| format!("failed to report {id}"))?;
    let Some(file) = output else {
        let json = || json!({"id": id.to_string(), "html": page}).to_string();
        return output::answer(server.json, &json(), || page.clone()).map(|()| Exit::Ok);
    };
    std::fs::write(&file, &page)
        .with_context(|| format!("failed to write the report to {}", file.display()))?;
    if server.json {
        print_json(&json!({"id": id.to_string(), "file": file, "bytes": page.len()}).to_string())?;
    }
    Ok(Exit::Ok)
}

/// `carlo explain`
pub async fn explain(OneJob { id, server }: OneJob) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    let id = find(&client, id).await?;
    let job = client.job(id).await.with_context(|| format!("failed to look at {id}"))?;
    let cluster = client.cluster().await.context("failed to look at the cluster")?;
    if server.json {
        print_json(&format!(r#"{{"job":{},"cluster":{}}}"#, job.json.trim_end(), cluster.json.trim_end()))?;
    } else {
        print(&render::explain::explain(&job.value, &cluster.value))?;
    }
    Ok(Exit::Ok)
}

/// The server, and the key for it.
pub(crate) fn connect(server: &Server) -> anyhow::Result<Client> {
    let target = profile::target(server)?;
    let authorities = target.ca_file.as_deref().map(tls::authorities).transpose()?;
    let client = Client::trusting(&target.url, authorities.as_deref())?;
    let key = match (target.key, &target.key_file) {
        (Some(key), _) => key,
        (None, Some(file)) => {
            if let Some(exposure) = files::exposure(file) {
                say(&format!("warning: {} holds a secret and {exposure}", file.display()));
            }
            files::read_text(file).map_err(|error| {
                BadArgument(format!("failed to read the key in {}: {error}", file.display()))
            })?
        }
        (None, None) => return Ok(client),
    };
    Ok(client.with_key(key.trim())?)
}

/// Waits for a job that continues if this program ends.
async fn follow(client: &Client, id: JobId, server: &Server, progress: Progress) -> anyhow::Result<Exit> {
    let ended = until_ended(client, id, server, progress).await?;
    ended.map_or(Ok(Exit::Interrupted), |answer| answer::conclude(&answer, server.json, None))
}

/// Waits for a job as [`follow`] does, and returns it; returns `None` after Ctrl-C.
pub(crate) async fn until_ended(
    client: &Client,
    id: JobId,
    server: &Server,
    mut progress: Progress,
) -> anyhow::Result<Option<Answer<Job>>> {
    let interrupt = shutdown::on_signal().context("failed to listen for Ctrl-C")?;
    let ended = tokio::select! {
        ended = wait::as_told(client, id, &mut progress) => Some(ended),
        () = interrupt.cancelled() => None,
    };
    if let Some(ended) = ended {
        return ended.with_context(|| format!("failed to watch {id}")).map(Some);
    }
    progress.clear();
    let [watch, cancel] = ["watch", "cancel"].map(|command| hint(command, &id.to_string(), server));
    say(&format!("{id} continues: {watch} follows it, {cancel} cancels it"));
    Ok(None)
}

/// A command line for the next command with the same server.
pub(crate) fn hint(command: &str, id: &str, Server { url, profile, .. }: &Server) -> String {
    let is_set = |variable, value: &str| std::env::var(variable).is_ok_and(|set| set == value);
    let url = url.as_deref().filter(|url| *url != URL_DEFAULT && !is_set(URL_VARIABLE, url));
    let profile = profile.as_deref().filter(|profile| !is_set(PROFILE_VARIABLE, profile));
    let option = |name: &str, value: Option<&str>| value.map(|value| format!(" --{name} {value}"));
    let server: String = [option("profile", profile), option("url", url)].into_iter().flatten().collect();
    format!("`carlo {command} {id}{server}`")
}

/// The number of jobs on a page, and of pages, that are searched for the beginning of an id.
const FIND_PAGE_SIZE: u32 = PAGE_SIZE_MAX;
const FIND_PAGES_MAX: u32 = 10;

/// No recent job's id has this beginning.
#[derive(Debug, thiserror::Error)]
#[error("there is no such job: none of the newest has an id that begins with {0}")]
pub struct NoSuchJob(String);

/// The id of the job that is named on the command line.
async fn find(client: &Client, name: JobName) -> anyhow::Result<JobId> {
    let prefix = match name {
        JobName::Id(id) => return Ok(id),
        JobName::Prefix(prefix) => prefix,
    };
    let mut found: Vec<String> = Vec::new();
    for page in 1..=FIND_PAGES_MAX {
        let what = || format!("failed to look for {prefix}");
        let list = client.jobs(&JobFilter::page(page, FIND_PAGE_SIZE)).await.with_context(what)?.value;
        found.extend(list.jobs.iter().map(|job| job.id.clone()).filter(|id| id.starts_with(&prefix)));
        if u64::from(page) * u64::from(FIND_PAGE_SIZE) >= list.total {
            break;
        }
    }
    // A job may appear twice, because new jobs move others to the next page.
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [] => Err(NoSuchJob(prefix).into()),
        [only] => only.parse().context("failed to read the server's answer"),
        several => Err(BadArgument(format!("several ids begin with this: {}", several.join(", "))).into()),
    }
}
