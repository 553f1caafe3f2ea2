//! The operator's settings for scheduling. The defaults are the limits of `carlo_types`.

use std::time::Duration;

use carlo_types::limits;

/// The scheduler's configuration, with every limit of its state.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Config {
    /// How long a lease should take.
    pub lease_target: Duration,
    /// With so many nodes that leases of this length would be reported more often, in reports per
    /// second, they are longer.
    pub reports_per_second_max: u32,
    /// A node that has been silent for this long is lost.
    pub heartbeat_timeout: Duration,
    /// A running job's progress is made durable at least this often.
    pub checkpoint_every: Duration,
    /// It is made durable earlier if this share of the job was done since the last checkpoint.
    pub checkpoint_share: f64,
    /// The most checkpoints of one tick, so that many running jobs can't flood the ledger.
    pub checkpoints_per_tick_max: usize,
    /// How long a job waits to gain a point of priority.
    pub ageing: Duration,
    /// After this time an owner's past usage of the cluster counts half.
    pub usage_half_life: Duration,
    /// Leases that a node has at the same time, except for one that takes a moment.
    pub leases_per_node: usize,
    /// A job fails after this many faults of one range, if they come from as many nodes or from
    /// every node that works.
    pub range_faults_max: u32,
    /// Leases expire if their node makes no progress for this long.
    pub lease_stall: Duration,
    /// The longest that a lease may take, whatever progress its node reports.
    pub lease_age_max: Duration,
    /// How long a node gets no leases after its second consecutive fault. The time doubles with
    /// each further fault.
    pub fault_pause: Duration,
    /// The longest time without leases because of faults.
    pub fault_pause_max: Duration,
    /// The share of leases that another node computes again, to compare: 0 to 1.
    pub spot_check_share: f64,
    /// No lease is checked while fewer nodes, by name, get leases.
    pub spot_check_nodes_min: usize,
    /// A report is counted without a check after this time, or as soon as no other node gets leases.
    /// It waits in any case if this is [`Duration::MAX`].
    pub spot_check_patience: Duration,
    /// Reports that wait for their check at the same time. Each is kept in memory.
    pub spot_checks_max: usize,
    /// Verdicts that are kept.
    pub verdicts_max: usize,
    /// A job fails after this many nodes were lost while they computed one range.
    pub range_losses_max: u32,
    /// Running jobs per owner, unless [`Command::Limit`](crate::Command::Limit) sets another limit;
    /// `None` for no limit.
    pub jobs_per_owner: Option<u32>,
    /// With at least this many running jobs that have work left, started jobs go before queued ones
    /// of the same owner and priority, because every running job keeps a fold in memory.
    pub running_jobs_max: usize,
    /// Jobs that wait or run.
    pub open_jobs_max: usize,
    /// Ended jobs that are kept.
    pub ended_jobs_max: usize,
    pub ended_jobs_kept: Duration,
    /// Previews that are kept after their end, and for how long.
    pub ended_previews_max: usize,
    pub ended_previews_kept: Duration,
    /// Nodes that are admitted.
    pub nodes_max: usize,
    /// Lost nodes that are still shown.
    pub offline_nodes_max: usize,
    /// How long a lost node is still shown.
    pub offline_nodes_kept: Duration,
    /// Accepted reports that are remembered, so that a repeated report is acknowledged in the same
    /// way.
    pub accepted_reports_max: usize,
    /// The model version that workers must compute.
    pub model_version: u32,
    /// The protocol version that workers must speak.
    pub protocol_version: u32,
}

impl Default for Config {
    /// The system's limits. Both versions are 1 and must be set.
    fn default() -> Self {
        Self {
            lease_target: limits::LEASE_TARGET,
            reports_per_second_max: 10_000,
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
            fault_pause: Duration::from_secs(1),
            fault_pause_max: Duration::from_mins(1),
            spot_check_share: 0.001,
            spot_check_nodes_min: 2,
            spot_check_patience: Duration::from_secs(10),
            spot_checks_max: 2_000,
            verdicts_max: 1_000,
            range_losses_max: limits::RANGE_LOSSES_MAX,
            jobs_per_owner: None,
            running_jobs_max: 1_000,
            open_jobs_max: limits::OPEN_JOBS_MAX,
            ended_jobs_max: limits::ENDED_JOBS_MAX,
            ended_jobs_kept: limits::ENDED_JOBS_KEPT,
            ended_previews_max: 1_000,
            ended_previews_kept: Duration::from_mins(1),
            nodes_max: limits::NODES_MAX,
            offline_nodes_max: 100,
            offline_nodes_kept: Duration::from_mins(1),
            accepted_reports_max: 20_000,
            model_version: 1,
            protocol_version: 1,
        }
    }
}
