//! Writing answers to stdout, whose reader may leave at any time.

use std::io::{self, Write as _};

use anyhow::Context as _;

/// Nobody reads stdout any more.
#[derive(Debug, thiserror::Error)]
#[error("stdout is closed")]
pub struct StdoutClosed;

/// Writes `text` and a line end to stdout, and flushes it.
///
/// # Errors
///
/// [`StdoutClosed`] when nobody reads, or why the system didn't take it.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(StdoutClosed.into()),
        written => written.context("failed to write to stdout"),
    }
}
