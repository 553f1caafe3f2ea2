//! The worker: it joins a coordinator, computes the leases that it is granted on every core, and reports a merged partial result for each.
//!
//! * [`engine`]: leases in, partial results out; the kernel is here.
//! * [`machine`]: the threads that it computes on, a rayon pool, unless a simulation brings its own.
//! * [`session`]: one stream to a coordinator: greeting, leases, heartbeats, reports.
//! * [`join_token`]: what it joins with. [`metrics`]: what is measured.
//! * [`run`]: session after session, until shut down or refused.
//!
//! What a worker has finished and nobody has acknowledged outlives its session: the next one delivers it.

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

/// Between two attempts to join: at first, at most. Jittered, so that a thousand workers don't come back at the same instant.
/// The jitter doubles them at most. Short, because work shall go on within 5 s of a leader's death, and the election takes half of that.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
/// A session that lasted this long was a good one: the next attempt starts over with the shortest wait.
const GOOD_SESSION: Duration = Duration::from_secs(10);

/// Why a worker ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The coordinators' addresses can't be used.
    #[error(transparent)]
    Addresses(#[from] carlo_wire::AddressError),
    /// `CARLO_SIMD` names no level of this machine.
    #[error(transparent)]
    Level(#[from] carlo_kernel::UnknownLevel),
    /// The threads can't be started.
    #[error("failed to start the compute threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The coordinator doesn't want this worker, and never will.
    #[error("refused by the coordinator at {address}: {reason}")]
    Refused {
        /// Which.
        address: String,
        /// Why.
        reason: String,
    },
}

/// Works until `shutdown`, then finishes and reports the leases that it holds, and leaves. Coordinators that can't be reached are tried
/// again and again.
///
/// # Errors
///
/// When the configuration can't work, or the coordinator refuses this worker's name, version or token.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), Error> {
    let trust = config.trust.clone();
    let coordinators = Coordinators::trusting(&config.coordinators, trust, |endpoint| endpoint)?;
    let machine = Cores::new(config.threads())?;
    carlo_service::notify::ready();
    work(config, &coordinators, Box::new(machine), shutdown).await
}

/// Works for `coordinators` until `shutdown`, on a machine of the caller's choice: of `config` it uses the name and the token alone.
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
        tokio::spawn(instruments.admin(threads).serve(listener, shutdown.clone()));
    }
    tracing::info!(%node, name = facts.name, threads, instruction_set = level.as_str(), "worker started");

    let mut throttle = LogThrottle::default();
    let mut waits = backoff(jitter);
    // Whoever is told who leads goes there at once, but not from one to the other without end.
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
        if matches!(fault.code, FaultCode::Incompatible | FaultCode::Unauthenticated | FaultCode::Invalid) {
            return Err(Error::Refused { address: coordinator.address.to_string(), reason: fault.message });
        }
        if had_joined {
            throttle.reset();
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
            waits = backoff(jitter);
        }
        let wait = waits.next().unwrap_or(BACKOFF.1);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // What it still holds can't be delivered to anybody: the ranges return to the queue.
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "64 of random bits are as random")]
fn jitter_seed(bits: u128) -> u64 {
    bits as u64
}

/// The waits between attempts to join. Workers that differ in `jitter` don't come back at the same instant.
fn backoff(jitter: u64) -> impl Iterator<Item = Duration> {
    backon::ExponentialBuilder::new()
        .with_min_delay(BACKOFF.0)
        .with_max_delay(BACKOFF.1)
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

/// A session that ended without this worker having left.
fn broken(message: impl Into<String>) -> Fault {
    Fault::new(FaultCode::Unavailable, message)
}
