//! The limits of the system that are not configuration. The unit is last in each name.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The largest magnitude of a number in a request.
pub const NUMBER_MAX: f64 = 1e12;
/// The most simulations of a job.
pub const SIMULATIONS_MAX: u64 = 1_000_000_000_000;
/// The most simulations in one call for samples.
pub const SAMPLES_MAX: u64 = 1_000_000;
/// The longest timeline.
pub const TIMELINE_MONTHS_MAX: u32 = 1_200;
/// Credit cards of a request, and loans of a request.
pub const ACCOUNTS_MAX: usize = 32;
/// Entries of `spendingByCategory`.
pub const CATEGORIES_MAX: usize = 100;
/// Dated incomes and spendings of a plan.
pub const FLOWS_MAX: usize = 64;
/// Assets of a portfolio.
pub const ASSETS_MAX: usize = 8;
/// Points of a glide path: one for each year of the longest timeline.
pub const GLIDE_POINTS_MAX: usize = 100;
/// Months of the history from which returns are bootstrapped.
pub const BOOTSTRAP_ROWS_MAX: usize = 2_400;
/// People of a plan.
pub const PEOPLE_MAX: usize = 2;
/// Length of an informational text of a request: a goal's type and text, an account's id, a reason.
pub const TEXT_CHARS_MAX: usize = 1_024;
/// Stored length of a worker's error message.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Length of a name in a request: an asset's, a job's in its batch.
pub const NAME_CHARS_MAX: usize = 128;
/// Length of an ASCII name: an owner, a host, a node.
pub const NAME_BYTES_MAX: usize = 128;
/// Faults that one response lists; further ones are only counted.
pub const FIELD_FAULTS_MAX: usize = 100;
/// The highest priority of a job; 0 is the lowest.
pub const PRIORITY_MAX: u8 = 100;
/// The default priority of a job.
pub const PRIORITY_DEFAULT: u8 = 50;

/// Simulations of a preview.
pub const PREVIEW_SIMULATIONS_MAX: u64 = 100_000;

/// Jobs of a batch in any tier.
pub const BATCH_JOBS_MAX: usize = 1_000;
/// Jobs of a batch that run at the same time.
pub const PARALLEL_JOBS_MAX: u32 = 100;
/// The largest budget of a batch in dollars. Nanodollars of a larger one don't fit into 64 bits.
pub const BUDGET_CAP_USD_MAX: f64 = 1e10;
/// The metadata of a batch, as JSON.
pub const METADATA_BYTES_MAX: usize = 16 * 1024;

/// The URL of a webhook, in characters.
pub const WEBHOOK_URL_CHARS_MAX: usize = 2_048;
/// The secret of a webhook, in bytes.
pub const WEBHOOK_SECRET_BYTES: RangeInclusive<usize> = 24..=64;

/// Body of a REST request.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// A gRPC message, in either direction.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A response of a coordinator to a gateway. The largest one describes a cluster with the largest
/// number of nodes, each with the longest facts.
pub const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The encoded partial result of a lease.
pub const PARTIAL_BYTES_MAX: usize = 256 * 1024;

/// Blocks in a lease: 2²⁰ blocks are 1.7 × 10¹⁰ simulations.
pub const LEASE_BLOCKS_MAX: u64 = 1 << 20;
/// Leases of a worker: one that it computes, and one in advance. Beside them it may have one that
/// takes a moment.
pub const LEASES_PER_NODE_MAX: usize = 2;
/// Nodes that a coordinator admits.
pub const NODES_MAX: usize = 20_000;
/// Jobs that wait or run.
pub const OPEN_JOBS_MAX: usize = 200_000;
/// Ended jobs that are kept.
pub const ENDED_JOBS_MAX: usize = 100_000;
/// How long an ended job is kept, unless its owner's tier says otherwise.
pub const ENDED_JOBS_KEPT: Duration = Duration::from_hours(30 * 24);
/// Cached responses that a gateway revalidates in one call.
pub const REVALIDATIONS_MAX: usize = 1_000;
/// Length of an idempotency key.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// The number of the last page of a list: 2³¹ − 1, the largest number of OpenAPI's format `int32`.
pub const PAGE_MAX: u32 = i32::MAX as u32;
/// Entries on one page of a list.
pub const PAGE_SIZE_MAX: u32 = 100;
/// The default number of entries on one page of a list.
pub const PAGE_SIZE_DEFAULT: u32 = 20;

/// A worker's heartbeat is due this often. A report since the last time may replace it.
pub const HEARTBEAT_EVERY: Duration = Duration::from_millis(500);
/// A worker that has been silent for this long is lost.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a lease should take.
pub const LEASE_TARGET: Duration = Duration::from_millis(500);
/// A running job's progress is made durable at least this often.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Faults reported for one range after which its job fails.
pub const RANGE_FAULTS_MAX: u32 = 3;
/// Nodes lost while computing one range after which its job fails. More than [`RANGE_FAULTS_MAX`],
/// because most losses of nodes have other reasons.
pub const RANGE_LOSSES_MAX: u32 = 8;
