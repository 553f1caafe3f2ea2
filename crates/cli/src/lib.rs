//! The command line of carlo. A `main.rs` parses the arguments and calls [`execute`]; all else is
//! here.
//!
//! * [`args`]: the command line as typed.
//! * [`request`]: the file that is submitted. [`profile`]: the servers that somebody uses.
//! * [`client`](mod@client): the REST client. Every command that shows or changes something goes
//!   through it, also those that bring their own cluster.
//! * [`embedded`](mod@embedded): a whole cluster in this process, with the commands [`run`],
//!   [`plans`], [`verify`] and [`up`] on top.
//! * [`commands`], [`batch`], [`keys`], [`tokens`], [`nodes`], [`probe`]: what only talks to a
//!   server.
//! * [`manual`]: completions for shells, and the manual's pages.
//! * [`wait`], [`progress`]: following a job until it ends.
//! * [`render`]: what a person reads, as pure functions. [`output`] and [`exit`]: where it goes,
//!   and how the program ends.
//!
//! # Exit codes
//!
//! | code | meaning |
//! |---|---|
//! | 0 | it worked |
//! | 1 | something failed: no server answers, or the server failed |
//! | 2 | bad input: the arguments, the file, or the request in it |
//! | 3 | the job failed (`run`, `watch`, `submit --wait`), or not all of a batch completed (`batch watch`) |
//! | 4 | the job or batch was cancelled (`run`, `watch`, `submit --wait`, `batch watch`) |
//! | 5 | there is no such job, batch, node or key |
//! | 6 | the answer is not what its request gives (`verify`) |
//! | 7 | refused for want of a good key, or of its rights |
//! | 8 | refused by a limit, a quota or a budget |
//! | 130 | interrupted by SIGINT or SIGTERM |
//!
//! Rules of the model and of the queue don't belong here: the server judges, this crate asks and
//! shows.

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
pub mod up;
pub mod verify;
pub mod wait;

use std::time::Instant;

use anyhow::Context as _;
use carlo_service::telemetry;
use tokio::runtime;

use args::{Arguments, Command};
use exit::Exit;

/// Does what the command line says. Answers go to stdout, all else to stderr. `started` is when the
/// program started.
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
        Command::Jobs(jobs) => client(commands::jobs(jobs)),
        Command::Cluster(cluster) => client(commands::cluster(cluster)),
        Command::Explain(job) => client(commands::explain(job)),
        Command::Batch(batch) => client(batch::batch(batch)),
        Command::Usage(usage) => client(keys::usage(usage)),
        Command::Keys(keys) => client(keys::keys(keys)),
        Command::Tokens(tokens) => client(tokens::tokens(tokens)),
        Command::Tiers(tiers) => client(tokens::tiers(tiers)),
        Command::Nodes(nodes) => client(nodes::nodes(nodes)),
        Command::Probe(probe) => client(probe::probe(probe)),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::pages(&args),
    };
    let exit = exit.unwrap_or_else(|error| exit::report(&error));
    telemetry::flush();
    exit
}

/// Runs a command that only talks to a server: one thread is enough, and it is there sooner.
fn client(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    block_on(runtime::Builder::new_current_thread(), command)
}

/// Runs a command with a cluster in it.
fn embedded(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    block_on(runtime::Builder::new_multi_thread(), command)
}

fn block_on(
    mut builder: runtime::Builder,
    command: impl Future<Output = anyhow::Result<Exit>>,
) -> anyhow::Result<Exit> {
    let runtime = builder.enable_all().build().context("failed to start the runtime")?;
    let exit = runtime.block_on(command);
    // Everything that matters has ended in order; what is left must not keep the terminal waiting.
    runtime.shutdown_background();
    exit
}
