//! `carlo up`: runs a cluster on this machine, with its ledger on disk.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use carlo_coordinator::Data;
use carlo_rest::cluster::{Node, NodeStatus};
use carlo_service::shutdown;
use carlo_service::telemetry::{self, LogFormat};
use tokio::time::{sleep, timeout};

use crate::args;
use crate::client::{Client, ClientError};
use crate::embedded::{Embedded, Options};
use crate::exit::{BadArgument, Exit, say};
use crate::output;
use crate::render;

/// How long the worker may take to join.
const START_MAX: Duration = Duration::from_secs(10);
/// The time between two checks whether it has joined.
const START_INTERVAL: Duration = Duration::from_millis(10);

/// The use of the web interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pages {
    /// Not served.
    None,
    /// Served.
    Served,
    /// Served, and opened in a browser.
    Opened,
}

impl Pages {
    fn of(open: bool, no_web: bool) -> Self {
        match (no_web, open) {
            (true, _) => Self::None,
            (false, true) => Self::Opened,
            (false, false) => Self::Served,
        }
    }
}

/// Runs until SIGINT or SIGTERM.
pub async fn up(args: args::Up) -> anyhow::Result<Exit> {
    let directory = match args.data_dir {
        Some(directory) => directory,
        None => default_directory(|name| std::env::var_os(name).map(PathBuf::from))?,
    };
    let directory = std::path::absolute(&directory)
        .with_context(|| format!("failed to find the data directory {}", directory.display()))?;
    let (_telemetry, filter) = telemetry::init(LogFormat::Text, "warn");
    filter?;
    let interrupt = shutdown::on_signal().context("failed to listen for Ctrl-C")?;
    let mut cluster = Embedded::start(Options {
        data: Data::Directory(directory.clone()),
        listen: args.listen,
        coordinator_listen: args.coordinator_listen,
        threads: args.threads,
        web: !args.no_web,
        webhook_reach: args.webhooks.clone().into(),
    })
    .await?;
    let (url, coordinator_url) = (cluster.url().to_owned(), cluster.coordinator_url().to_owned());
    let served = tokio::select! {
        biased;
        error = cluster.failed() => Err(error),
        () = interrupt.cancelled() => Ok(()),
        announced = announce(&url, &coordinator_url, &directory, Pages::of(args.open, args.no_web), args.json) => announced.map(|never| match never {}),
    };
    if served.is_ok() {
        say("stopping: the worker finishes and reports its leases");
    }
    let ended = cluster.shut_down().await;
    served.and(ended).map(|()| Exit::Ok)
}

/// Prints the addresses once the cluster runs, and then waits.
async fn announce(
    url: &str,
    coordinator_url: &str,
    directory: &Path,
    pages: Pages,
    as_json: bool,
) -> anyhow::Result<Infallible> {
    let client = Client::new(url)?;
    let node = timeout(START_MAX, worker(&client))
        .await
        .context("failed to start: the worker has not joined in time")??;
    let has_pages = pages != Pages::None;
    let json = || render::up::json(url, coordinator_url, directory, &node, has_pages);
    let text = || render::up::up(url, coordinator_url, directory, &node, has_pages);
    output::answer(as_json, &json(), text)?;
    if pages == Pages::Opened
        && let Err(error) = open::that_detached(url)
    {
        say(&format!("failed to open a browser: {error}; the pages are at {url}"));
    }
    std::future::pending().await
}

/// Waits until the worker of this cluster has joined.
async fn worker(client: &Client) -> Result<Node, ClientError> {
    loop {
        match client.cluster().await {
            Ok(answer) => {
                let joined = answer.value.nodes.into_iter().find(|node| node.status != NodeStatus::Offline);
                if let Some(node) = joined {
                    return Ok(node);
                }
            }
            Err(error) if error.is_passing() => {}
            Err(error) => return Err(error),
        }
        sleep(START_INTERVAL).await;
    }
}

/// The user's data directory, according to the XDG base directory specification.
fn default_directory(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, BadArgument> {
    // According to the specification, relative paths are ignored.
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/share")))
        .map(|data| data.join("carlo"))
        .ok_or_else(|| {
            BadArgument(
                "failed to find a data directory: HOME is not set; name one with --data-dir".to_owned(),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(variables: &[(&str, &str)]) -> Option<PathBuf> {
        let variable = |name: &str| Some(variables.iter().find(|(named, _)| *named == name)?.1.into());
        default_directory(variable).ok()
    }

    #[test]
    fn data_is_kept_where_the_user_keeps_data() {
        let home = ("HOME", "/home/u");
        assert_eq!(directory(&[("XDG_DATA_HOME", "/data"), home]), Some("/data/carlo".into()));
        assert_eq!(directory(&[("XDG_DATA_HOME", "data"), home]), Some("/home/u/.local/share/carlo".into()));
        assert_eq!(directory(&[home]), Some("/home/u/.local/share/carlo".into()));
        assert_eq!(directory(&[]), None);
    }
}
