//! The operator's guide: runs all blocks of commands in order, and checks that all options of all
//! daemons are in it.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::process::Command;

use anyhow::{Context as _, ensure};
use carlo_tests::binary;

use crate::{output, repository};

/// The blocks of commands with their names, which are in the comments above them.
fn blocks(guide: &str) -> anyhow::Result<Vec<(&str, &str)>> {
    let mut blocks = Vec::new();
    for (before, rest) in guide.match_indices("```sh\n").map(|(at, fence)| guide.split_at(at + fence.len())) {
        let (block, _) = rest.split_once("\n```").context("a block has an end")?;
        let mark = before.trim_end_matches("```sh\n").lines().last().unwrap_or_default();
        let name = mark.strip_prefix("<!-- run: ").and_then(|mark| mark.strip_suffix(" -->"));
        blocks.push((name.with_context(|| format!("a block without a name:\n{block}"))?, block));
    }
    Ok(blocks)
}

/// A port that is free at the moment.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

#[test]
fn the_guides_commands_work_one_after_the_other() -> anyhow::Result<()> {
    let guide = fs::read_to_string(repository("deploy/README.md"))?;
    let blocks = blocks(&guide)?;
    ensure!(blocks.len() >= 9, "only {} blocks", blocks.len());
    let directory = tempfile::tempdir()?;
    let examples = directory.path().join("deploy/examples");
    fs::create_dir_all(&examples)?;
    fs::copy(repository("deploy/examples/house_deposit.json"), examples.join("house_deposit.json"))?;

    // Nothing is left running after a failure.
    let mut script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for (name, block) in blocks {
        for line in [&*format!("echo '--- {name}'"), block] {
            script.push_str(line);
            script.push('\n');
        }
    }
    script += "echo '--- done'\n";
    let script = script.replace("7070", &free_port()?.to_string()).replace("3001", &free_port()?.to_string());
    let programs = binary("carlo")?;
    let programs = programs.parent().context("a program is in a directory")?;
    let path = format!("{}:{}", programs.display(), std::env::var("PATH")?);
    let said = output(
        Command::new("timeout")
            .args(["60", "bash", "-c", &script])
            .current_dir(directory.path())
            .env("PATH", path)
            .env("CARLO_THREADS", "1"),
    )?;
    for expected in ["--- done", "Probability of $70,000 or more", "attic gets work again"] {
        ensure!(said.contains(expected), "no {expected:?} in:\n{said}");
    }
    Ok(())
}

#[test]
fn every_option_is_in_the_guide_and_no_other() -> anyhow::Result<()> {
    let guide = fs::read_to_string(repository("deploy/README.md"))?;
    let (_, table) = guide.split_once("## All options").context("the guide lists all options")?;
    let options = |text: &str| -> BTreeSet<String> {
        let is_name = |character: char| character.is_ascii_lowercase() || character == '-';
        let words = text.split(|character: char| !is_name(character));
        words
            .filter(|word| word.starts_with("--") && !word.trim_start_matches('-').is_empty())
            .map(str::to_owned)
            .collect()
    };
    let mut known = BTreeSet::new();
    for daemon in ["carlo-coordinator", "carlo-gateway", "carlo-worker"] {
        let help = output(Command::new(binary(daemon)?).arg("--help"))?;
        let own: Vec<_> = help.lines().map(str::trim_start).filter(|line| line.starts_with('-')).collect();
        known.extend(options(&own.join("\n")));
    }
    for usual in ["--help", "--version"] {
        known.remove(usual);
    }
    let mut listed = options(table);
    listed.remove("--help");
    ensure!(listed == known, "listed only: {:?}; missing: {:?}", &listed - &known, &known - &listed);
    Ok(())
}
