//! The worker joins a coordinator, computes the leases that it is granted on every core, and
//! reports a merged partial result for each.
//!
//! * [`engine`]: runs leases on the kernel and produces partial results.
//! * [`machine`]: the compute threads: a rayon pool, or a simulation's own.
//! * [`session`]: one stream to a coordinator: greeting, leases, heartbeats, reports.
//! * [`join_token`]: the secret to join with. [`metrics`]: the worker's metrics.
//! * [`run`]: one session after another, until shutdown or refusal.
//!
//! Finished leases that no coordinator has acknowledged outlive their session: the next session
//! delivers them.

mod config;
mod engine;
mod join_token;
mod machine;
mod metrics;
mod session;

use std::time::Duration;

use backon::BackoffBuilder;
use carlo_kernel::Level;
use carlo_service::CancellationToken;
use carlo_service::log_throttle::LogThrottle;
use carlo_service::reload::Reloadable;
use carlo_types::{Fault, FaultCode, NodeFacts};
use carlo_wire::convert::NodeSecret;
use carlo_wire::{Coordinators, PROTOCOL_VERSION};

pub use carlo_wire::Trust;
pub use config::Config;
use engine::Engine;
pub use engine::Part;
pub use join_token::{JoinToken, JoinTokenError};
use machine::Cores;
pub use machine::Machine;
use metrics::Instruments;
use session::{Broken, End, Session};

/// The first and the longest wait between two attempts to join. Jitter at most doubles a wait, so
/// that a thousand workers don't return at the same instant. The waits are short because work must
/// continue within 5 s of a leader's death, and the election takes half of that.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
/// The same after a refusal of the join token, which an operator has to mend.
const REFUSED_BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// After a session of at least this length the next attempt starts again with the shortest wait.
const GOOD_SESSION: Duration = Duration::from_secs(10);

/// Why a worker ended without being shut down.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants and their fields")]
pub enum Error {
    #[error(transparent)]
    Addresses(#[from] carlo_wire::AddressError),
    #[error(transparent)]
    Level(#[from] carlo_kernel::UnknownLevel),
    #[error("failed to start the compute threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The coordinator refuses this worker permanently.
    #[error("refused by the coordinator at {address}: {reason}")]
    Refused { address: String, reason: String },
}

/// Works until `shutdown`, then finishes and reports its leases and leaves. Keeps trying while no
/// coordinator can be reached.
///
/// # Errors
///
/// If the configuration can't work, or the coordinator refuses this worker's name or version, or
/// the cluster needs a join token and the worker has neither one nor a certificate. A token or
/// certificate that is refused is read again, and the worker keeps trying.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), Error> {
    let trust = config.trust.clone();
    let coordinators = Coordinators::trusting(&config.coordinators, trust, |endpoint| endpoint)?;
    let machine = Cores::new(config.threads())?;
    carlo_service::notify::ready();
    work(config, &coordinators, Box::new(machine), shutdown).await
}

/// Works for `coordinators` until `shutdown` on the given machine. Of `config` it uses only the
/// name and the token.
///
/// # Errors
///
/// As [`run`].
pub async fn work(
    config: Config,
    coordinators: &Coordinators,
    mut machine: Box<dyn Machine>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let level = Level::detect()?;
    let threads = machine.threads();
    let secret = NodeSecret::from_random(machine.random(), machine.random());
    let node = secret.node();
    let jitter = jitter_seed(machine.random());
    let facts = facts(config.name.clone(), threads, level);
    let mut engine = Engine::new(machine, level);
    let instruments = Instruments::default();
    if let Some(listener) = config.admin {
        let admin = instruments.admin(threads, config.trust.identity());
        tokio::spawn(admin.serve(listener, shutdown.clone()));
    }
    tracing::info!(%node, name = facts.name, threads, instruction_set = level.as_str(), "worker started");

    let mut throttle = LogThrottle::default();
    let mut waits = backoff(BACKOFF, jitter);
    let mut refusals = backoff(REFUSED_BACKOFF, jitter);
    // A redirect to the leader is followed without a wait, but only once in a row, so that
    // coordinators can't send the worker around forever.
    let mut was_redirected = false;
    loop {
        let began = tokio::time::Instant::now();
        let join_token = config.join_token.as_ref();
        let coordinator = coordinators.current();
        let address = &*coordinator.address;
        let (engine, shutdown) = (&mut engine, &shutdown);
        let instruments = &instruments;
        let secret = &secret;
        let session =
            Session { secret, node, address, facts: &facts, join_token, engine, shutdown, instruments };
        let Broken { mut fault, refusal, had_joined } = match session.run(coordinator.channel.clone()).await {
            Ok(End::Left) => return Ok(()),
            Err(broken) => broken,
        };
        let credentials: [Option<&dyn Reloadable>; 2] = [
            join_token.map(|token| token as &dyn Reloadable),
            config.trust.identity().map(|identity| identity as &dyn Reloadable),
        ];
        if fault.code == FaultCode::Unauthenticated && credentials.iter().any(Option::is_some) {
            // Tokens and certificates are rotated: the files may hold the next ones already, or
            // soon.
            let mut is_new = false;
            for credential in credentials.into_iter().flatten() {
                is_new |= credential.reload().unwrap_or_else(|error| {
                    tracing::debug!("failed to read {} again: {error}", credential.name());
                    false
                });
            }
            instruments.lose(format!("{address}: {fault}"));
            if throttle.admits(&format!("{address}: {fault}")) {
                tracing::warn!(%node, coordinator = address, %fault, "refused, trying again");
            }
            if is_new {
                refusals = backoff(REFUSED_BACKOFF, jitter);
            }
            if config.trust.identity().is_some() {
                // The connection may have been made with an earlier certificate, even if the files
                // have not changed just now: their watcher reads them, too.
                coordinators.reconnect();
            }
            let wait = refusals.next().unwrap_or(REFUSED_BACKOFF.1);
            tokio::select! {
                () = tokio::time::sleep(if is_new { BACKOFF.0 } else { wait }) => continue,
                () = shutdown.cancelled() => return Ok(()),
            }
        }
        if matches!(fault.code, FaultCode::Incompatible | FaultCode::Unauthenticated | FaultCode::Invalid) {
            return Err(Error::Refused { address: coordinator.address.to_string(), reason: fault.message });
        }
        if had_joined {
            throttle.reset();
            refusals = backoff(REFUSED_BACKOFF, jitter);
        } else if let Some(cause) = coordinator.trouble() {
            fault.message = format!("{}: {cause}", fault.message);
        }
        instruments.lose(format!("{address}: {fault}"));
        coordinators.give_up(&coordinator, refusal.as_ref());
        let redirected = refusal.is_some_and(|refusal| carlo_wire::status::leader(&refusal).is_some());
        if redirected && !std::mem::replace(&mut was_redirected, true) {
            tracing::debug!(%node, coordinator = address, %fault, "redirected");
            continue;
        }
        if had_joined {
            tracing::warn!(%node, coordinator = address, %fault, "session ended");
        } else if throttle.admits(&format!("{address}: {fault}")) {
            tracing::warn!(%node, coordinator = address, %fault, "not joined, trying again");
        }
        was_redirected = false;
        if began.elapsed() >= GOOD_SESSION {
            waits = backoff(BACKOFF, jitter);
        }
        let wait = waits.next().unwrap_or(BACKOFF.1);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // Unreported leases can't be delivered any more. The coordinator returns their ranges
            // to the queue.
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "64 of random bits are as random")]
fn jitter_seed(bits: u128) -> u64 {
    bits as u64
}

/// The waits between attempts to join. Workers with different `jitter` don't return at the same
/// instant.
fn backoff((least, most): (Duration, Duration), jitter: u64) -> impl Iterator<Item = Duration> {
    backon::ExponentialBuilder::new()
        .with_min_delay(least)
        .with_max_delay(most)
        .without_max_times()
        .with_jitter()
        .with_jitter_seed(jitter)
        .build()
}

fn facts(name: Option<String>, threads: usize, level: Level) -> NodeFacts {
    let hostname = gethostname::gethostname().to_string_lossy().into_owned();
    NodeFacts {
        name: name.unwrap_or_else(|| hostname.clone()),
        hostname,
        threads: u32::try_from(threads).unwrap_or(u32::MAX),
        instruction_set: level.as_str().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model_version: carlo_kernel::MODEL_VERSION,
        protocol_version: PROTOCOL_VERSION,
    }
}

/// An error that ends a session although the worker didn't leave.
fn broken(message: impl Into<String>) -> Fault {
    Fault::new(FaultCode::Unavailable, message)
}
