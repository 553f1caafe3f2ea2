//! Decides how many blocks a lease gets.

use std::time::Duration;

use carlo_types::BLOCK_SIMULATIONS;
use carlo_types::limits::LEASE_BLOCKS_MAX;

/// Even near the end of a job a lease takes at least this share of its target time.
const SHORTEST: f64 = 0.04;

/// Whether a job is so small that a node of this speed computes it in no more time than the shortest
/// lease takes. `path_months` is the whole job.
pub(crate) fn is_brief(path_months: u64, speed: f64, target: Duration) -> bool {
    path_months as f64 <= SHORTEST * speed * target.as_secs_f64()
}

/// The inputs of a lease's size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sizing {
    /// How long a lease should take.
    pub(crate) target: Duration,
    /// The node's speed in path-months per second, once measured.
    pub(crate) speed: Option<f64>,
    /// The node's share of the total speed, 0 to 1.
    pub(crate) share: f64,
    /// The node's threads.
    pub(crate) threads: u32,
    /// The job's timeline.
    pub(crate) months: u32,
    /// Blocks of the job that may be leased now.
    pub(crate) pending: u64,
    /// Jobs that could get a lease now, including this one.
    pub(crate) competitors: usize,
}

impl Sizing {
    /// The number of blocks for the lease, at least one.
    ///
    /// The blocks last `target`, or are one per thread while the speed is unknown. Towards the end
    /// of a job there are fewer, so that its end doesn't wait for one slow node: half of this
    /// node's share of the rest, if the cluster were divided evenly among the jobs that want it
    /// (guided self-scheduling, Polychronopoulos and Kuck 1987).
    pub(crate) fn blocks(&self) -> u64 {
        let block_path_months = (BLOCK_SIMULATIONS * u64::from(self.months.max(1))) as f64;
        let full = self.speed.map_or(f64::from(self.threads.max(1)), |speed| {
            speed * self.target.as_secs_f64() / block_path_months
        });
        let share = self.share * self.competitors.max(1) as f64;
        let rest = self.pending as f64 * if share < 1.0 { share / 2.0 } else { 1.0 };
        whole(full.min(rest.max(full * SHORTEST)).clamp(1.0, LEASE_BLOCKS_MAX as f64))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between 1 and the largest lease"
)]
fn whole(blocks: f64) -> u64 {
    blocks as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONE: Sizing = Sizing {
        target: Duration::from_millis(500),
        speed: None,
        share: 1.0,
        threads: 4,
        months: 36,
        pending: 1_000_000,
        competitors: 1,
    };

    #[test]
    fn a_lease_lasts_its_target_once_the_speed_is_known() {
        assert_eq!(LONE.blocks(), 4);
        let speed = Some(1000.0 * 36.0 * BLOCK_SIMULATIONS as f64);
        assert_eq!(Sizing { speed, ..LONE }.blocks(), 500);
        assert_eq!(Sizing { speed: Some(1.0), ..LONE }.blocks(), 1);
        assert_eq!(Sizing { speed: Some(1e30), ..LONE }.blocks(), LEASE_BLOCKS_MAX);
    }

    #[test]
    fn leases_shrink_towards_the_end_of_a_job_that_several_nodes_share() {
        let fast = Sizing { speed: Some(1000.0 * 36.0 * BLOCK_SIMULATIONS as f64), share: 0.25, ..LONE };
        let sizes = [10_000, 2_000, 400, 80, 1].map(|pending| Sizing { pending, ..fast }.blocks());
        assert_eq!(sizes, [500, 250, 50, 20, 20]);
        // If other jobs want the cluster too, no idle node waits for this one.
        assert_eq!(Sizing { pending: 400, competitors: 100, ..fast }.blocks(), 400);
    }
}
