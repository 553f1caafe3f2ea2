//! Streams and waiting calls: each user has a bounded number of them at once, and those of a
//! revoked key end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use carlo_service::CancellationToken;
use carlo_tenancy::{Caller, KeyId};
use carlo_types::{Fault, OwnerId};

use super::Core;

type Counts = Arc<Mutex<BTreeMap<OwnerId, u32>>>;

/// Everybody's streams and waiting calls.
#[derive(Debug, Default)]
pub(super) struct Streams {
    counts: Counts,
    /// Of every key that has had one.
    revoked: BTreeMap<KeyId, CancellationToken>,
}

/// One stream or waiting call. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    counts: Counts,
    user: OwnerId,
    /// Cancelled when the key is revoked that it was opened with.
    pub(crate) revoked: CancellationToken,
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

impl Streams {
    /// Ends what was opened with a key.
    pub(super) fn revoke(&mut self, key: KeyId) {
        if let Some(revoked) = self.revoked.remove(&key) {
            revoked.cancel();
        }
    }
}

impl Core {
    /// Lets a caller open one more stream, or wait in one more call.
    pub(crate) fn open_stream(&mut self, caller: &Caller) -> Result<StreamPermit, Fault> {
        let counts = Arc::clone(&self.streams.counts);
        {
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(caller.user.clone()).or_default();
            self.tenancy.check_streams(caller, *count)?;
            *count += 1;
        }
        let revoked = match caller.key {
            Some(key) => self.streams.revoked.entry(key).or_default().clone(),
            None => CancellationToken::new(),
        };
        Ok(StreamPermit { counts, user: caller.user.clone(), revoked })
    }
}
