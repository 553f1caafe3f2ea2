//! The command line of carlo. `main.rs` only parses the arguments and calls [`execute`].
//!
//! * [`args`]: the arguments. [`request`]: the file of a request. [`profile`]: named servers.
//! * [`client`](mod@client): the REST client. All commands use it, also those with their own
//!   cluster.
//! * [`embedded`](mod@embedded): a whole cluster in this process, for the commands [`run`],
//!   [`plans`], [`sweep`], [`verify`] and [`up`].
//! * [`commands`], [`batch`], [`keys`], [`tokens`], [`nodes`], [`probe`]: commands that use a
//!   server.
//! * [`manual`]: shell completions and manual pages.
//! * [`wait`], [`progress`]: following a job until it ends.
//! * [`render`]: the texts for people, as pure functions. [`output`]: stdout. [`exit`]: exit codes
//!   and errors.
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
//! Rules of the model and of the queue don't belong here. The server applies them; this crate sends
//! requests and shows responses.

pub mod args;
pub mod batch;
pub mod client;
pub mod commands;
pub mod embedded;
pub mod exit;
pub mod keys;
pub mod manual;
pub mod nodes;
pub mod output;
pub mod plans;
pub mod probe;
pub mod profile;
pub mod progress;
pub mod render;
pub mod request;
pub mod run;
pub mod sweep;
pub mod tokens;
pub mod top;
pub mod up;
pub mod verify;
pub mod wait;
pub mod webhooks;

use std::time::Instant;

use anyhow::Context as _;
use carlo_service::telemetry;
use tokio::runtime;

use args::{Arguments, Command};
use exit::Exit;

/// Runs the command. Results go to stdout, everything else to stderr. `started` is the time at
/// which the program started.
pub fn execute(arguments: Arguments, started: Instant) -> Exit {
    let exit = match arguments.command {
        Command::Run(run) => embedded(run::run(run, started)),
        Command::Replay(replay) => client(commands::replay(replay)),
        Command::Samples(samples) => client(commands::samples(samples)),
        Command::Report(report) => client(commands::report(report)),
        Command::Compare(compare) => embedded(plans::compare(compare)),
        Command::Solve(solve) => embedded(plans::solve(solve)),
        Command::Sweep(sweep) => embedded(sweep::sweep(sweep)),
        Command::Verify(verify) => embedded(verify::verify(verify)),
        Command::Up(up) => embedded(up::up(up)),
        Command::Submit(submit) => client(commands::submit(submit)),
        Command::Status(job) => client(commands::status(job)),
        Command::Watch(job) => client(commands::watch(job)),
        Command::Cancel(job) => client(commands::cancel(job)),
        Command::Reprioritize(args) => client(commands::reprioritize(args)),
        Command::Delete(jobs) => client(commands::delete(jobs)),
        Command::Jobs(jobs) => client(commands::jobs(jobs)),
        Command::Cluster(cluster) => client(commands::cluster(cluster)),
        Command::Top(top) => client(top::top(top)),
        Command::Explain(job) => client(commands::explain(job)),
        Command::Batch(batch) => client(batch::batch(batch)),
        Command::Usage(usage) => client(keys::usage(usage)),
        Command::Keys(keys) => client(keys::keys(keys)),
        Command::Audit(audit) => client(keys::audit(audit)),
        Command::Tokens(tokens) => client(tokens::tokens(tokens)),
        Command::Tiers(tiers) => client(tokens::tiers(tiers)),
        Command::Webhooks(webhooks) => client(webhooks::webhooks(webhooks)),
        Command::Nodes(nodes) => client(nodes::nodes(nodes)),
        Command::Probe(probe) => client(probe::probe(probe)),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::pages(&args),
    };
    let exit = exit.unwrap_or_else(|error| exit::report(&error));
    telemetry::flush();
    exit
}

/// Runs a command that uses a server. One thread is enough and starts faster.
fn client(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    block_on(runtime::Builder::new_current_thread(), command)
}

/// Runs a command with an embedded cluster.
fn embedded(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    block_on(runtime::Builder::new_multi_thread(), command)
}

fn block_on(
    mut builder: runtime::Builder,
    command: impl Future<Output = anyhow::Result<Exit>>,
) -> anyhow::Result<Exit> {
    let runtime = builder.enable_all().build().context("failed to start the runtime")?;
    let exit = runtime.block_on(command);
    // The cluster has been stopped in order; remaining tasks must not delay the end of the program.
    runtime.shutdown_background();
    exit
}
