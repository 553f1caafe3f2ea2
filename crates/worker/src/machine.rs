//! What a worker needs from its machine besides the network: cores, their load, and randomness.
//! They are behind a trait so that a simulation can run the worker. Passing time is tokio's, which
//! a simulation controls.

use carlo_types::Load;

use crate::engine::Part;

/// The machine that a worker runs on.
pub trait Machine: Send {
    /// Number of compute threads. A lease is split into as many parts.
    fn threads(&self) -> usize;

    /// Queues a part for one of the threads, behind earlier parts. Returns at once.
    fn compute(&mut self, part: Part);

    /// How busy the machine is. Figures that can't be measured are absent.
    fn load(&mut self) -> Load;

    /// Random bits, for the node's id and for the jitter of its attempts to join.
    fn random(&mut self) -> u128;
}

/// The machine that this process runs on.
pub(crate) struct Cores {
    pool: rayon::ThreadPool,
    system: Option<sysinfo::System>,
}

impl Cores {
    pub(crate) fn new(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("carlo-compute-{index}"))
            .build()?;
        Ok(Self { pool, system: sysinfo::System::new().ok() })
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
        let Some(system) = &mut self.system else { return Load::default() };
        system.refresh_cpu_usage();
        system.refresh_memory();
        Load {
            cpu: f64::from(system.global_cpu_usage()) / 100.0,
            memory: system.used_memory() as f64 / system.total_memory().max(1) as f64,
        }
    }

    fn random(&mut self) -> u128 {
        rand::random()
    }
}
