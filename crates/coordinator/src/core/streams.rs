//! Streams and waiting calls. Each user may have a bounded number of them at the same time. They
//! end when their key is revoked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use carlo_service::CancellationToken;
use carlo_tenancy::{Caller, KeyId};
use carlo_types::{Fault, OwnerId};

use super::Core;

type Counts = Arc<Mutex<BTreeMap<OwnerId, u32>>>;

#[derive(Debug, Default)]
pub(super) struct Streams {
    counts: Counts,
    /// A token for each key that has had a stream. It is cancelled when the key is revoked.
    revoked: BTreeMap<KeyId, CancellationToken>,
}

/// One stream or waiting call. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    counts: Counts,
    user: OwnerId,
    /// Cancelled when the stream's key is revoked.
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
    /// Ends all streams and waiting calls of a key.
    pub(super) fn revoke(&mut self, key: KeyId) {
        if let Some(revoked) = self.revoked.remove(&key) {
            revoked.cancel();
        }
    }
}

impl Core {
    /// Admits one more stream or waiting call of a caller.
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
