//! What a worker says of itself.

/// The fixed facts of a worker process, told once when it joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// The machine's name.
    pub hostname: String,
    /// The name that its operator gave it; the machine's name where none was given.
    pub name: String,
    /// Threads that compute.
    pub threads: u32,
    /// The dispatch level of its kernel: `avx512`, `avx2`, `portable`.
    pub instruction_set: String,
    /// The version of its program.
    pub version: String,
    /// The model that it computes. A coordinator refuses another one than its own.
    pub model_version: u32,
    /// The protocol that it speaks. A coordinator refuses another one than its own.
    pub protocol_version: u32,
}

/// How busy a worker's machine is, told with each heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Load {
    /// Share of the machine's processors in use, 0 to 1.
    pub cpu: f64,
    /// Share of the machine's memory in use, 0 to 1.
    pub memory: f64,
}
