//! Limits how many requests of the contract the gateway handles at the same time. Only requests
//! with a valid key count. Long polls and streams have a separate limit, so that many waiting
//! clients never block short requests, and each user may use only a share of either limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::prefer::Wait;
use crate::problem::Failure;

/// Routes that long-poll or stream.
const LONG_ROUTES: [&str; 7] = [
    "/api/jobs/{id}/events",
    "/api/simulate",
    "/api/sensitivity",
    "/api/compare",
    "/api/solve",
    "/simulations/batch/{batch_id}/results",
    "/simulations/batch/{batch_id}/events",
];

/// Both limits.
pub(crate) struct ConcurrencyLimit {
    short: Arc<Limit>,
    long: Arc<Limit>,
}

struct Limit {
    /// The name of these requests in messages.
    kind: &'static str,
    all: Arc<Semaphore>,
    /// How many of them a user may have.
    share: usize,
    by_user: Mutex<HashMap<Arc<str>, usize>>,
}

/// Permission to handle one request. A handler that streams keeps it until the stream ends.
#[derive(Clone)]
pub(crate) struct Permit {
    _slot: Arc<Slot>,
}

struct Slot {
    limit: Arc<Limit>,
    user: Option<Arc<str>>,
    _permit: OwnedSemaphorePermit,
}

impl ConcurrencyLimit {
    /// Limits for this many short requests and this many long ones.
    pub(crate) fn new(requests_max: usize, streams_max: usize) -> Self {
        let limit = |kind, max: usize| {
            let (all, share) = (Arc::new(Semaphore::new(max)), max.div_ceil(2));
            Arc::new(Limit { kind, all, share, by_user: Mutex::default() })
        };
        Self { short: limit("requests", requests_max), long: limit("long polls and streams", streams_max) }
    }

    /// A permit for this request of this user. Without a user, as with authentication off, shares
    /// don't apply.
    ///
    /// # Errors
    ///
    /// 503 if the gateway handles as many requests as it can, 429 if the user has used their share.
    pub(crate) fn permit(&self, request: &Request, user: Option<Arc<str>>) -> Result<Permit, Failure> {
        let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let is_long =
            path.is_some_and(|path| LONG_ROUTES.contains(&path)) || Wait::of(request.headers()).is_some();
        Limit::permit(if is_long { &self.long } else { &self.short }, user)
    }
}

impl Limit {
    fn permit(self: &Arc<Self>, user: Option<Arc<str>>) -> Result<Permit, Failure> {
        if let Some(user) = &user {
            let mut by_user = self.by_user.lock().unwrap_or_else(PoisonError::into_inner);
            let count = by_user.entry(Arc::clone(user)).or_default();
            if *count >= self.share {
                let detail = format!(
                    "the user has {} {} open at this gateway, the maximum for one user",
                    self.share, self.kind
                );
                return Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, detail));
            }
            *count += 1;
        }
        let permit = Arc::clone(&self.all).try_acquire_owned();
        let Ok(permit) = permit else {
            self.release(user.as_ref());
            let detail = format!("the gateway is handling as many {} as it can", self.kind);
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, detail));
        };
        Ok(Permit { _slot: Arc::new(Slot { limit: Arc::clone(self), user, _permit: permit }) })
    }

    fn release(&self, user: Option<&Arc<str>>) {
        let Some(user) = user else { return };
        let mut by_user = self.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_user.get_mut(user).expect("it was counted when it was given");
        *count -= 1;
        if *count == 0 {
            by_user.remove(user);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.limit.release(self.user.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn one_user_gets_half_and_all_together_no_more_than_there_are() {
        let limit = ConcurrencyLimit::new(4, 2);
        let request = |prefer: &str| Request::get("/").header("prefer", prefer).body(Body::empty()).unwrap();
        let ask = |prefer: &str, user: Option<&str>| {
            let permit = limit.permit(&request(prefer), user.map(Arc::from));
            permit.map_err(|failure| failure.status().as_u16())
        };
        let ada = [ask("", Some("ada")), ask("", Some("ada"))];
        assert!(ada.iter().all(Result::is_ok));
        assert_eq!(ask("", Some("ada")).err(), Some(429));
        let _bob = ask("", Some("bob")).unwrap();
        let _nobody = ask("", None).unwrap();
        assert_eq!(ask("", Some("bob")).err(), Some(503));
        let _waiting = ask("wait=1", Some("ada")).expect("those who wait are counted apart");
        assert_eq!(ask("wait=1", Some("ada")).err(), Some(429));
        drop(ada);
        let _again = ask("", Some("bob")).expect("its share was not used up by the refusal");
        assert_eq!(limit.short.by_user.lock().unwrap().len(), 1);
    }
}
