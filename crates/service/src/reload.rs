//! Rereads files while a daemon runs: certificates, authorities, tokens.

use std::error::Error;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::CancellationToken;
use crate::log_throttle::LogThrottle;
use crate::shutdown::Reload;
use crate::tls::{ClientIdentity, Identity, Trust};

/// How often files are checked for changes.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// The number of checks between two warnings about a certificate that expires soon: a day's.
const CHECKS_PER_WARNING: u64 = 24 * 60 * 60 / CHECK_EVERY.as_secs();

/// Something that was read from files.
pub trait Reloadable: Send + Sync {
    /// Its name in the log.
    fn name(&self) -> &'static str;

    /// Reads the files again. Returns whether they had changed.
    ///
    /// # Errors
    ///
    /// If the files can't be used. The previous content stays in use.
    fn reload(&self) -> Result<bool, Box<dyn Error + Send + Sync>>;

    /// Logs regular warnings for the operator.
    fn remind(&self) {}
}

impl Reloadable for Identity {
    fn name(&self) -> &'static str {
        "the certificate and its key"
    }

    fn reload(&self) -> Result<bool, Box<dyn Error + Send + Sync>> {
        let is_new = Self::reload(self)?;
        if is_new {
            self.warn();
        }
        Ok(is_new)
    }

    fn remind(&self) {
        self.warn();
    }
}

impl Reloadable for ClientIdentity {
    fn name(&self) -> &'static str {
        "the certificate that is presented to servers, and its key"
    }

    fn reload(&self) -> Result<bool, Box<dyn Error + Send + Sync>> {
        let is_new = Self::reload(self)?;
        if is_new {
            self.warn();
        }
        Ok(is_new)
    }

    fn remind(&self) {
        self.warn();
    }
}

impl Reloadable for Trust {
    fn name(&self) -> &'static str {
        "the authorities"
    }

    fn reload(&self) -> Result<bool, Box<dyn Error + Send + Sync>> {
        Ok(Self::reload(self)?)
    }
}

/// Rereads the files at every request and whenever they change, until `shutdown`.
pub async fn keep_current(all: Vec<Box<dyn Reloadable>>, mut requests: Reload, shutdown: CancellationToken) {
    let mut checks = tokio::time::interval(CHECK_EVERY);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut throttle = LogThrottle::default();
    let mut number: u64 = 0;
    loop {
        let is_requested = tokio::select! {
            () = shutdown.cancelled() => return,
            () = requests.requested() => true,
            _ = checks.tick() => false,
        };
        number += 1;
        for item in &all {
            match item.reload() {
                Ok(true) => tracing::info!("{} changed and was read again", item.name()),
                Ok(false) if is_requested => tracing::info!("{} has not changed", item.name()),
                Ok(false) => {}
                Err(error) => {
                    let error = crate::chain(&*error);
                    if is_requested || throttle.admits(&error) {
                        tracing::warn!(
                            error,
                            "failed to reread {}; the previous content stays in use",
                            item.name()
                        );
                    }
                }
            }
            if number.is_multiple_of(CHECKS_PER_WARNING) {
                item.remind();
            }
        }
    }
}
