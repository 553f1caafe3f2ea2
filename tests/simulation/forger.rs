//! Forges stale reports on the way from workers to the coordinator so that one check of the
//! coordinator can't tell them from current ones, as if that check were missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use carlo_wire::v1;
use carlo_wire::v1::coordinator_message::Message as FromCoordinator;
use carlo_wire::v1::worker_message::Message as FromWorker;

use crate::proxy::{self, Meddler};
use crate::trace::Trace;
use crate::world::{Sabotage, World};

/// The name of its host.
pub(crate) const HOST: &str = "forger";

/// The forger's main task.
pub(crate) async fn run(world: Arc<World>, sabotage: Sabotage) -> turmoil::Result {
    let trace = world.trace.clone();
    let session = move || Session {
        sabotage,
        trace: trace.clone(),
        epoch: 0,
        granted: BTreeMap::new(),
        stale: Vec::new(),
    };
    proxy::run(world, session).await
}

/// What was sent on one stream.
struct Session {
    sabotage: Sabotage,
    trace: Trace,
    epoch: u64,
    /// The leases granted in this session, by id.
    granted: BTreeMap<u64, v1::Lease>,
    /// Reports for leases that were not granted in this session.
    stale: Vec<v1::Report>,
}

impl Meddler for Session {
    fn worker_says(&mut self, message: FromWorker) -> Vec<FromWorker> {
        match message {
            FromWorker::Report(report) if self.is_stale(&report) => {
                self.stale.push(report);
                self.forge()
            }
            other => vec![other],
        }
    }

    /// Records the coordinator's message.
    fn coordinator_says(&mut self, message: &FromCoordinator) -> Vec<FromWorker> {
        match message {
            FromCoordinator::Welcome(welcome) => self.epoch = welcome.epoch,
            FromCoordinator::Grant(grant) => {
                if let Some(lease) = &grant.lease {
                    self.granted.insert(lease.id, lease.clone());
                }
            }
            _ => {}
        }
        self.forge()
    }
}

impl Session {
    fn is_stale(&self, report: &v1::Report) -> bool {
        let Some(lease) = &report.lease else { return false };
        match self.sabotage {
            Sabotage::NoEpochCheck => lease.epoch < self.epoch,
            _ => lease.epoch == self.epoch && !self.granted.contains_key(&lease.id),
        }
    }

    /// The stale reports that can now pass for current ones.
    fn forge(&mut self) -> Vec<FromWorker> {
        let mut forged = Vec::new();
        for mut report in std::mem::take(&mut self.stale) {
            let Some(lease) = &report.lease else { continue };
            let current = match self.sabotage {
                // Found by its number, which is unique only within an epoch.
                Sabotage::NoEpochCheck => self.granted.get(&lease.id),
                // Found by its node and its job.
                _ => self.granted.values().rev().find(|granted| granted.job_id == lease.job_id),
            };
            match current {
                Some(current) => {
                    self.trace.note(format_args!(
                        "forger: {}/{} of blocks {}..{} passes for {}/{} of {}..{}",
                        lease.epoch,
                        lease.id,
                        lease.start_block,
                        lease.end_block,
                        current.epoch,
                        current.id,
                        current.start_block,
                        current.end_block
                    ));
                    report.lease = Some(current.clone());
                    forged.push(FromWorker::Report(report));
                }
                None => self.stale.push(report),
            }
        }
        forged
    }
}
