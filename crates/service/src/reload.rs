//! Files that are read again while a daemon runs: certificates, authorities, tokens.

use std::error::Error;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::CancellationToken;
use crate::log_throttle::LogThrottle;
use crate::shutdown::Reload;
use crate::tls::{Identity, Trust};

/// Between two looks whether a file has changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Looks between two warnings about a certificate that ends soon: a day.
const LOOKS_PER_WARNING: u64 = 24 * 60 * 60 / LOOK_EVERY.as_secs();

/// Something that was read from files.
pub trait Reloadable: Send + Sync {
    /// What it is, for the log.
    fn name(&self) -> &'static str;

    /// Reads the files again. `true` where they had changed.
    ///
    /// # Errors
    ///
    /// When they can't be used. What was read before stays.
    fn reload(&self) -> Result<bool, Box<dyn Error + Send + Sync>>;

    /// Logs what an operator should know from time to time.
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

impl Reloadable for Trust {
    fn name(&self) -> &'static str {
        "the authorities"
    }

    fn reload(&self) -> Result<bool, Box<dyn Error + Send + Sync>> {
        Ok(Self::reload(self)?)
    }
}

/// Reads them again at every request and whenever they change, until `shutdown`.
pub async fn keep_current(all: Vec<Box<dyn Reloadable>>, mut requests: Reload, shutdown: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut throttle = LogThrottle::default();
    let mut number: u64 = 0;
    loop {
        let is_asked = tokio::select! {
            () = shutdown.cancelled() => return,
            () = requests.requested() => true,
            _ = looks.tick() => false,
        };
        number += 1;
        for item in &all {
            match item.reload() {
                Ok(true) => tracing::info!("{} changed and was read again", item.name()),
                Ok(false) if is_asked => tracing::info!("{} has not changed", item.name()),
                Ok(false) => {}
                Err(error) => {
                    let error = crate::chain(&*error);
                    if is_asked || throttle.admits(&error) {
                        tracing::warn!(
                            error,
                            "{} can't be read again; what was read before stays",
                            item.name()
                        );
                    }
                }
            }
            if number.is_multiple_of(LOOKS_PER_WARNING) {
                item.remind();
            }
        }
    }
}
