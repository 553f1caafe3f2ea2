//! The coordinator's `Ready` response: whether a coordinator leads, and whether authentication is
//! off. Only one RPC runs at a time, and its response serves all requests that waited for it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use carlo_service::{CancellationToken, clock};
use carlo_wire::v1;

use crate::coordinator::Coordinator;
use crate::problem::Failure;
use crate::request_context::RequestContext;

/// How long the known state of authentication is used without another call.
const AUTHENTICATION_FRESH: Duration = Duration::from_secs(2);
/// How often the coordinator is asked although nobody wants to know.
const CHECK_EVERY: Duration = Duration::from_mins(1);

/// The last response of a coordinator to `Ready`.
pub(crate) struct Readiness {
    coordinator: Arc<Coordinator>,
    /// The last response, and when its call began.
    last: tokio::sync::Mutex<Option<(Instant, Result<(), Failure>)>>,
    authentication: Mutex<Authentication>,
    /// How far the leading coordinator's clock is certainly ahead of this one.
    skew_ms: AtomicI64,
}

#[derive(Debug, Default)]
struct Authentication {
    /// `None` until a coordinator has answered.
    is_off: Option<bool>,
    checked_at: Option<Instant>,
}

impl Readiness {
    pub(crate) fn new(coordinator: Arc<Coordinator>) -> Self {
        Self {
            coordinator,
            last: tokio::sync::Mutex::default(),
            authentication: Mutex::default(),
            skew_ms: AtomicI64::new(0),
        }
    }

    /// Checks that a leading coordinator answers.
    ///
    /// # Errors
    ///
    /// The reason why none does.
    pub(crate) async fn check(&self) -> Result<(), Failure> {
        let arrived = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((asked, response)) = &*last
            && *asked >= arrived
        {
            return response.clone();
        }
        let (asked, before_ms) = (Instant::now(), clock::wall_ms());
        let anonymous = RequestContext::default();
        let response = self.coordinator.call(&anonymous).ready(v1::ReadyRequest {}).await;
        if let Ok(response) = &response {
            self.record(response.authentication_is_off);
            // A coordinator of an earlier version doesn't say what its clock shows.
            if response.wall_ms != 0 {
                self.record_skew(clock::skew_ms(before_ms, response.wall_ms, clock::wall_ms()));
            }
        }
        let response = response.map(|_| ());
        *last = Some((asked, response.clone()));
        response
    }

    /// Checks once a minute until `shutdown`, so that a clock that is off is noticed although
    /// nobody probes.
    pub(crate) async fn keep_checking(self: Arc<Self>, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(CHECK_EVERY) => {
                    // Whoever asks for the readiness is told why it failed.
                    let _ = self.check().await;
                }
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Whether the cluster accepts calls without a key. If no coordinator answers now, the last
    /// known state applies.
    ///
    /// # Errors
    ///
    /// If no coordinator has ever answered, and none does now.
    pub(crate) async fn authentication_is_off(&self) -> Result<bool, Failure> {
        let is_off = {
            let mut known = self.authentication.lock().unwrap_or_else(PoisonError::into_inner);
            let is_fresh = known.checked_at.is_some_and(|at| at.elapsed() < AUTHENTICATION_FRESH);
            match known.is_off {
                Some(is_off) if is_fresh => return Ok(is_off),
                Some(is_off) => {
                    // Other requests use the known state while this one makes the call.
                    known.checked_at = Some(Instant::now());
                    Some(is_off)
                }
                None => None,
            }
        };
        match (self.check().await, is_off) {
            (Err(failure), None) => Err(failure),
            (_, known) => {
                let now = self.authentication.lock().unwrap_or_else(PoisonError::into_inner).is_off;
                Ok(now.or(known).unwrap_or(false))
            }
        }
    }

    /// How far the leading coordinator's clock is ahead of this one, in seconds.
    pub(crate) fn clock_skew_seconds(&self) -> f64 {
        self.skew_ms.load(Ordering::Relaxed) as f64 / 1e3
    }

    fn record_skew(&self, skew_ms: i64) {
        let is_large = |skew_ms: i64| u128::from(skew_ms.unsigned_abs()) > clock::SKEW_MAX.as_millis();
        let previous = self.skew_ms.swap(skew_ms, Ordering::Relaxed);
        if is_large(skew_ms) && !is_large(previous) {
            tracing::warn!(ahead_ms = skew_ms, "the coordinator's clock differs from this one");
        }
    }

    fn record(&self, is_off: bool) {
        let mut known = self.authentication.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_off != Some(is_off) && (is_off || known.is_off.is_some()) {
            tracing::info!(
                authentication = if is_off { "off" } else { "on" },
                "the cluster's authentication"
            );
        }
        *known = Authentication { is_off: Some(is_off), checked_at: Some(Instant::now()) };
    }
}
