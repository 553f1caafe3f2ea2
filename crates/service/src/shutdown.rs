//! Ending on a signal.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::notify;

/// A token that is cancelled at the first SIGINT or SIGTERM. At the second one the process ends at once, with the shell's exit code
/// for it, 128 + the signal's number: whoever presses Ctrl-C twice means it.
///
/// # Errors
///
/// When the system lets no handler be installed.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        loop {
            let (name, code) = tokio::select! {
                _ = interrupt.recv() => ("SIGINT", 130),
                _ = terminate.recv() => ("SIGTERM", 143),
            };
            if cancelled.is_cancelled() {
                std::process::exit(code);
            }
            tracing::info!(signal = name, "shutting down");
            notify::stopping();
            cancelled.cancel();
        }
    });
    Ok(token)
}
