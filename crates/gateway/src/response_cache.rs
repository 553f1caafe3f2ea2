//! Responses about jobs that have ended. Such a job changes only if a node that took part is found
//! to compute wrongly, so its JSON is only written once per verdict on a node.
//!
//! For every request a coordinator still decides ([`revalidate`](crate::revalidate)) whether the
//! caller may see the job and whether the cached job is the current one. It also counts the call.
//! Only then is the cached response sent.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use carlo_types::JobId;

use crate::entity::Entity;

/// Bytes of all cached bodies. The oldest are dropped first.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// The resource that shows the job; each has its own JSON form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Resource {
    /// `/api/jobs/{id}`
    Job,
    /// `/simulations/{job_id}`
    Simulation,
    /// `/simulations/{job_id}/result`
    Result,
}

#[derive(Debug, Clone)]
pub(crate) struct CachedResponse {
    /// When the job ended, which identifies it to a coordinator.
    pub(crate) completed_at_ms: u64,
    /// The latest verdict on a node when the response was written.
    pub(crate) verdict: u64,
    pub(crate) entity: Entity,
}

#[derive(Debug)]
pub(crate) struct ResponseCache {
    entries: Mutex<Entries>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<Key, CachedResponse>,
    /// The oldest first.
    keys: VecDeque<Key>,
    bytes: usize,
}

type Key = (JobId, Resource);

impl Default for ResponseCache {
    fn default() -> Self {
        Self { entries: Mutex::default(), bytes_max: BYTES_MAX }
    }
}

impl ResponseCache {
    pub(crate) fn get(&self, job: JobId, resource: Resource) -> Option<CachedResponse> {
        self.lock().by_key.get(&(job, resource)).cloned()
    }

    /// Caches a response, unless it needs more than a sixteenth of the cache.
    pub(crate) fn insert(&self, job: JobId, resource: Resource, response: CachedResponse) {
        let (key, bytes) = ((job, resource), response.entity.len());
        if bytes > self.bytes_max / 16 {
            return;
        }
        let mut entries = self.lock();
        match entries.by_key.insert(key, response) {
            Some(replaced) => entries.bytes -= replaced.entity.len(),
            None => entries.keys.push_back(key),
        }
        entries.bytes += bytes;
        while entries.bytes > self.bytes_max {
            let oldest = entries.keys.pop_front().expect("an entry with bytes has a key");
            let dropped = entries.by_key.remove(&oldest).expect("every key has an entry");
            entries.bytes -= dropped.entity.len();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // A panic can't leave the entries half changed.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A response of `digits` + 2 bytes.
    fn response(digits: usize) -> CachedResponse {
        CachedResponse { completed_at_ms: 1, verdict: 0, entity: Entity::new(&"9".repeat(digits)).unwrap() }
    }

    #[test]
    fn the_oldest_responses_make_room() {
        let cache = ResponseCache { entries: Mutex::default(), bytes_max: 160 };
        let ids: Vec<_> = (0..20).map(JobId::from_random).collect();
        for id in &ids {
            cache.insert(*id, Resource::Job, response(8));
        }
        let cached: Vec<_> = ids.iter().map(|id| cache.get(*id, Resource::Job).is_some()).collect();
        assert_eq!(cached, [vec![false; 4], vec![true; 16]].concat());
        // Inserting the same response again takes no more space.
        cache.insert(ids[19], Resource::Job, response(8));
        assert!(cache.get(ids[4], Resource::Job).is_some());
        assert!(cache.get(ids[4], Resource::Simulation).is_none(), "each resource has its own form");
    }

    #[test]
    fn a_very_long_response_is_not_cached() {
        let cache = ResponseCache { entries: Mutex::default(), bytes_max: 160 };
        cache.insert(JobId::from_random(1), Resource::Job, response(9));
        assert!(cache.get(JobId::from_random(1), Resource::Job).is_none());
    }
}
