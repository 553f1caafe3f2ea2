//! `carlo completions` and `carlo man`: shell completions and manual pages.

use anyhow::Context as _;
use clap::CommandFactory as _;
use serde_json::json;

use crate::args::{Arguments, Completions, Man};
use crate::exit::Exit;
use crate::output;

/// `carlo completions`: the script on stdout.
pub fn completions(args: &Completions) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "carlo", &mut script);
    let script = String::from_utf8(script).context("failed to write the completions")?;
    if args.json {
        output::print_json(&json!({"shell": args.shell.to_string(), "script": script}).to_string())?;
    } else {
        // The script may contain control characters, which must not be escaped.
        output::write(&script)?;
    }
    Ok(Exit::Ok)
}

/// `carlo man`: `carlo.1`, and a page for each command.
pub fn pages(args: &Man) -> anyhow::Result<Exit> {
    let directory = &args.directory;
    let what = || format!("failed to write the manual to {}", directory.display());
    std::fs::create_dir_all(directory).with_context(what)?;
    clap_mangen::generate_to(Arguments::command(), directory).with_context(what)?;
    if args.json {
        let files = std::fs::read_dir(directory).with_context(what)?;
        let names = files.filter_map(|file| Some(file.ok()?.file_name().to_string_lossy().into_owned()));
        let mut pages: Vec<_> = names.filter(|name| name.starts_with("carlo")).collect();
        pages.sort_unstable();
        output::print_json(&json!({"directory": directory, "pages": pages}).to_string())?;
    }
    Ok(Exit::Ok)
}
