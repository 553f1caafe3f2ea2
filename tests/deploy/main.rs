//! Tests of `deploy/`: each file is read by the program that it is for.
//!
//! * [`systemd`]: the units and their files of options.
//! * [`kubernetes`]: the manifests, and the recipe for Slurm.
//! * [`guide`]: the operator's guide.
//! * [`monitoring`]: the alerts and the dashboard.
//!
//! The image and the compose files have `tests/compose`.

mod guide;
mod kubernetes;
mod monitoring;
mod systemd;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// A file of the repository, by its path within it.
fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Runs a program that must succeed. Returns its stdout followed by its stderr.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("failed to start {command:?}"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    ensure!(output.status.success(), "{command:?} failed, {}:\n{text}", output.status);
    Ok(text)
}

/// The help of a program as one line, because the line breaks depend on the terminal.
fn help(program: &str) -> anyhow::Result<String> {
    let help = output(Command::new(carlo_tests::binary(program)?).arg("--help"))?;
    Ok(help.split_whitespace().collect::<Vec<_>>().join(" "))
}
