//! Checks that all indexes of the queue agree.

use std::collections::BTreeSet;

use super::{OwnerKey, Place, Queue};
use crate::job::JobKey;

/// What the queue should contain.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    pub(crate) queued: Vec<Place>,
    /// The owners of blocked jobs.
    pub(crate) blocked: Vec<OwnerKey>,
    pub(crate) running: Vec<(Place, Option<(u64, std::time::Duration)>)>,
}

impl Queue {
    /// Panics unless the queue contains exactly these jobs, and all indexes agree.
    pub(crate) fn verify(&self, expected: &Expected) {
        self.verify_jobs(expected);
        let (mut by_usage, mut by_wait) = (BTreeSet::new(), BTreeSet::new());
        let (mut ready, mut startable) = (0, 0);
        for (key, owner) in &self.owners {
            assert_eq!(self.names.get(&owner.id), Some(key), "owners by name");
            assert_eq!(owner.limits, self.limits_of(&owner.id), "limits of {}", owner.id);
            let running: u32 = owner.classes.values().map(|class| class.running).sum();
            let queued: usize = owner.classes.values().map(|class| class.queued.len()).sum();
            assert_eq!((owner.running, owner.queued), (running, queued), "jobs of {}", owner.id);
            let blocked = expected.blocked.iter().filter(|holder| *holder == key).count();
            assert_eq!(owner.blocked, blocked, "blocked jobs of {}", owner.id);
            let most = owner.limits.jobs_at_once;
            let free = most.map_or(usize::MAX, |most| most.saturating_sub(running) as usize);
            assert_eq!(owner.startable, queued.min(free), "startable jobs of {}", owner.id);
            startable += owner.startable;
            for class in owner.classes.values() {
                class.ready.verify();
                assert!(!class.is_empty(), "a class without jobs is dropped");
                assert_eq!(class.queued.iter().count(), class.queued.len(), "queued jobs");
                ready += class.ready.len();
                let eligible = !class.ready.is_empty() || (owner.startable > 0 && !class.queued.is_empty());
                assert_eq!(class.listed().is_some(), eligible, "a class is listed while it can be served");
            }
            let eligible = owner.classes.values().any(|class| class.listed().is_some());
            assert_eq!(owner.listed.is_some(), eligible, "{} is listed while it can be served", owner.id);
            if let Some((usage, since)) = owner.listed {
                assert_eq!(usage, owner.weighted(), "the usage of {}", owner.id);
                by_usage.insert((usage, *key));
                by_wait.insert((since, *key));
            }
        }
        assert_eq!(self.names.len(), self.owners.len(), "owners by name");
        assert_eq!((self.ready, self.startable), (ready, startable), "jobs that could get a lease");
        assert_eq!((&self.by_usage, &self.by_wait), (&by_usage, &by_wait), "the order of service");
    }

    fn verify_jobs(&self, expected: &Expected) {
        let places = |place: &Place| (place.owner, place.priority, place.job);
        let classes = || {
            self.owners.iter().flat_map(|(key, owner)| owner.classes.iter().map(move |class| (key, class)))
        };
        let queued: BTreeSet<_> = classes()
            .flat_map(|(key, (priority, class))| class.queued.iter().map(move |job| (*key, *priority, job)))
            .collect();
        assert_eq!(queued, expected.queued.iter().map(places).collect(), "queued jobs");
        let ready: BTreeSet<JobKey> = expected
            .running
            .iter()
            .filter(|(place, ready)| {
                let class = &self.owners[&place.owner].classes[&place.priority];
                assert_eq!(class.ready.get(place.job), *ready, "what {:?} has to lease", place.job);
                ready.is_some()
            })
            .map(|(place, _)| place.job)
            .collect();
        assert_eq!(self.ready, ready.len(), "no job is ready that doesn't run");
        let running: u32 = classes().map(|(_, (_, class))| class.running).sum();
        assert_eq!(running as usize, expected.running.len(), "running jobs");
    }
}
