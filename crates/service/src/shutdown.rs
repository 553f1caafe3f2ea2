//! Signals: SIGINT and SIGTERM end a daemon, SIGHUP makes it read its files again.

use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::notify;

/// Exit codes of a second signal, as shells say them: 128 + the signal's number.
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

/// What a daemon must heed.
#[derive(Debug, Clone)]
pub struct Signals {
    /// Cancelled at SIGINT and SIGTERM.
    pub shutdown: CancellationToken,
    /// Told at SIGHUP.
    pub reload: Reload,
}

/// Requests to read files again: certificates, authorities, tokens, tiers.
#[derive(Debug, Clone)]
pub struct Reload(watch::Receiver<u64>);

impl Reload {
    /// Nobody ever asks.
    pub fn never() -> Self {
        Self(watch::channel(0).1)
    }

    /// Waits for the next request. Requests since the last one count as one.
    pub async fn requested(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A token that is cancelled at the first SIGINT or SIGTERM. At the second one the process ends at
/// once, with the shell's exit code for it: whoever presses Ctrl-C twice means it.
///
/// # Errors
///
/// When the system lets no handler be installed.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    tokio::spawn(end(Ends::new()?, token.clone()));
    Ok(token)
}

/// The same for a daemon, which reads its files again at SIGHUP.
///
/// # Errors
///
/// When the system lets no handler be installed.
pub fn signals() -> std::io::Result<Signals> {
    let mut hangup = signal(SignalKind::hangup())?;
    let (sender, requests) = watch::channel(0_u64);
    let shutdown = on_signal()?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            sender.send_modify(|count| *count += 1);
            tracing::info!(signal = "SIGHUP", "reading files again");
        }
    });
    Ok(Signals { shutdown, reload: Reload(requests) })
}

struct Ends {
    interrupt: Signal,
    terminate: Signal,
}

impl Ends {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }
}

async fn end(mut ends: Ends, token: CancellationToken) {
    loop {
        let (name, code) = tokio::select! {
            _ = ends.interrupt.recv() => ("SIGINT", INTERRUPTED),
            _ = ends.terminate.recv() => ("SIGTERM", TERMINATED),
        };
        if token.is_cancelled() {
            process::exit(code);
        }
        // First of all: nothing that happens to a log line may keep a daemon from ending.
        token.cancel();
        notify::stopping();
        tracing::info!(signal = name, "shutting down");
    }
}
