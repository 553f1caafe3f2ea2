//! What every daemon needs and no domain knows: how it logs ([`telemetry`]), ends ([`shutdown`]) and listens ([`listen`]).

pub mod listen;
pub mod shutdown;
pub mod telemetry;

/// Asks whoever holds it to end.
pub use tokio_util::sync::CancellationToken;
