//! Output to stdout, which may be closed by its reader at any time.

use std::io::{self, Write as _};

use anyhow::Context as _;

use crate::render::visible;

/// The reader has closed stdout.
#[derive(Debug, thiserror::Error)]
#[error("stdout is closed")]
pub struct StdoutClosed;

/// Writes `text` and a line end to stdout, and flushes it. Control characters are escaped, so that
/// texts of other users, like the name of a goal, can't control the terminal.
///
/// # Errors
///
/// [`StdoutClosed`] if the reader has closed stdout, or another error of the system.
pub fn print(text: &str) -> anyhow::Result<()> {
    write(&format!("{}\n", visible::lines(text)))
}

/// Writes `text` unchanged. Only for texts without content from users.
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

/// Writes bytes unchanged to any writer.
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

/// Like [`print()`] for JSON, in which control characters become JSON's own escapes.
///
/// # Errors
///
/// As [`print()`].
pub fn print_json(json: &str) -> anyhow::Result<()> {
    write_json(&format!("{json}\n"))
}

/// Like [`print_json()`], without adding a line end.
///
/// # Errors
///
/// As [`print()`].
pub fn write_json(json: &str) -> anyhow::Result<()> {
    write(&visible::json(json))
}

/// Writes a response as JSON if `json` is set, otherwise as text.
///
/// # Errors
///
/// As [`print()`].
pub fn answer(as_json: bool, json: &str, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    if as_json { print_json(json) } else { print(&text()) }
}
