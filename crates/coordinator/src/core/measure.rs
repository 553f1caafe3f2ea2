//! Measures a term's state for the metrics.

use std::collections::BTreeMap;

use carlo_schedule::NodeState;
use carlo_types::OwnerId;

use super::Core;
use crate::metrics::Snapshot;

impl Core {
    /// The state at a scrape. This visits all remembered jobs, which takes some milliseconds for
    /// the largest number of them.
    pub(crate) fn measure(&self) -> Snapshot {
        let now = self.clock.now();
        let mut snapshot = Snapshot {
            repeated: self.scheduler.repeated_ranges(),
            requests_waiting: self.requests.len(),
            webhook_deliveries: self.webhooks.pending(),
            webhooks_disabled: self.webhooks.disabled(),
            quarantines: self.scheduler.verdicts().filter(|verdict| verdict.is_in_force()).count(),
            open_checks: self.scheduler.open_checks(),
            checks: self.scheduler.check_counts(),
            ..Snapshot::default()
        };
        let tiers: BTreeMap<&OwnerId, String> =
            self.tenancy.keys().map(|key| (&key.user, key.tier.to_string())).collect();
        for job in self.scheduler.open_jobs(now) {
            // The user `local` has no key.
            let tier = tiers.get(job.owner).cloned().unwrap_or_else(|| "enterprise".to_owned());
            *snapshot.jobs.entry((tier.clone(), job.state.as_str())).or_default() += 1;
            *snapshot.outstanding.entry(tier).or_default() += job.simulations_left;
            snapshot.checkpoint_age = snapshot.checkpoint_age.max(job.unsaved_for);
        }
        let cluster = self.scheduler.cluster(now);
        for node in &cluster.nodes {
            let state = match node.state {
                NodeState::Available => "available",
                NodeState::Busy => "busy",
                NodeState::Draining | NodeState::Drained => "draining",
                NodeState::Offline => "offline",
                NodeState::Quarantined => "quarantined",
            };
            *snapshot.workers.entry(state).or_default() += 1;
            if node.state != NodeState::Offline {
                snapshot.cores += u64::from(node.facts.threads);
                snapshot.node_speeds.push((node.facts.name.clone(), node.simulations_per_second));
            }
        }
        snapshot.speed = cluster.simulations_per_second;
        snapshot
    }
}
