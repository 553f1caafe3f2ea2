//! The worker's metrics. crates/service/README.md lists them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use carlo_service::admin::Admin;
use carlo_service::metrics::{Metrics, SECONDS_BUCKETS};
use carlo_service::tls::ClientIdentity;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

/// The instruments. Clones share their values.
#[derive(Debug, Clone)]
pub(crate) struct Instruments {
    has_joined: Arc<AtomicBool>,
    /// Why it has not joined, as far as is known.
    trouble: Arc<Mutex<String>>,
    joined: Gauge,
    ready: Gauge,
    sessions: Counter,
    threads: Gauge,
    leases_in_work: Gauge,
    leases_finished: Family<LeaseResult, Counter>,
    simulations: Counter,
    compute_seconds: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LeaseResult {
    result: &'static str,
}

impl Default for Instruments {
    fn default() -> Self {
        Self {
            has_joined: Arc::default(),
            trouble: Arc::new(Mutex::new("it has not joined a coordinator yet".to_owned())),
            joined: Gauge::default(),
            ready: Gauge::default(),
            sessions: Counter::default(),
            threads: Gauge::default(),
            leases_in_work: Gauge::default(),
            leases_finished: Family::default(),
            simulations: Counter::default(),
            compute_seconds: Histogram::new(SECONDS_BUCKETS),
        }
    }
}

impl Instruments {
    /// The admin endpoint of a worker with this many threads. The worker is ready while it is in a
    /// session with a coordinator.
    pub(crate) fn admin(&self, threads: usize, identity: Option<&ClientIdentity>) -> Admin {
        let metrics = Metrics::new("worker");
        if let Some(identity) = identity {
            metrics.watch_client_certificate(identity);
        }
        self.threads.set(i64::try_from(threads).unwrap_or(i64::MAX));
        metrics.register(|to| {
            to.register("carlo_ready", "1 if /readyz answers 200", self.ready.clone());
            to.register(
                "carlo_worker_joined",
                "1 while in a session with a coordinator",
                self.joined.clone(),
            );
            to.register("carlo_worker_sessions", "Sessions that began", self.sessions.clone());
            to.register("carlo_worker_threads", "Threads that compute", self.threads.clone());
            let help = "Leases that are being computed";
            to.register("carlo_worker_leases_in_work", help, self.leases_in_work.clone());
            let help = "Leases that were computed";
            to.register("carlo_worker_leases_finished", help, self.leases_finished.clone());
            let help = "Simulations that were computed";
            to.register("carlo_worker_simulations", help, self.simulations.clone());
            let help = "Time to compute a lease";
            to.register("carlo_worker_lease_compute_seconds", help, self.compute_seconds.clone());
        });
        let this = self.clone();
        Admin::new(metrics, move || std::future::ready(this.ready()))
    }

    fn ready(&self) -> Result<String, String> {
        if self.has_joined.load(Ordering::Relaxed) {
            return Ok("joined".to_owned());
        }
        Err(self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// A session began.
    pub(crate) fn join(&self) {
        self.sessions.inc();
        self.set_joined(true);
    }

    /// The session ended, or joining failed, for this reason.
    pub(crate) fn lose(&self, trouble: String) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        self.set_joined(false);
    }

    fn set_joined(&self, joined: bool) {
        self.has_joined.store(joined, Ordering::Relaxed);
        self.joined.set(i64::from(joined));
        self.ready.set(i64::from(joined));
    }

    pub(crate) fn set_leases(&self, leases: usize) {
        self.leases_in_work.set(i64::try_from(leases).unwrap_or(i64::MAX));
    }

    /// Counts a lease that was computed, with its simulations, or that failed (`None`), and how
    /// long it took.
    pub(crate) fn finish(&self, simulations: Option<u64>, seconds: f64) {
        let result = if simulations.is_some() { "computed" } else { "failed" };
        self.leases_finished.get_or_create(&LeaseResult { result }).inc();
        self.simulations.inc_by(simulations.unwrap_or(0));
        self.compute_seconds.observe(seconds);
    }
}
