//! The metrics of a coordinator. `crates/service/README.md` lists them.
//!
//! * [`calls`]: a layer that measures every gRPC call.
//! * [`ledger`]: a ledger that measures its commits.
//!
//! The core counts events as they happen. Its state is read at each scrape, as a [`Snapshot`].

pub(crate) mod calls;
pub(crate) mod ledger;

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use carlo_schedule::{CheckCounts, JobRecord, JobState};
use carlo_service::metrics::{LONG_SECONDS_BUCKETS, Metrics, SECONDS_BUCKETS};
use carlo_types::{Fault, FaultCode, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::clock_skew::ClockSkews;

/// The most nodes that have a time series of their own.
const NODES_MAX: usize = 200;
/// The weight of the latest commit in the mean of the latest ones.
const RECENT_COMMIT_WEIGHT: f64 = 0.05;
/// The buckets for the number of writes in a commit, up to a ledger's limit.
const WRITES_BUCKETS: [f64; 8] = [1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0];

type Float = Gauge<f64, AtomicU64>;
type HistogramOf<L> = Family<L, Histogram, fn() -> Histogram>;

/// The instruments. Clones share their values.
#[derive(Debug, Clone)]
pub(crate) struct Instruments {
    pub(crate) leading: Gauge,
    pub(crate) epoch: Gauge,
    pub(crate) terms: Counter,
    pub(crate) ready: Gauge,
    standbys: Gauge,
    jobs: Family<TierState, Gauge>,
    outstanding: Family<Tier, Float>,
    jobs_submitted: Counter,
    jobs_ended: Family<State, Counter>,
    queue_wait: Histogram,
    job_duration: Histogram,
    pub(crate) leases_granted: Counter,
    pub(crate) leases_in_flight: Gauge,
    pub(crate) leases_expired: Counter,
    leases_repeated: Gauge,
    reports: Family<ReportResult, Counter>,
    pub(crate) lease_duration: Histogram,
    pub(crate) report_seconds: Histogram,
    requests_waiting: Gauge,
    checkpoint_age: Float,
    commit_seconds: Histogram,
    /// The mean duration of the latest commits; 0 before the first one.
    recent_commit_seconds: Float,
    commit_writes: Histogram,
    commit_errors: Counter,
    ledger_size: Gauge,
    quarantines: Gauge,
    checks_open: Gauge,
    checks: Family<ReportResult, Counter>,
    /// What `checks` counts of the current term so far.
    checks_counted: Arc<Mutex<CheckCounts>>,
    workers: Family<State, Gauge>,
    worker_cores: Gauge,
    speed: Float,
    node_speed: Family<Node, Float>,
    joins_refused: Family<Reason, Counter>,
    pub(crate) clock_skews: Arc<ClockSkews>,
    clock_skew: Float,
    requests: Family<CallLabels, Counter>,
    request_seconds: HistogramOf<Method>,
    in_progress: Gauge,
    admissions_refused: Family<Reason, Counter>,
    event_streams: Gauge,
    webhook_attempts: Family<WebhookResult, Counter>,
    webhook_deliveries_pending: Gauge,
    webhooks_disabled: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TierState {
    tier: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tier {
    tier: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReportResult {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookResult {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Node {
    node: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    method: String,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Method {
    method: String,
}

/// The core's state at a scrape.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// The number of open jobs, by tier and state.
    pub(crate) jobs: BTreeMap<(String, &'static str), i64>,
    /// The number of simulations that open jobs still need, by tier.
    pub(crate) outstanding: BTreeMap<String, u64>,
    /// The longest time since a checkpoint, of all running jobs that have new results.
    pub(crate) checkpoint_age: Duration,
    /// Reports and other requests that wait to be applied.
    pub(crate) requests_waiting: usize,
    /// The number of ranges that are leased to two nodes.
    pub(crate) repeated: usize,
    /// The number of names that are quarantined.
    pub(crate) quarantines: usize,
    /// Reports that wait for a check.
    pub(crate) open_checks: usize,
    /// What became of checks since the term began.
    pub(crate) checks: CheckCounts,
    /// The number of nodes, by state.
    pub(crate) workers: BTreeMap<&'static str, i64>,
    /// The cores of all nodes that are not offline.
    pub(crate) cores: u64,
    /// The cluster's simulations per second.
    pub(crate) speed: f64,
    /// The simulations per second of nodes, by name.
    pub(crate) node_speeds: Vec<(String, f64)>,
    /// Deliveries to webhooks that are pending.
    pub(crate) webhook_deliveries: usize,
    /// Webhooks that are disabled.
    pub(crate) webhooks_disabled: usize,
}

impl Default for Instruments {
    fn default() -> Self {
        Self {
            leading: Gauge::default(),
            epoch: Gauge::default(),
            terms: Counter::default(),
            ready: Gauge::default(),
            standbys: Gauge::default(),
            jobs: Family::default(),
            outstanding: Family::default(),
            jobs_submitted: Counter::default(),
            jobs_ended: from_zero(["complete", "failed", "cancelled"].map(|state| State { state })),
            queue_wait: Histogram::new(LONG_SECONDS_BUCKETS),
            job_duration: Histogram::new(LONG_SECONDS_BUCKETS),
            leases_granted: Counter::default(),
            leases_in_flight: Gauge::default(),
            leases_expired: Counter::default(),
            leases_repeated: Gauge::default(),
            reports: from_zero(["accepted", "stale", "faulty"].map(|result| ReportResult { result })),
            lease_duration: Histogram::new(SECONDS_BUCKETS),
            report_seconds: Histogram::new(SECONDS_BUCKETS),
            requests_waiting: Gauge::default(),
            checkpoint_age: Float::default(),
            commit_seconds: Histogram::new(SECONDS_BUCKETS),
            recent_commit_seconds: Float::default(),
            commit_writes: Histogram::new(WRITES_BUCKETS),
            commit_errors: Counter::default(),
            ledger_size: Gauge::default(),
            quarantines: Gauge::default(),
            checks_open: Gauge::default(),
            checks: from_zero(["agreed", "differed", "skipped"].map(|result| ReportResult { result })),
            checks_counted: Arc::default(),
            workers: Family::default(),
            worker_cores: Gauge::default(),
            speed: Float::default(),
            node_speed: Family::default(),
            joins_refused: from_zero(
                ["token", "version", "invalid", "other"].map(|reason| Reason { reason }),
            ),
            clock_skews: Arc::default(),
            clock_skew: Float::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS_BUCKETS)),
            in_progress: Gauge::default(),
            admissions_refused: from_zero(
                ["rate", "quota", "budget", "full"].map(|reason| Reason { reason }),
            ),
            event_streams: Gauge::default(),
            webhook_attempts: from_zero(
                ["delivered", "failed", "gone"].map(|result| WebhookResult { result }),
            ),
            webhook_deliveries_pending: Gauge::default(),
            webhooks_disabled: Gauge::default(),
        }
    }
}

impl Instruments {
    /// Adds the instruments to a process's metrics.
    pub(crate) fn register(&self, metrics: &Metrics) {
        let all = self.clone();
        metrics.register(|registry| {
            all.register_leadership(registry);
            all.register_jobs(registry);
            all.register_leases(registry);
            all.register_cluster(registry);
            all.register_calls(registry);
            all.register_webhooks(registry);
        });
    }

    fn register_leadership(&self, to: &mut Registry) {
        to.register("carlo_ready", "1 where /readyz answers 200", self.ready.clone());
        to.register("carlo_coordinator_leading", "1 if this coordinator leads, else 0", self.leading.clone());
        to.register("carlo_coordinator_epoch", "The epoch of its current or last term", self.epoch.clone());
        to.register("carlo_coordinator_terms", "Terms that this process has begun", self.terms.clone());
        let help = "Other coordinators that are ready to lead";
        to.register("carlo_coordinator_standbys", help, self.standbys.clone());
        to.register("carlo_ledger_commit_seconds", "How long a commit takes", self.commit_seconds.clone());
        to.register("carlo_ledger_commit_writes", "Writes in a commit", self.commit_writes.clone());
        to.register("carlo_ledger_commit_errors", "Commits that failed", self.commit_errors.clone());
        to.register("carlo_ledger_size_bytes", "Size of the ledger's file", self.ledger_size.clone());
    }

    fn register_jobs(&self, to: &mut Registry) {
        to.register("carlo_jobs", "Jobs that have not ended", self.jobs.clone());
        let help = "Simulations that these jobs still need";
        to.register("carlo_simulations_outstanding", help, self.outstanding.clone());
        to.register("carlo_jobs_submitted", "Jobs that were accepted", self.jobs_submitted.clone());
        to.register("carlo_jobs_ended", "Jobs that have ended", self.jobs_ended.clone());
        let help = "Time from a job's submission to its first lease";
        to.register("carlo_job_queue_wait_seconds", help, self.queue_wait.clone());
        let help = "Time from a job's first lease to its end";
        to.register("carlo_job_duration_seconds", help, self.job_duration.clone());
        let help = "Longest time since a checkpoint, of the running jobs with new results";
        to.register("carlo_checkpoint_age_seconds", help, self.checkpoint_age.clone());
    }

    fn register_leases(&self, to: &mut Registry) {
        to.register("carlo_leases_granted", "Leases that were granted", self.leases_granted.clone());
        to.register("carlo_leases_in_flight", "Active leases", self.leases_in_flight.clone());
        to.register("carlo_leases_expired", "Leases whose node was lost", self.leases_expired.clone());
        to.register(
            "carlo_leases_repeated",
            "Ranges that are leased to two nodes",
            self.leases_repeated.clone(),
        );
        to.register("carlo_reports", "Reports of leases, by result", self.reports.clone());
        let help = "Spot checks of reports that have ended, by result";
        to.register("carlo_spot_checks", help, self.checks.clone());
        let help = "Reports that wait for a spot check";
        to.register("carlo_spot_checks_open", help, self.checks_open.clone());
        let help = "Time from the grant of a lease to its report";
        to.register("carlo_lease_duration_seconds", help, self.lease_duration.clone());
        let help = "From a report's arrival to its commit";
        to.register("carlo_report_seconds", help, self.report_seconds.clone());
        let help = "Reports and other requests that wait to be applied";
        to.register("carlo_core_requests_waiting", help, self.requests_waiting.clone());
    }

    fn register_cluster(&self, to: &mut Registry) {
        to.register("carlo_workers", "Workers by state", self.workers.clone());
        let help = "Names of workers that are quarantined, because they compute wrongly";
        to.register("carlo_quarantines", help, self.quarantines.clone());
        to.register("carlo_worker_cores", "Cores of the connected workers", self.worker_cores.clone());
        let help = "Simulations per second of the whole cluster";
        to.register("carlo_simulations_per_second", help, self.speed.clone());
        let help = "Simulations per second of a node";
        to.register("carlo_node_simulations_per_second", help, self.node_speed.clone());
        let help = "Workers that were refused";
        to.register("carlo_worker_joins_refused", help, self.joins_refused.clone());
        let help = "The largest difference of a worker's clock to this one, either way";
        to.register("carlo_worker_clock_skew_seconds", help, self.clock_skew.clone());
    }

    fn register_calls(&self, to: &mut Registry) {
        to.register("carlo_grpc_requests", "gRPC calls that have ended", self.requests.clone());
        let help = "Duration of unary gRPC calls";
        to.register("carlo_grpc_request_duration_seconds", help, self.request_seconds.clone());
        let help = "Open gRPC calls and streams";
        to.register("carlo_grpc_requests_in_progress", help, self.in_progress.clone());
        let help = "Calls that were refused because of a limit";
        to.register("carlo_admissions_refused", help, self.admissions_refused.clone());
        let help = "Open streams of events";
        to.register("carlo_event_streams_open", help, self.event_streams.clone());
    }

    /// Counts a commit.
    fn committed(&self, took: Duration, writes: usize) {
        let seconds = took.as_secs_f64();
        self.commit_seconds.observe(seconds);
        self.commit_writes.observe(writes as f64);
        let mean = self.recent_commit_seconds.get();
        let weight = if mean == 0.0 { 1.0 } else { RECENT_COMMIT_WEIGHT };
        self.recent_commit_seconds.set(mean + weight * (seconds - mean));
    }

    /// The mean duration of the latest commits, in seconds; `None` before the first one.
    pub(crate) fn recent_commit_seconds(&self) -> Option<f64> {
        Some(self.recent_commit_seconds.get()).filter(|seconds| *seconds > 0.0)
    }

    fn register_webhooks(&self, to: &mut Registry) {
        let help = "Attempts to deliver events to webhooks";
        to.register("carlo_webhook_attempts", help, self.webhook_attempts.clone());
        let help = "Events that are neither delivered nor given up";
        to.register("carlo_webhook_deliveries_pending", help, self.webhook_deliveries_pending.clone());
        let help = "Webhooks that are disabled because attempts kept failing";
        to.register("carlo_webhooks_disabled", help, self.webhooks_disabled.clone());
    }

    /// Counts an attempt to deliver an event.
    pub(crate) fn webhook_attempt(&self, result: &'static str) {
        self.webhook_attempts.get_or_create(&WebhookResult { result }).inc();
    }

    /// Counts a change of a job's state.
    pub(crate) fn job(&self, job: &JobRecord) {
        let since = |from: Timestamp, to: Timestamp| to.0.saturating_sub(from.0) as f64 / 1e3;
        match (job.state, job.started_at, job.ended_at) {
            (JobState::Queued, ..) => {
                self.jobs_submitted.inc();
            }
            (JobState::Running, Some(started), _) => self.queue_wait.observe(since(job.created_at, started)),
            (JobState::Running, None, _) => {}
            (state, started, ended) => {
                self.jobs_ended.get_or_create(&State { state: state.as_str() }).inc();
                if let (Some(started), Some(ended)) = (started, ended) {
                    self.job_duration.observe(since(started, ended));
                }
            }
        }
    }

    /// Counts an acknowledged report.
    pub(crate) fn report(&self, accepted: bool) {
        let result = if accepted { "accepted" } else { "stale" };
        self.reports.get_or_create(&ReportResult { result }).inc();
    }

    /// Counts a lease that a worker could not compute.
    pub(crate) fn faulty_report(&self) {
        self.reports.get_or_create(&ReportResult { result: "faulty" }).inc();
    }

    /// Counts a worker that was refused.
    pub(crate) fn refuse_join(&self, fault: &Fault) {
        let reason = match fault.code {
            FaultCode::Unauthenticated | FaultCode::Forbidden => "token",
            FaultCode::Incompatible => "version",
            FaultCode::Invalid => "invalid",
            _ => "other",
        };
        self.joins_refused.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a call that was refused because of a limit. Other refusals appear only in the codes
    /// of calls.
    pub(crate) fn refuse_call(&self, fault: &Fault) {
        let reason = match fault.code {
            FaultCode::RateLimited => "rate",
            FaultCode::QuotaExceeded => "quota",
            FaultCode::OverBudget => "budget",
            FaultCode::Exhausted => "full",
            _ => return,
        };
        self.admissions_refused.get_or_create(&Reason { reason }).inc();
    }

    /// Sets the gauges from the core's state; `None` if this coordinator doesn't lead.
    pub(crate) fn set(&self, snapshot: Option<Snapshot>) {
        self.jobs.clear();
        self.outstanding.clear();
        self.workers.clear();
        self.node_speed.clear();
        let snapshot = snapshot.unwrap_or_default();
        for ((tier, state), count) in snapshot.jobs {
            self.jobs.get_or_create(&TierState { tier, state }).set(count);
        }
        for (tier, simulations) in snapshot.outstanding {
            self.outstanding.get_or_create(&Tier { tier }).set(simulations as f64);
        }
        for (state, count) in snapshot.workers {
            self.workers.get_or_create(&State { state }).set(count);
        }
        for (node, speed) in snapshot.node_speeds.into_iter().take(NODES_MAX) {
            self.node_speed.get_or_create(&Node { node }).set(speed);
        }
        self.quarantines.set(whole(snapshot.quarantines as u64));
        self.checks_open.set(whole(snapshot.open_checks as u64));
        self.count_checks(snapshot.checks);
        self.requests_waiting.set(whole(snapshot.requests_waiting as u64));
        self.checkpoint_age.set(snapshot.checkpoint_age.as_secs_f64());
        self.leases_repeated.set(whole(snapshot.repeated as u64));
        self.worker_cores.set(whole(snapshot.cores));
        self.speed.set(snapshot.speed);
        self.webhook_deliveries_pending.set(whole(snapshot.webhook_deliveries as u64));
        self.webhooks_disabled.set(whole(snapshot.webhooks_disabled as u64));
        self.clock_skew.set(self.clock_skews.largest_seconds());
    }

    /// Counts the checks that have ended since the last scrape. A new term counts from 0.
    fn count_checks(&self, now: CheckCounts) {
        let mut counted = self.checks_counted.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if now.begun < counted.begun { CheckCounts::default() } else { *counted };
        let results = [
            ("agreed", now.agreed, before.agreed),
            ("differed", now.differed, before.differed),
            ("skipped", now.skipped, before.skipped),
        ];
        for (result, now, before) in results {
            self.checks.get_or_create(&ReportResult { result }).inc_by(now.saturating_sub(before));
        }
        *counted = now;
    }

    /// Sets the gauges of the ledger.
    pub(crate) fn set_ledger(&self, size_bytes: Option<u64>, standbys: u64) {
        self.ledger_size.set(whole(size_bytes.unwrap_or(0)));
        self.standbys.set(whole(standbys));
    }
}

/// Counters that start at zero for all of these labels. Without this, Prometheus would miss the
/// first increase of each.
fn from_zero<L>(labels: impl IntoIterator<Item = L>) -> Family<L, Counter>
where
    L: Clone + Eq + Hash,
{
    let counters = Family::default();
    for labels in labels {
        drop(counters.get_or_create(&labels));
    }
    counters
}

/// The value of a gauge. Too large numbers become the largest value.
pub(crate) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
