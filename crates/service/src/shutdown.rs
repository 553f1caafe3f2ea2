//! Signals: SIGINT and SIGTERM end a daemon, SIGHUP makes it reread its files.

use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::notify;

/// Exit codes after a second signal, by the shell's convention: 128 + the signal's number.
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

/// The signals that a daemon must react to.
#[derive(Debug, Clone)]
pub struct Signals {
    /// Cancelled at SIGINT and SIGTERM.
    pub shutdown: CancellationToken,
    /// Notified at SIGHUP.
    pub reload: Reload,
}

/// Requests to reread files: certificates, authorities, tokens, tiers.
#[derive(Debug, Clone)]
pub struct Reload(watch::Receiver<u64>);

impl Reload {
    /// A source without requests.
    pub fn never() -> Self {
        Self(watch::channel(0).1)
    }

    /// Waits for the next request. Several requests since the last call count as one.
    pub async fn requested(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A token that is cancelled at the first SIGINT or SIGTERM. At the second signal the process ends
/// at once, with the shell's exit code for it, because a user who presses Ctrl-C twice wants that.
///
/// # Errors
///
/// If the system refuses to install a handler.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    tokio::spawn(end(Ends::new()?, token.clone()));
    Ok(token)
}

/// The same for a daemon, which rereads its files at SIGHUP.
///
/// # Errors
///
/// If the system refuses to install a handler.
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
        // Cancels first, so that a problem with logging can't keep the daemon from ending.
        token.cancel();
        notify::stopping();
        tracing::info!(signal = name, "shutting down");
    }
}
