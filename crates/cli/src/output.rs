//! Writing answers to stdout, whose reader may leave at any time.

use std::io::{self, Write as _};

use anyhow::Context as _;

use crate::render::visible;

/// Nobody reads stdout any more.
#[derive(Debug, thiserror::Error)]
#[error("stdout is closed")]
pub struct StdoutClosed;

/// Writes `text` and a line end to stdout, and flushes it. Control characters in it are made
/// visible: what a user sent, as the name of a goal say, must not command a terminal.
///
/// # Errors
///
/// [`StdoutClosed`] when nobody reads, or why the system didn't take it.
pub fn print(text: &str) -> anyhow::Result<()> {
    write(&format!("{}\n", visible::lines(text)))
}

/// Writes `text` as it is. For what no user sent.
///
/// # Errors
///
/// As [`print()`].
pub fn write(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(StdoutClosed.into()),
        written => written.context("failed to write to stdout"),
    }
}

/// Writes bytes as they are, to whatever takes them.
///
/// # Errors
///
/// As [`print()`].
pub fn write_bytes(out: &mut impl io::Write, bytes: &[u8]) -> anyhow::Result<()> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(StdoutClosed.into()),
        written => written.context("failed to write"),
    }
}

/// The same for JSON: what is visible there already stays as it is, and what isn't becomes an
/// escape of JSON.
///
/// # Errors
///
/// As [`print()`].
pub fn print_json(json: &str) -> anyhow::Result<()> {
    write_json(&format!("{json}\n"))
}

/// The same without a line end of its own.
///
/// # Errors
///
/// As [`print()`].
pub fn write_json(json: &str) -> anyhow::Result<()> {
    write(&visible::json(json))
}

/// Writes an answer: as JSON where that was asked for, otherwise as text.
///
/// # Errors
///
/// As [`print()`].
pub fn answer(as_json: bool, json: &str, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    if as_json { print_json(json) } else { print(&text()) }
}
