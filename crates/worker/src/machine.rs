//! What a worker needs from its machine besides the network: cores, their load, and randomness.
//! They are behind a trait so that a simulation can run the worker. Passing time is tokio's, which
//! a simulation controls.

mod cgroup;

use std::num::NonZeroUsize;

use carlo_service::clock;
use carlo_types::Load;

use crate::engine::Part;
use cgroup::Cgroup;

/// The machine that a worker runs on.
pub trait Machine: Send {
    /// Number of compute threads. A lease is split into as many parts.
    fn threads(&self) -> usize;

    /// Queues a part for one of the threads, behind earlier parts. Returns at once.
    fn compute(&mut self, part: Part);

    /// How busy the machine is, or what of it this process may use. Figures that can't be measured
    /// are absent.
    fn load(&mut self) -> Load;

    /// The calendar, milliseconds since 1970; 0 for a machine without a clock.
    fn wall_ms(&self) -> u64 {
        clock::wall_ms()
    }

    /// Random bits, for the node's id and for the jitter of its attempts to join.
    fn random(&mut self) -> u128;
}

/// The machine that this process runs on.
pub(crate) struct Cores {
    pool: rayon::ThreadPool,
    system: Option<sysinfo::System>,
    cgroup: Cgroup,
}

/// The number of threads that keep the processors busy that this process may use.
pub(crate) fn threads_available() -> NonZeroUsize {
    let available = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Cgroup::of_this_process().threads().map_or(available, |limit| limit.min(available))
}

impl Cores {
    pub(crate) fn new(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("carlo-compute-{index}"))
            .build()?;
        Ok(Self { pool, system: sysinfo::System::new().ok(), cgroup: Cgroup::of_this_process() })
    }
}

impl Machine for Cores {
    fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    fn compute(&mut self, part: Part) {
        self.pool.spawn_fifo(move || part.run());
    }

    fn load(&mut self) -> Load {
        let of_machine = self.system.as_mut().map_or_else(Load::default, |system| {
            system.refresh_cpu_usage();
            system.refresh_memory();
            Load {
                cpu: f64::from(system.global_cpu_usage()) / 100.0,
                memory: system.used_memory() as f64 / system.total_memory().max(1) as f64,
            }
        });
        Load {
            cpu: self.cgroup.cpu().unwrap_or(of_machine.cpu),
            memory: self.cgroup.memory().unwrap_or(of_machine.memory),
        }
    }

    fn random(&mut self) -> u128 {
        rand::random()
    }
}
