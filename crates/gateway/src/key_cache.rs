//! Recently accepted keys. A request with such a key may use the gateway's capacity, and its body
//! is read. Any other key is first checked by a coordinator.
//!
//! The cache only protects the gateway's capacity. The coordinator that carries a call out
//! authenticates it again, so a key that was just revoked gets its 401 there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use carlo_wire::v1;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::coordinator::Coordinator;
use crate::problem::Failure;
use crate::request_context::RequestContext;

/// How long an accepted key stays in the cache.
const REMEMBERED: Duration = Duration::from_mins(1);
const KEYS_MAX: usize = 10_000;
/// Keys that are checked at the same time. They use none of the capacity for requests with known
/// keys.
const CHECKS_MAX: usize = 64;

pub(crate) struct KeyCache {
    coordinator: Arc<Coordinator>,
    accepted: Mutex<HashMap<[u8; 32], Accepted>>,
    checks: Semaphore,
}

/// A key that is known to be good.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    /// Whose it is.
    pub(crate) user: Arc<str>,
    /// Its id; empty without authentication.
    pub(crate) key_id: Arc<str>,
    at: Instant,
}

impl KeyCache {
    pub(crate) fn new(coordinator: Arc<Coordinator>) -> Self {
        Self { coordinator, accepted: Mutex::default(), checks: Semaphore::new(CHECKS_MAX) }
    }

    /// The caller's key.
    ///
    /// # Errors
    ///
    /// If the key is not accepted, or no coordinator can check it now.
    pub(crate) async fn check(&self, context: &RequestContext) -> Result<Accepted, Failure> {
        let hash: [u8; 32] = Sha256::digest(context.key()).into();
        let known = self.lock().get(&hash).filter(|known| known.at.elapsed() < REMEMBERED).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let Ok(_check) = self.checks.try_acquire() else {
            let detail = "the gateway is checking as many unknown keys as it can";
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, detail));
        };
        let apart = context.apart();
        let checked = self.coordinator.call(&apart).check_key(v1::CheckKeyRequest {}).await?;
        let new = Accepted { user: checked.user.into(), key_id: checked.key_id.into(), at: Instant::now() };
        let mut accepted = self.lock();
        if accepted.len() >= KEYS_MAX {
            accepted.retain(|_, known| known.at.elapsed() < REMEMBERED);
        }
        if accepted.len() >= KEYS_MAX {
            accepted.clear();
        }
        accepted.insert(hash, new.clone());
        Ok(new)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Accepted>> {
        // A panic can't leave the map half changed.
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
