//! Facts about workers and their load.

/// The constant facts about a worker process, which it reports when it joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// The machine's name.
    pub hostname: String,
    /// The name that the operator gave the node; by default the machine's name.
    pub name: String,
    /// The number of computing threads.
    pub threads: u32,
    /// The instruction set of its kernel: `avx512`, `avx2` or `portable`.
    pub instruction_set: String,
    /// The version of the program.
    pub version: String,
    /// The model version. A coordinator refuses workers with another one than its own.
    pub model_version: u32,
    /// The version of the protocol. A coordinator refuses workers with another one than its own.
    pub protocol_version: u32,
}

/// The load of a worker's machine, which is reported with each heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Load {
    /// The fraction of the machine's processors that is in use, 0 to 1.
    pub cpu: f64,
    /// The fraction of the machine's memory that is in use, 0 to 1.
    pub memory: f64,
}
