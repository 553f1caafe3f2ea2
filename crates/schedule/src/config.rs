//! What an operator may change about scheduling. The defaults are the limits of `carlo_types`.

use std::time::Duration;

use carlo_types::limits;

/// The scheduler's configuration. Every bound of its state is here.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What one lease should last.
    pub lease_target: Duration,
    /// A node that has been silent for this long is lost.
    pub heartbeat_timeout: Duration,
    /// A running job's progress is made durable at least this often.
    pub checkpoint_every: Duration,
    /// It is made durable earlier when this share of the job has been done since.
    pub checkpoint_share: f64,
    /// The most checkpoints of one tick, so that many running jobs can't flood the ledger.
    pub checkpoints_per_tick_max: usize,
    /// How long a job waits to gain one point of priority.
    pub ageing: Duration,
    /// An owner's usage of the cluster counts half after this time.
    pub usage_half_life: Duration,
    /// Leases that a node holds at once.
    pub leases_per_node: usize,
    /// Faults of one range after which its job fails, if they are of as many nodes, or of every
    /// node that works.
    pub range_faults_max: u32,
    /// How long a node may hold leases without any progress before they expire.
    pub lease_stall: Duration,
    /// How long a lease may be out, whatever progress its node claims.
    pub lease_age_max: Duration,
    /// How long a node gets no leases after its second fault in a row. Twice as long after each
    /// further one.
    pub quarantine: Duration,
    /// The longest that a node gets no leases for its faults.
    pub quarantine_max: Duration,
    /// Nodes lost while computing one range after which its job fails.
    pub range_losses_max: u32,
    /// Jobs of one owner that run at once, unless [`Command::Limit`](crate::Command::Limit) says
    /// otherwise; `None` for no limit.
    pub jobs_per_owner: Option<u32>,
    /// Running jobs with work left to lease from which on started jobs go before queued ones of the
    /// same owner and priority: every one of them holds a fold in memory.
    pub running_jobs_max: usize,
    /// Jobs that wait or run.
    pub open_jobs_max: usize,
    /// Ended jobs that are kept.
    pub ended_jobs_max: usize,
    /// How long an ended job is kept.
    pub ended_jobs_kept: Duration,
    /// Nodes that are admitted.
    pub nodes_max: usize,
    /// Lost nodes that are still shown.
    pub offline_nodes_max: usize,
    /// How long a lost node is still shown.
    pub offline_nodes_kept: Duration,
    /// Accepted reports that are remembered, so that a repeat is answered the same.
    pub answers_max: usize,
    /// The model that workers must compute.
    pub model_version: u32,
    /// The protocol that workers must speak.
    pub protocol_version: u32,
}

impl Default for Config {
    /// The limits of the system; both versions are 1 and must be set.
    fn default() -> Self {
        Self {
            lease_target: limits::LEASE_TARGET,
            heartbeat_timeout: limits::HEARTBEAT_TIMEOUT,
            checkpoint_every: limits::CHECKPOINT_EVERY,
            checkpoint_share: 0.05,
            checkpoints_per_tick_max: 16,
            ageing: Duration::from_secs(5),
            usage_half_life: Duration::from_mins(1),
            leases_per_node: limits::LEASES_PER_NODE_MAX,
            range_faults_max: limits::RANGE_FAULTS_MAX,
            lease_stall: Duration::from_mins(1),
            lease_age_max: Duration::from_mins(10),
            quarantine: Duration::from_secs(1),
            quarantine_max: Duration::from_mins(1),
            range_losses_max: limits::RANGE_LOSSES_MAX,
            jobs_per_owner: None,
            running_jobs_max: 1_000,
            open_jobs_max: limits::OPEN_JOBS_MAX,
            ended_jobs_max: limits::ENDED_JOBS_MAX,
            ended_jobs_kept: limits::ENDED_JOBS_KEPT,
            nodes_max: limits::NODES_MAX,
            offline_nodes_max: 100,
            offline_nodes_kept: Duration::from_mins(1),
            answers_max: 20_000,
            model_version: 1,
            protocol_version: 1,
        }
    }
}
