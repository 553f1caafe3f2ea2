//! The command line of carlo. `main.rs` only parses the arguments and calls [`execute`].
//!
//! * [`args`]: the arguments. [`request`]: the file of a request.
//! * [`local`]: jobs that are computed in this process, for [`run`] and [`verify`].
//! * [`manual`]: shell completions and manual pages.
//! * [`progress`]: the progress of a running job. [`answer`]: its outcome.
//! * [`render`]: the texts for people, as pure functions. [`output`]: stdout. [`exit`]: exit codes
//!   and errors.
//!
//! The feature `cluster`, which is on by default, adds everything that has to do with servers. It
//! takes most of the time of a build.
//!
//! * `plans`, `sweep`: analyses of several plans, computed in this process or by a server.
//! * `embedded`: a whole cluster in this process, for `up`.
//! * `client`: the REST client. `profile`: named servers. `wait`: following a job until it ends.
//! * `commands`, `batch`, `keys`, `tokens`, `nodes`, `webhooks`, `top`, `probe`: commands that use a
//!   server.
//!
//! # Exit codes
//!
//! | code | meaning |
//! |---|---|
//! | 0 | success |
//! | 1 | something failed: no server can be reached, or the server failed |
//! | 2 | bad input: the arguments, the file, or the request in it |
//! | 3 | the job failed (`run`, `watch`, `submit --wait`), or not all of a batch completed (`batch watch`) |
//! | 4 | the job or batch was cancelled (`run`, `watch`, `submit --wait`, `batch watch`) |
//! | 5 | there is no such job, batch, node or key |
//! | 6 | the results differ from those of their request (`verify`) |
//! | 7 | the key is missing, unknown, or lacks the necessary role |
//! | 8 | refused because of a limit, a quota or a budget |
//! | 130 | interrupted by SIGINT or SIGTERM |
//!
//! Rules of the model and of the queue don't belong here. The server or `carlo_local` applies them;
//! this crate makes requests and shows answers.

pub mod answer;
pub mod args;
pub mod exit;
pub mod local;
pub mod manual;
pub mod output;
pub mod progress;
pub mod render;
pub mod request;
pub mod run;
pub mod verify;

#[cfg(feature = "cluster")]
pub mod batch;
#[cfg(feature = "cluster")]
pub mod client;
#[cfg(feature = "cluster")]
pub mod commands;
#[cfg(feature = "cluster")]
pub mod embedded;
#[cfg(feature = "cluster")]
pub mod keys;
#[cfg(feature = "cluster")]
pub mod nodes;
#[cfg(feature = "cluster")]
pub mod plans;
#[cfg(feature = "cluster")]
pub mod probe;
#[cfg(feature = "cluster")]
pub mod profile;
#[cfg(feature = "cluster")]
pub mod sweep;
#[cfg(feature = "cluster")]
pub mod tokens;
#[cfg(feature = "cluster")]
pub mod top;
#[cfg(feature = "cluster")]
pub mod up;
#[cfg(feature = "cluster")]
pub mod wait;
#[cfg(feature = "cluster")]
pub mod webhooks;

use std::time::Instant;

use anyhow::Context as _;
use carlo_service::stderr;
use tokio::runtime;

#[cfg(feature = "cluster")]
use args::ClusterCommand;
use args::{Arguments, Command};
use exit::Exit;

/// Runs the command. Results go to stdout, everything else to stderr. `started` is the time at
/// which the program started.
pub fn execute(arguments: Arguments, started: Instant) -> Exit {
    let exit = match arguments.command {
        Command::Run(run) => block_on(run::run(run, started)),
        Command::Verify(verify) => block_on(verify::verify(verify)),
        #[cfg(feature = "cluster")]
        Command::WithCluster(command) => with_cluster(*command),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::pages(&args),
    };
    let exit = exit.unwrap_or_else(|error| exit::report(&error));
    stderr::flush();
    exit
}

/// Runs a command that starts a cluster or uses a server, or may.
#[cfg(feature = "cluster")]
fn with_cluster(command: ClusterCommand) -> anyhow::Result<Exit> {
    match command {
        ClusterCommand::Replay(replay) => block_on(commands::replay(replay)),
        ClusterCommand::Samples(samples) => block_on(commands::samples(samples)),
        ClusterCommand::Report(report) => block_on(commands::report(report)),
        ClusterCommand::Compare(compare) => block_on(plans::compare(compare)),
        ClusterCommand::Solve(solve) => block_on(plans::solve(solve)),
        ClusterCommand::Sweep(sweep) => block_on(sweep::sweep(sweep)),
        ClusterCommand::Up(up) => block_on_all_cores(up::up(up)),
        ClusterCommand::Submit(submit) => block_on(commands::submit(submit)),
        ClusterCommand::Status(job) => block_on(commands::status(job)),
        ClusterCommand::Watch(job) => block_on(commands::watch(job)),
        ClusterCommand::Cancel(job) => block_on(commands::cancel(job)),
        ClusterCommand::Reprioritize(args) => block_on(commands::reprioritize(args)),
        ClusterCommand::Delete(jobs) => block_on(commands::delete(jobs)),
        ClusterCommand::Jobs(jobs) => block_on(commands::jobs(jobs)),
        ClusterCommand::Cluster(cluster) => block_on(commands::cluster(cluster)),
        ClusterCommand::Top(top) => block_on(top::top(top)),
        ClusterCommand::Explain(job) => block_on(commands::explain(job)),
        ClusterCommand::Batch(batch) => block_on(batch::batch(batch)),
        ClusterCommand::Usage(usage) => block_on(keys::usage(usage)),
        ClusterCommand::Keys(keys) => block_on(keys::keys(keys)),
        ClusterCommand::Audit(audit) => block_on(keys::audit(audit)),
        ClusterCommand::Tokens(tokens) => block_on(tokens::tokens(tokens)),
        ClusterCommand::Tiers(tiers) => block_on(tokens::tiers(tiers)),
        ClusterCommand::Webhooks(webhooks) => block_on(webhooks::webhooks(webhooks)),
        ClusterCommand::Nodes(nodes) => block_on(nodes::nodes(nodes)),
        ClusterCommand::Probe(probe) => block_on(probe::probe(probe)),
    }
}

/// Runs a command. One thread waits for everything, and starts faster than several.
fn block_on(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    block_on_runtime(runtime::Builder::new_current_thread(), command)
}

/// Runs a command with a cluster in this process.
#[cfg(feature = "cluster")]
fn block_on_all_cores(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    block_on_runtime(runtime::Builder::new_multi_thread(), command)
}

fn block_on_runtime(
    mut builder: runtime::Builder,
    command: impl Future<Output = anyhow::Result<Exit>>,
) -> anyhow::Result<Exit> {
    let runtime = builder.enable_all().build().context("failed to start the runtime")?;
    let exit = runtime.block_on(command);
    // The cluster has been stopped in order; remaining tasks must not delay the end of the program.
    runtime.shutdown_background();
    exit
}
